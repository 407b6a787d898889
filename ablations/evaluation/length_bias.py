"""Length bias: whether scores favor short or long solutions beyond what correctness explains.

The product over steps falls with every step, so it slightly favors short solutions (arXiv 2305.20050,
appendix on PRM scoring strategies). Wrong solutions may be longer than right ones, so lengths are compared
separately among the right and among the wrong solutions of a problem.

Shape letters: P problems, M solutions drawn per problem, R = P * M, G groups.
"""

import numpy as np
import numpy.typing as npt

from ablations.data.rank_statistics import centered_ranks, correlation

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST = 3
"""Minimum number of solutions for a correlation; with two, it is always 1 or -1."""


def length_correlation(
    score_PM: Floats, steps_PM: npt.NDArray[np.integer], correct_PM: Bools, finished_PM: Bools
) -> Floats:
    """Computes Spearman's correlation of score and number of steps, given the problem and correctness.

    It is computed over the finished right solutions of a problem, and over its finished wrong ones; the two
    are averaged, weighted by their numbers of solutions. A group counts if it has at least ``LEAST``
    solutions and they differ in length. If all of them have the same score, the correlation is 0. So the same
    problems have a value whatever the scores.

    Args:
        score_PM: higher is better; -inf is allowed; NaN means no score and leaves the solution out.
        steps_PM: number of steps of each solution.
        correct_PM: whether each solution ends right.
        finished_PM: whether each solution is finished.

    Returns:
        float64 [P], -1 (short ones score high) to 1; NaN where neither group counts.

    Raises:
        ValueError: unequal shapes.
    """
    shapes = {score_PM.shape, steps_PM.shape, correct_PM.shape, finished_PM.shape}
    if len(shapes) > 1 or score_PM.ndim != 2:
        raise ValueError(
            f"score_PM, steps_PM, correct_PM, finished_PM: found shapes {sorted(shapes)}; "
            "allowed: the same [P, M] for each"
        )
    finished_PM = finished_PM & ~np.isnan(score_PM)
    P = len(score_PM)
    group = (2 * np.arange(P)[:, None] + correct_PM)[finished_PM]
    score, steps = (
        centered_ranks(group, values, 2 * P) for values in (score_PM[finished_PM], steps_PM[finished_PM])
    )
    size_G, spread_G = (np.bincount(group, weights, 2 * P) for weights in (np.ones(len(group)), steps**2))
    counts_G = (size_G >= LEAST) & (spread_G > 0)
    correlation_G = correlation(group, score, steps, 2 * P)
    weight_P2 = np.where(counts_G, size_G, 0.0).reshape(P, 2)
    total_P = weight_P2.sum(axis=1)
    summed_P = (weight_P2 * correlation_G.reshape(P, 2)).sum(axis=1)
    return np.divide(summed_P, total_P, out=np.full(P, np.nan), where=total_P > 0)
