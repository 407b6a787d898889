"""Discrimination between right and wrong by scores, and calibration of probabilities.

Shape letters: R solutions in all, P problems, B bins.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.data.rank_statistics import centered_ranks
from ablations.data.step_scores import StepScores
from ablations.data.ties import ROUNDING

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A reliability table over B bins of equal width on [0, 1]."""

    mean_predicted: Floats
    """float64 [B]: mean predicted probability; NaN in an empty bin."""
    observed: Floats
    """float64 [B]: share of positives; NaN in an empty bin."""
    count: Ints
    """int64 [B]: predictions in the bin."""
    expected_error: float
    """Expected calibration error: mean over predictions of their bin's |mean predicted - observed|."""


def calibration(prob: Floats, label: npt.NDArray, bins: int) -> Calibration:
    """Compares predicted probabilities, binned by ``bin_of``, with observed shares of positives (1 or True).

    Raises:
        ValueError: no predictions, unequal lengths, a probability outside [0, 1], or fewer than 1 bin.
    """
    if bins < 1:
        raise ValueError(f"bins: found {bins}; allowed: an integer >= 1")
    if prob.shape != label.shape or prob.ndim != 1 or not len(prob):
        raise ValueError(
            f"prob, label: found {prob.shape}, {label.shape}; allowed: two equal lengths above 0"
        )
    if not (prob.min() >= 0 and prob.max() <= 1):
        raise ValueError(f"prob: found {prob.min()} to {prob.max()}; allowed: [0, 1]")
    index = bin_of(prob, bins)
    count = np.bincount(index, minlength=bins)
    divisor = np.where(count > 0, count, np.nan)
    mean_predicted = np.bincount(index, prob, minlength=bins) / divisor
    observed = np.bincount(index, label.astype(np.float64), minlength=bins) / divisor
    gap = np.where(count > 0, np.abs(mean_predicted - observed), 0.0)
    error = float(np.sum(gap * count) / len(prob))
    return Calibration(mean_predicted=mean_predicted, observed=observed, count=count, expected_error=error)


def bin_of(prob: Floats, bins: int) -> Ints:
    """Returns each probability's bin, from 0, int64 [n]; a bin holds its lower edge, the last one also 1.0.

    A probability that is below an edge only by floating-point rounding, as 1 - 0.9 is below 0.1, is at the
    edge.
    """
    return np.minimum((prob * bins * (1 + ROUNDING)).astype(np.int64), bins - 1)


def auroc(score: Floats, label: npt.NDArray) -> float:
    """Computes P(a positive scores above a negative), ties counting one half; NaN with only one class.

    A label of 1 or True is positive. Scores may be infinite.

    Raises:
        ValueError: unequal lengths or a NaN score.
    """
    if score.shape != label.shape or score.ndim != 1:
        raise ValueError(f"score, label: found {score.shape}, {label.shape}; allowed: two equal lengths")
    if np.isnan(score).any():
        raise ValueError("score: found NaN; allowed: numbers, -inf and inf")
    above, pairs = ordered_pairs(score, label.astype(bool), np.zeros(len(score), np.int64), 1)
    return float(above[0] / pairs[0]) if pairs[0] else float("nan")


def ordered_pairs(
    score: Floats, positive: Bools, group: npt.NDArray[np.integer], groups: int
) -> tuple[Floats, Floats]:
    """Counts pairs of a positive and a negative of the same group, 0..G-1, and those in the right order.

    Returns:
        float64 [G] each: pairs in which the positive scores higher, where a tie counts one half, and all
        pairs. A group whose scores are all equal has exactly half of its pairs in order.
    """
    of_positive = group[positive]
    positive_G = np.bincount(of_positive, minlength=groups)
    pairs_G = (positive_G * (np.bincount(group, minlength=groups) - positive_G)).astype(np.float64)
    rank = centered_ranks(group, score, groups)
    return np.bincount(of_positive, rank[positive], minlength=groups) + pairs_G / 2, pairs_G


def step_auroc(scores: StepScores, oracle: Ragged) -> float:
    """Computes the AUROC of 1 - P(negative) for "the step is not wrong", with neutral counted as right.

    The oracle's labels are -1 wrong, 0 neutral, 1 right. Steps after a solution's first wrong one are left
    out: they have no true label.

    Raises:
        ValueError: the two differ in their numbers of steps, or a label is not -1, 0 or 1.
    """
    if not np.array_equal(scores.prob.offsets, oracle.offsets):
        raise ValueError("oracle: found other numbers of steps than the scores have; allowed: the same")
    if not np.isin(oracle.values, (-1, 0, 1)).all():
        raise ValueError(f"oracle: found {sorted(set(oracle.values.tolist()))}; allowed: -1, 0, 1")
    wrong = oracle.values < 0
    judged = oracle.up_to_first(wrong) & ~np.isnan(scores.prob.values[:, 0])  # NaN: not read
    return auroc(-scores.prob.values[judged, 0], ~wrong[judged])


def solution_auroc(
    score: Floats, final_correct: Bools, finished: Bools, problem: npt.NDArray[np.integer]
) -> float:
    """Computes the AUROC of solution scores for a right final answer, within problems.

    It is the share of pairs of a right and a wrong solution of the same problem in which the right one scores
    higher, ties counting one half. Solutions of different problems are never compared: a score that only
    reflects the difficulty of the problem gets exactly 0.5, because it does not help to choose a solution.
    Every pair has the same weight, so the expected value does not depend on how many solutions each problem
    has; equal weights for all problems would make it depend on which problems happen to have both kinds.

    Unfinished solutions and those without a score (NaN) are left out. Problems are numbered from 0. The
    result is NaN if no problem has both a right and a wrong solution.

    Raises:
        ValueError: unequal lengths.
    """
    shapes = [array.shape for array in (score, final_correct, finished, problem)]
    if len(set(shapes)) != 1:
        found = ", ".join(map(str, shapes))
        raise ValueError(f"score, final_correct, finished, problem: found {found}; allowed: equal shapes")
    seen = finished & ~np.isnan(score)
    problems = int(problem.max(initial=-1)) + 1
    above_P, pairs_P = ordered_pairs(score[seen], final_correct[seen], problem[seen], problems)
    return float(above_P.sum() / pairs_P.sum()) if pairs_P.any() else float("nan")
