"""Metrics of labeled steps and of solutions, with intervals by problem, because solutions of one problem are
not independent data.

Shape letters: S steps, P problems, B resamples, G groups of equal scores, K bins.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.data.ties import level
from ablations.evaluation.discrimination import bin_of, ordered_pairs
from ablations.evaluation.first_error import UNRATED
from results.stats.intervals import Estimate, bootstrap

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def judged(rating: Ragged) -> Bools:
    """Marks the steps that are rated and not after their solution's first wrong one: bool [S].

    Args:
        rating: -1 wrong, 0 neutral, 1 right, UNRATED. What follows an error has no true label.
    """
    return rating.up_to_first(rating.values == -1) & (rating.values != UNRATED)


def auroc_interval(score: Floats, right: Bools, problem: npt.NDArray[np.integer]) -> Estimate:
    """Estimates P(a right step scores above a wrong one), ties counting one half; NaN with only one kind.

    Args:
        score: [S], no NaN.
        right: [S].
        problem: [S].
    """
    score = level(score)
    order = np.argsort(score, kind="stable")
    named, problem = np.unique(problem[order], return_inverse=True)
    ranked, right = score[order], right[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))

    def statistic(weight_PB: Floats) -> Floats:
        weight_SB = weight_PB[problem]
        right_GB = np.add.reduceat(np.where(right[:, None], weight_SB, 0.0), starts)
        wrong_GB = np.add.reduceat(np.where(right[:, None], 0.0, weight_SB), starts)
        below_GB = np.cumsum(wrong_GB, axis=0) - wrong_GB / 2
        pairs_B = right_GB.sum(axis=0) * wrong_GB.sum(axis=0)
        above_B = (right_GB * below_GB).sum(axis=0)
        return np.divide(above_B, pairs_B, out=np.full_like(pairs_B, np.nan), where=pairs_B > 0)

    return bootstrap(statistic, len(named))


def within_problems_interval(score: Floats, right: Bools, problem: npt.NDArray[np.integer]) -> Estimate:
    """Estimates the AUROC within problems, as ``discrimination.solution_auroc`` defines it.

    Args:
        score: [R], no NaN.
        right: [R].
        problem: [R].

    Returns:
        The estimate; NaN if no problem has both a right and a wrong solution.
    """
    named, problem = np.unique(problem, return_inverse=True)
    above_P, pairs_P = ordered_pairs(score, right, problem, len(named))

    def statistic(weight_PB: Floats) -> Floats:
        pairs_B = pairs_P @ weight_PB
        return np.divide(above_P @ weight_PB, pairs_B, out=np.full_like(pairs_B, np.nan), where=pairs_B > 0)

    return bootstrap(statistic, len(named))


@dataclass(frozen=True, kw_only=True)
class StepF1:
    """F1 of both kinds of steps, right and wrong, with intervals by problem; NaN with only one kind."""

    right: Estimate
    """F1 of the right steps."""
    wrong: Estimate
    """F1 of the wrong steps."""
    mean: Estimate
    """Mean of the two: PRMScore, as PRMBench defines it (arXiv 2501.03124)."""


def step_f1(predicted: Bools, wrong: Bools, problem: npt.NDArray[np.integer]) -> StepF1:
    """Estimates the F1 of both kinds of steps.

    Args:
        predicted: [S], whether each step is predicted wrong.
        wrong: [S], whether it is.
        problem: [S].
    """
    named, problem = np.unique(problem, return_inverse=True)
    kinds = (predicted & wrong, predicted & ~wrong, ~predicted & wrong, ~predicted & ~wrong)
    counts = [np.bincount(problem[kind], minlength=len(named)).astype(np.float64) for kind in kinds]

    def f1(hits_B: Floats, misses_B: Floats) -> Floats:
        total_B = 2 * hits_B + misses_B
        return np.divide(2 * hits_B, total_B, out=np.full_like(total_B, np.nan), where=total_B > 0)

    def both(weight_PB: Floats) -> tuple[Floats, Floats]:
        found_B, false_B, missed_B, passed_B = (count @ weight_PB for count in counts)
        both_kinds = (found_B + missed_B > 0) & (false_B + passed_B > 0)
        right_B, wrong_B = f1(passed_B, false_B + missed_B), f1(found_B, false_B + missed_B)
        return np.where(both_kinds, right_B, np.nan), np.where(both_kinds, wrong_B, np.nan)

    return StepF1(
        right=bootstrap(lambda weight: both(weight)[0], len(named)),
        wrong=bootstrap(lambda weight: both(weight)[1], len(named)),
        mean=bootstrap(lambda weight: np.mean(both(weight), axis=0), len(named)),
    )


def calibration_interval(prob: Floats, right: Bools, problem: npt.NDArray[np.integer], bins: int) -> Estimate:
    """Estimates the expected calibration error, as `discrimination.calibration` defines it.

    Args:
        prob: [S], P(right) in [0, 1].
        right: [S].
        problem: [S].
        bins: K.
    """
    named, problem = np.unique(problem, return_inverse=True)
    problems = len(named)
    cell = problem * bins + bin_of(prob, bins)
    gap = np.bincount(cell, prob - right, minlength=problems * bins).reshape(problems, bins)
    count = np.bincount(problem, minlength=problems).astype(np.float64)

    def statistic(weight_PB: Floats) -> Floats:
        total_B = count @ weight_PB
        error_B = np.abs(gap.T @ weight_PB).sum(axis=0)
        return np.divide(error_B, total_B, out=np.full_like(total_B, np.nan), where=total_B > 0)

    return bootstrap(statistic, problems)
