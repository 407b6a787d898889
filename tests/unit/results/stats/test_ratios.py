"""Ratios of means, and their intervals."""

import numpy as np
import pytest

from results.stats.intervals import mean_interval
from results.stats.ratios import linearized_ratio


def test_by_hand() -> None:
    """Wins 1, 1, 0, 0 and flawed wins 1, 0, 0, 0: the ratio is 1/2, of means 1/4 and 1/2.

    The influence of a problem is (part - whole / 2) / (1/2): +1, -1, 0, 0.
    """
    part, whole = np.array([[1.0, 0, 0, 0]]), np.array([[1.0, 1, 0, 0]])
    assert linearized_ratio(part, whole) == pytest.approx(np.array([[1.5, -0.5, 0.5, 0.5]]))


def test_its_error_is_that_of_a_bootstrap() -> None:
    rng = np.random.default_rng(0)
    whole = rng.uniform(0.2, 1, (1, 400))
    part = whole * rng.uniform(0, 0.5, (1, 400))
    found = mean_interval(linearized_ratio(part, whole))
    rows = rng.integers(0, 400, (4000, 400))
    ratios = part[0][rows].mean(axis=1) / whole[0][rows].mean(axis=1)
    assert found.estimate == pytest.approx(part.mean() / whole.mean())
    assert (found.upper - found.lower) / 2 == pytest.approx(1.96 * ratios.std(), rel=0.05)


@pytest.mark.parametrize("whole", [np.zeros((1, 2)), np.ones((2, 1)), np.zeros((0, 2))])
def test_malformed_tables(whole: np.ndarray) -> None:
    with pytest.raises(ValueError, match="allowed: equal shapes, and a mean above zero"):
        linearized_ratio(np.ones((1, 2)), whole)
