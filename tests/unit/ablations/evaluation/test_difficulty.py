"""Quintiles, by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ablations.evaluation.difficulty import quintiles


def solved(counts, samples=4):
    """bool [P, samples]: of each problem as many right ones."""
    return np.arange(samples)[None, :] < np.array(counts)[:, None]


def test_one_problem_a_quintile():
    assert quintiles(solved([2, 0, 4, 1, 3])).tolist() == [3, 5, 1, 4, 2]


def test_of_equal_pass_rates_the_earlier_counts_as_easier():
    """Ten problems, two a quintile; six of pass rate 0 fill the quintiles 3 to 5 in their order."""
    assert quintiles(solved([0, 4, 0, 0, 1, 0, 0, 4, 0, 2])).tolist() == [3, 1, 3, 4, 2, 4, 5, 1, 5, 2]


def test_where_five_does_not_divide():
    """Eight problems: ranks 0 to 7 times 5 over 8, rounded down, are 0 0 1 1 2 3 3 4."""
    assert quintiles(solved([4, 4, 3, 3, 2, 1, 1, 0])).tolist() == [1, 1, 2, 2, 3, 4, 4, 5]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_equally_many_and_in_order(counts):
    level_P = quintiles(solved(counts))
    sizes = np.bincount(level_P, minlength=6)[1:]
    assert sizes.sum() == len(counts) and sizes.max() - sizes.min() <= 1
    for level in range(1, 5):
        easier, harder = (np.array(counts)[level_P == one] for one in (level, level + 1))
        assert not len(easier) or not len(harder) or easier.min() >= harder.max()
