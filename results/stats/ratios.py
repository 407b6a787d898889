"""Ratios of two means over the same seeds and problems."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def linearized_ratio(part_SP: Floats, whole_SP: Floats) -> Floats:
    """Return a table [S, P] with the ratio of two means as its mean, and approximately the same variance.

    Each value is the ratio plus the linear influence of its seed and problem on it (the delta method), so
    ``results.stats.intervals.mean_interval`` of the table, or of the difference of two, is an interval.

    Raises:
        ValueError: the tables differ in shape, or the mean of ``whole_SP`` is zero.
    """
    mean = float(whole_SP.mean()) if whole_SP.size else 0.0
    if part_SP.shape != whole_SP.shape or not mean:
        raise ValueError(
            f"values: found {part_SP.shape} and {whole_SP.shape}, the second with mean {mean:g}; allowed: "
            "equal shapes, and a mean above zero"
        )
    ratio = float(part_SP.mean()) / mean
    return np.asarray(ratio + (part_SP - ratio * whole_SP) / mean)
