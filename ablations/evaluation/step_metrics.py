"""Metrics of labeled steps and of solutions, with intervals by problem, because solutions of one problem are
not independent data.

Shape letters: S steps (or solutions), P problems, B resamples, G groups of equal scores.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.data.ties import level
from ablations.evaluation.discrimination import bin_of, ordered_pairs
from ablations.evaluation.first_error import UNRATED, ratio
from results.stats.intervals import Estimate, bootstrap

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer]


def judged(rating: Ragged) -> Bools:
    """Marks the steps that are rated and not after their solution's first wrong one: bool [S].

    Args:
        rating: -1 wrong, 0 neutral, 1 right, UNRATED. Steps after an error have no true label.
    """
    return rating.up_to_first(rating.values == -1) & (rating.values != UNRATED)


def auroc_interval(score_S: Floats, right_S: Bools, problem_S: Ints) -> Estimate:
    """Estimates P(a right step scores above a wrong one), ties counting one half; NaN with only one kind.

    Scores must not be NaN.
    """
    score_S = level(score_S)
    order = np.argsort(score_S, kind="stable")
    named, problem_S = np.unique(problem_S[order], return_inverse=True)
    score_S, right_S = score_S[order], right_S[order]
    starts = np.flatnonzero(np.concatenate([[True], score_S[1:] != score_S[:-1]]))

    def statistic(weight_PB: Floats) -> Floats:
        weight_SB = weight_PB[problem_S]
        right_GB = np.add.reduceat(np.where(right_S[:, None], weight_SB, 0.0), starts)
        wrong_GB = np.add.reduceat(np.where(right_S[:, None], 0.0, weight_SB), starts)
        below_GB = np.cumsum(wrong_GB, axis=0) - wrong_GB / 2
        pairs_B = right_GB.sum(axis=0) * wrong_GB.sum(axis=0)
        return ratio((right_GB * below_GB).sum(axis=0), pairs_B)

    return bootstrap(statistic, len(named))


def within_problems_interval(score_S: Floats, right_S: Bools, problem_S: Ints) -> Estimate:
    """Estimates the AUROC of solutions within problems, as ``discrimination.solution_auroc`` defines it.

    Scores must not be NaN. The estimate is NaN if no problem has both a right and a wrong solution.
    """
    named, problem_S = np.unique(problem_S, return_inverse=True)
    above_P, pairs_P = ordered_pairs(score_S, right_S, problem_S, len(named))
    return bootstrap(lambda weight_PB: ratio(above_P @ weight_PB, pairs_P @ weight_PB), len(named))


@dataclass(frozen=True, kw_only=True)
class StepF1:
    """F1 of both kinds of steps, right and wrong, with intervals by problem; NaN with only one kind."""

    right: Estimate
    wrong: Estimate
    mean: Estimate
    """Mean of the two: PRMScore, as PRMBench defines it (arXiv 2501.03124)."""


def step_f1(predicted_S: Bools, wrong_S: Bools, problem_S: Ints) -> StepF1:
    """Estimates the F1 of both kinds of steps, given which are predicted wrong and which are wrong."""
    named, problem_S = np.unique(problem_S, return_inverse=True)
    kinds = (predicted_S & wrong_S, predicted_S & ~wrong_S, ~predicted_S & wrong_S, ~predicted_S & ~wrong_S)
    counts = [np.bincount(problem_S[kind], minlength=len(named)).astype(np.float64) for kind in kinds]

    def both(weight_PB: Floats) -> tuple[Floats, Floats]:
        found_B, false_B, missed_B, passed_B = (count_P @ weight_PB for count_P in counts)
        both_kinds = (found_B + missed_B > 0) & (false_B + passed_B > 0)
        right_B, wrong_B = (
            ratio(2 * hits_B, 2 * hits_B + (false_B + missed_B)) for hits_B in (passed_B, found_B)
        )
        return np.where(both_kinds, right_B, np.nan), np.where(both_kinds, wrong_B, np.nan)

    return StepF1(
        right=bootstrap(lambda weight_PB: both(weight_PB)[0], len(named)),
        wrong=bootstrap(lambda weight_PB: both(weight_PB)[1], len(named)),
        mean=bootstrap(lambda weight_PB: np.mean(both(weight_PB), axis=0), len(named)),
    )


def calibration_interval(prob_S: Floats, right_S: Bools, problem_S: Ints, bins: int) -> Estimate:
    """Estimates the expected calibration error of P(right), as `discrimination.calibration` defines it."""
    named, problem_S = np.unique(problem_S, return_inverse=True)
    problems = len(named)
    cell_S = problem_S * bins + bin_of(prob_S, bins)
    gap = np.bincount(cell_S, prob_S - right_S, minlength=problems * bins).reshape(problems, bins)
    count_P = np.bincount(problem_S, minlength=problems).astype(np.float64)

    def statistic(weight_PB: Floats) -> Floats:
        return ratio(np.abs(gap.T @ weight_PB).sum(axis=0), count_P @ weight_PB)

    return bootstrap(statistic, problems)
