"""The length correlation by hand, against scipy, and where there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from ablations.evaluation.length_bias import length_correlation


def of(score, steps, correct, finished=None):
    arrays = [np.array([row]) for row in (score, steps, correct)]
    finished_PM = np.ones(arrays[0].shape, bool) if finished is None else np.array([finished])
    (value,) = length_correlation(arrays[0].astype(float), arrays[1], arrays[2].astype(bool), finished_PM)
    return value


def test_by_hand():
    """Right: scores 0.9 0.8 0.7 with 1 2 3 steps, ranks 3 2 1 against 1 2 3, rho = -1.

    Wrong: scores 0.1 0.2 0.4 0.3 with 1 2 3 4 steps; ranks 1 2 4 3, d = 0 0 1 -1, and
    rho = 1 - 6 * 2 / (4 * 15) = 0.8. Together (3 * -1 + 4 * 0.8) / 7 = 0.2 / 7.
    """
    right = [0.9, 0.8, 0.7], [1, 2, 3]
    wrong = [0.1, 0.2, 0.4, 0.3], [1, 2, 3, 4]
    assert of(*right, [1] * 3) == pytest.approx(-1)
    assert of(*wrong, [0] * 4) == pytest.approx(0.8)
    both = of(right[0] + wrong[0], right[1] + wrong[1], [1] * 3 + [0] * 4)
    assert both == pytest.approx(0.2 / 7)


def test_right_and_wrong_are_not_compared():
    """Wrong solutions are longer and score lower, but among equals length tells nothing."""
    score, steps = [0.9, 0.8, 0.9, 0.2, 0.1, 0.2], [1, 2, 3, 7, 8, 9]
    assert of(score, steps, [1, 1, 1, 0, 0, 0]) == pytest.approx(0)
    assert spearmanr(score, steps).statistic < -0.5


def test_ties_share_their_rank():
    """Scores 1 1 2, ranks 1.5 1.5 3; steps 1 2 3. Centered -0.5 -0.5 1 and -1 0 1: 1.5 / sqrt(1.5 * 2)."""
    assert of([1, 1, 2], [1, 2, 3], [1, 1, 1]) == pytest.approx(1.5 / np.sqrt(3))


@pytest.mark.parametrize(
    ("score", "steps", "finished", "value"),
    [
        ([-np.inf, -np.inf, -1.0], [3, 3, 1], None, -1),  # what is impossible is a tie at the bottom
        ([0.5, 0.5, 0.5], [1, 2, 3], None, 0),  # one score for all follows no length
        ([0.1, 0.2, 0.3], [2, 2, 2], None, np.nan),  # no lengths to follow
        ([0.1, 0.2], [1, 2], None, np.nan),  # two are too few
        ([0.1, 0.2, 0.3, np.nan], [1, 2, 3, 1], [True, True, True, False], 1),
        ([0.1, 0.2, 0.3], [1, 2, 3], [True, True, False], np.nan),
        ([0.1, 0.2, 0.3], [1, 2, 3], [False] * 3, np.nan),
    ],
)
def test_where_there_is_little_to_compare(score, steps, finished, value):
    assert of(score, steps, [1] * len(score), finished) == pytest.approx(value, nan_ok=True)


solution = st.tuples(
    st.sampled_from([-np.inf, 0.1, 0.3, 0.7]), st.integers(1, 4), st.booleans(), st.booleans()
)


@given(st.integers(1, 7).flatmap(lambda m: st.lists(st.lists(solution, min_size=m, max_size=m), min_size=1)))
def test_against_scipy(problems):
    score, steps, correct, finished = (np.array([[s[k] for s in row] for row in problems]) for k in range(4))
    correct = correct & finished
    found = length_correlation(score, steps, correct, finished)
    for p in range(len(problems)):
        known = []
        for right in (False, True):
            rows = finished[p] & (correct[p] == right)
            if rows.sum() < 3 or len(set(steps[p, rows])) == 1:
                continue
            one = len(set(score[p, rows])) == 1
            finite = np.where(np.isneginf(score[p, rows]), -9, score[p, rows])  # the same order
            known.append((rows.sum(), 0.0 if one else spearmanr(finite, steps[p, rows]).statistic))
        expected = sum(n * r for n, r in known) / sum(n for n, _ in known) if known else np.nan
        assert found[p] == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_refused():
    one = np.ones((1, 2))
    with pytest.raises(ValueError, match=r"found shapes \[\(1, 2\), \(1, 3\)\]; allowed: the same \[P, M\]"):
        length_correlation(one, np.ones((1, 3), int), one > 0, one > 0)
