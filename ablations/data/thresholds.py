"""The only place where P(wrong) is compared with a threshold."""

import numpy as np
import numpy.typing as npt

ROUNDING = 1e-7
"""Differences up to this are rounding: 1 - 0.7 is 0.30000000000000004; in 32 bits, 0.7 is 0.699999988."""


def exceeds(wrong: npt.ArrayLike, threshold: npt.ArrayLike) -> npt.NDArray[np.bool_] | np.bool_:
    """Returns whether P(wrong), in [0, 1] or infinite, is above a threshold; equal up to rounding is not.

    The two are broadcast.
    """
    return np.asarray(wrong, np.float64) > reach(threshold)


def reach(threshold: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Returns the highest P(wrong) that does not exceed a threshold."""
    return np.asarray(threshold, np.float64) + ROUNDING
