"""Ranks and their correlation within groups, by hand; their callers' tests hold them against scipy."""

import numpy as np
import pytest

from ablations.data.rank_statistics import centered_ranks, correlation


def test_ranks_by_hand():
    """Group 1: 5 5 9, ranks 1.5 1.5 3, less their mean 2; group 0 has one value, group 2 none."""
    found = centered_ranks(np.array([1, 0, 1, 1]), np.array([5.0, 7.0, 5.0, 9.0]), 3)
    assert found.tolist() == [-0.5, 0.0, -0.5, 1.0]


def test_correlation_by_hand():
    """Group 0: -1 0 1 against 0 -1 1, the sum of products 1, of squares 2 and 2: a half. Group 1: opposed.

    Group 2 is tied by the second, group 3 is empty.
    """
    group = np.array([0, 0, 0, 1, 1, 2, 2])
    one = centered_ranks(group, np.array([-np.inf, 0, 9, 3, 4, 1, 2]), 4)
    two = centered_ranks(group, np.array([5, 1, 7, 2, 1, 1, 1]), 4)
    assert correlation(group, one, two, 4) == pytest.approx([0.5, -1, 0, 0])
