"""Where a falling curve reaches zero, by hand and by simulation."""

from math import inf

import numpy as np
import pytest

from results.stats.crossing import Crossing, find_crossing
from results.stats.intervals import mean_interval

LEVELS = np.array([0.0, 0.1, 0.2, 0.4])


def curve(means: list[float], spread: float = 0.0, seeds: int = 3, problems: int = 10) -> np.ndarray:
    """Values [K, S, P] with these means: half of the problems lie above them by the spread, half below."""
    aside_P = spread * np.where(np.arange(problems) % 2, 1.0, -1.0)
    return np.array(means)[:, None, None] + np.broadcast_to(aside_P, (len(means), seeds, problems))


def test_a_line_between_two_levels() -> None:
    """From +0.1 at 0.2 to -0.3 at 0.4: zero after a quarter of the way, at 0.25. Nothing varies."""
    found = find_crossing(LEVELS, curve([0.3, 0.2, 0.1, -0.3]))
    assert found.estimate == pytest.approx(0.25) and found.most == 0.4
    assert (found.lower, found.upper) == (pytest.approx(0.25), pytest.approx(0.251, abs=1e-9))


def test_the_interval_is_where_that_of_the_mean_holds_zero() -> None:
    """A spread of 0.1 over 10 problems gives the mean a half width h at every level; the slope is -1."""
    half = mean_interval(curve([0.0], 0.1)[0]).upper
    assert half == pytest.approx(2.262 * 0.1 / 3, rel=1e-3)  # t with 9 degrees of freedom, 0.1 / sqrt(9)
    found = find_crossing(LEVELS, curve([0.2, 0.1, 0.0, -0.2], 0.1))
    assert found.estimate == pytest.approx(0.2)
    assert (found.lower, found.upper) == pytest.approx((0.2 - half, 0.2 + half), abs=0.002)


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([0.4, 0.4, 0.3, 0.3], (inf, inf, inf)),  # shown above zero at all levels
        ([0.4, 0.2, 0.1, 0.02], (inf, 0.297, inf)),  # 0.1 - 0.4 (x - 0.2) = 0.0611: x = 0.297
        ([0.02, 0.0, -0.2, -0.3], (0.1, 0.0, 0.13)),  # -2 (x - 0.1) = -0.0611 - 0.00...: x = 0.13
        ([-0.3, -0.3, -0.3, -0.4], (0.0, 0.0, 0.0)),
    ],
)
def test_ends_beyond_the_range(means: list[float], expected: tuple[float, ...]) -> None:
    """A spread of 0.081 gives a half width of 2.262 * 0.081 / 3 = 0.0611."""
    found = find_crossing(LEVELS, curve(means, 0.081))
    assert (found.estimate, found.lower, found.upper) == pytest.approx(expected, abs=0.002)


def test_a_few_problems_show_nothing() -> None:
    found = find_crossing(LEVELS, curve([0.3, 0.2, 0.1, -0.3], 0.01, problems=4))
    assert found == Crossing(estimate=pytest.approx(0.25), lower=0.0, upper=inf, most=0.4)


@pytest.mark.parametrize("levels", [[0.1], [0.2, 0.1], [0.1, 0.1], [0.1, 0.2, 0.3]])
def test_malformed_levels(levels: list[float]) -> None:
    with pytest.raises(ValueError, match=r"levels: found \[0.[123].*; allowed: two or more, ascending"):
        find_crossing(np.array(levels), np.zeros((2, 3, 10)))


def test_the_interval_contains_the_truth_about_as_often_as_it_says() -> None:
    """400 runs of 4 seeds and 40 problems, with effects of both and a crossing at 0.25."""
    rng, seeds, problems, held = np.random.default_rng(0), 4, 40, 0
    for _ in range(400):
        of_seed, of_problem = rng.normal(0, 0.05, (4, seeds, 1)), rng.normal(0, 0.2, (1, 1, problems))
        rest = rng.normal(0, 0.2, (4, seeds, problems))
        value = (0.25 - LEVELS)[:, None, None] + of_seed + of_problem + rest
        found = find_crossing(LEVELS, value)
        held += found.lower <= 0.25 <= found.upper
    assert 0.93 <= held / 400 <= 1.0
