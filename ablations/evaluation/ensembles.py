"""Ensembles: the scores of several reward models, combined into one score per solution.

All scores are logarithms of the probability that a model gives to a solution's being right, so that those of
two models can be compared, and so that a combined one is such a logarithm too. The mean, the lowest, and the
mean minus the spread are the three objectives of arXiv 2310.02743 (Coste et al., reward model ensembles).

Shape letters: K members of an ensemble, R solutions.
"""

from collections.abc import Callable

import numpy as np

from ablations.data.step_scores import StepScores
from ablations.evaluation.scoring_rules import SCORINGS, Scores

SPREAD = 1.0
"""Standard deviations over members by which the lower bound is below their mean."""


def log_right(scores: StepScores, scoring: str) -> Scores:
    """Computes log P(the solution is right) by one model: float64 [R], NaN if unscored.

    Args:
        scores: the model's scores.
        scoring: key of ``SCORINGS``; the product is a logarithm already.
    """
    score = SCORINGS[scoring](scores)
    if scoring == "product":
        return score
    with np.errstate(divide="ignore"):
        return np.log(score)


def _mean_score(score_KR: Scores) -> Scores:
    return score_KR.mean(axis=0)


def _lowest_score(score_KR: Scores) -> Scores:
    return score_KR.min(axis=0)


def _lower_bound(score_KR: Scores) -> Scores:
    lowest = score_KR.min(axis=0)
    with np.errstate(invalid="ignore"):  # the spread of -inf
        bound = score_KR.mean(axis=0) - SPREAD * score_KR.std(axis=0)
    return np.where(np.isneginf(lowest), -np.inf, bound)


COMBINERS: dict[str, Callable[[Scores], Scores]] = {
    "mean_score": _mean_score,
    "lowest_score": _lowest_score,
    "lower_bound": _lower_bound,
}
"""Scores of the members, float64 [K, R] -> float64 [R]. A solution that a member could not score (NaN) has no
score; one to which a member gives probability 0 has the score -inf."""
