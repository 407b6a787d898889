"""The level at which a falling curve of differences reaches zero, with its interval.

The curve is linear between the levels that were measured, for every seed and problem, so its mean at any
level has the interval of any mean over seeds and problems (``results.stats.crossed``). The interval of the
crossing holds the levels at which zero is not rejected: it begins where the mean is no longer shown above
zero and ends where it is shown below (Fieller's method). Unlike a bootstrap of few seeds, it is as honest as
the intervals of the means, and it says when the range is too short.

Shape letters: K levels that were measured, G levels of a grid, S seeds, P problems.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from results.stats.crossed import ROUNDING, half_width, mean_squares
from results.stats.intervals import LEAST_PROBLEMS, LEVEL

Floats = npt.NDArray[np.float64]

GRID = 400
"""Steps of the grid of levels, on which the crossing and its ends are found."""


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """A level with its 95% interval; infinite where it lies above all levels that were measured."""

    estimate: float
    """First level at which the mean is not above zero."""
    lower: float
    """First level at which the mean is not shown above zero."""
    upper: float
    """First level at which the mean is shown below zero."""
    most: float
    """Largest level that was measured."""


def find_crossing(level_K: Floats, value_KSP: Floats) -> Crossing:
    """Find where the mean over seeds and problems falls to zero.

    Args:
        level_K: two levels or more, ascending.
        value_KSP: differences at each level, seed and problem. With fewer than ``LEAST_PROBLEMS`` problems,
            nothing is shown, and the interval holds all levels.

    Raises:
        ValueError: there are fewer than two levels, they do not ascend, or their number differs from K.
    """
    if len(level_K) < 2 or not (np.diff(level_K) > 0).all() or value_KSP.shape[:1] != level_K.shape:
        raise ValueError(
            f"levels: found {level_K.tolist()} with values {value_KSP.shape}; allowed: two or more, "
            "ascending, one per row of values"
        )
    level_G = np.union1d(np.linspace(level_K[0], level_K[-1], GRID + 1), level_K)
    after_G = np.clip(np.searchsorted(level_K, level_G), 1, len(level_K) - 1)
    share_G = (level_G - level_K[after_G - 1]) / (level_K[after_G] - level_K[after_G - 1])
    share_G11 = share_G[:, None, None]
    value_GSP = (1 - share_G11) * value_KSP[after_G - 1] + share_G11 * value_KSP[after_G]
    mean_G = value_GSP.mean(axis=(1, 2))
    enough = value_KSP.shape[2] >= LEAST_PROBLEMS
    half_G = half_width(mean_squares(value_GSP).terms, LEVEL) if enough else np.full(len(level_G), inf)

    def first(reached_G: npt.NDArray[np.bool_]) -> float:
        return float(level_G[reached_G.argmax()]) if reached_G.any() else inf

    return Crossing(
        estimate=first(mean_G <= ROUNDING),
        lower=first(mean_G - half_G <= ROUNDING),
        upper=first(mean_G + half_G < -ROUNDING),
        most=float(level_K[-1]),
    )
