"""Ties between scores: scores that differ by no more than floating-point rounding are equal.

The same terms added or multiplied in a different order give a different last digit: 0.1 + 0.2 + 0.3 exceeds
0.6. Scores are compared only after ``level``, so that such scores tie in best-of-N, AUROC, rank correlation
and acquisition alike. Stored scores keep their exact values.
"""

import numpy as np
import numpy.typing as npt

ROUNDING = 1e-12
"""Relative difference below which scores are equal.

Float64 sums of thousands of terms of one sign differ by less. Different float32 probabilities differ by
more: 6e-8 near 1, or 6e-10 of a log-product of -100.
"""


def level(score: npt.NDArray, group: npt.NDArray[np.integer] | None = None) -> npt.NDArray[np.float64]:
    """Gives equal scores the same value.

    In ascending order, a score that exceeds the previous one by less than ``ROUNDING`` of the smaller
    magnitude takes its value.

    Args:
        score: [R]; infinities are allowed, and NaN stays NaN.
        group: integers [R]; scores are compared within their group. None compares all scores.

    Returns:
        float64 [R]: for each score, the lowest of those that it ties with.
    """
    score = score.astype(np.float64)
    group = np.zeros(len(score), np.int64) if group is None else group
    order = np.lexsort((score, group))
    ranked, of_group = score[order], group[order]
    starts = np.ones(len(score), bool)
    starts[1:] = (of_group[1:] != of_group[:-1]) | exceeds(ranked[1:], ranked[:-1])
    leveled = np.empty(len(score))
    leveled[order] = ranked[starts][np.cumsum(starts) - 1]
    return np.where(np.isnan(score), np.nan, leveled)


def exceeds(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Returns elementwise whether ``a`` is greater than ``b`` by more than rounding."""
    with np.errstate(invalid="ignore"):  # inf - inf; the first comparison finds them equal
        return (a > b) & ~(a - b < ROUNDING * np.minimum(np.abs(a), np.abs(b)))
