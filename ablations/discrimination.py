"""How well scores tell right from wrong, and whether probabilities mean what they say.

Shape letters: R solutions in all, B bins.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablations.ragged import Ragged
from ablations.ranks import centred_ranks
from ablations.step_scores import StepScores
from ablations.ties import ROUNDING

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
    """Compares predicted probabilities with observed shares.

    Args:
        prob: [n] in [0, 1]; binned by ``bin_of``.
        label: [n], 1 or True = positive.
        bins: B >= 1.

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
    """int64 [n]: bin of each probability, from 0; a bin holds its lower edge, the last one 1.0 too.

    A probability that is below an edge only by floating-point rounding, as 1 - 0.9 is below 0.1, is at the
    edge.
    """
    return np.minimum((prob * bins * (1 + ROUNDING)).astype(np.int64), bins - 1)


def auroc(score: Floats, label: npt.NDArray) -> float:
    """Probability that a positive scores above a negative, ties counting one half; NaN with one class only.

    Args:
        score: [n]; infinities are allowed, NaN is not.
        label: [n], 1 or True = positive.

    Raises:
        ValueError: unequal lengths or a NaN score.
    """
    if score.shape != label.shape or score.ndim != 1:
        raise ValueError(f"score, label: found {score.shape}, {label.shape}; allowed: two equal lengths")
    if np.isnan(score).any():
        raise ValueError("score: found NaN; allowed: numbers, -inf and inf")
    positive = label.astype(bool)
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    rank = centred_ranks(np.zeros(len(score), np.int64), score, 1)
    above = rank[positive].sum() + n_positive * n_negative / 2
    return float(above / (n_positive * n_negative))


def step_auroc(scores: StepScores, oracle: Ragged) -> float:
    """AUROC of 1 - P(negative) for "the step is not wrong", neutral counted as right.

    Args:
        scores: of R solutions.
        oracle: int8 [total steps] of -1 wrong, 0 neutral, 1 right. Steps after a solution's first wrong one
            are left out: they have no true label.

    Raises:
        ValueError: the two have other numbers of steps, or a label is none of -1, 0, 1.
    """
    if not np.array_equal(scores.prob.offsets, oracle.offsets):
        raise ValueError("oracle: found other numbers of steps than the scores have; allowed: the same")
    if not np.isin(oracle.values, (-1, 0, 1)).all():
        raise ValueError(f"oracle: found {sorted(set(oracle.values.tolist()))}; allowed: -1, 0, 1")
    wrong = oracle.values < 0
    judged = oracle.up_to_first(wrong) & ~np.isnan(scores.prob.values[:, 0])  # NaN: not read
    return auroc(-scores.prob.values[judged, 0], ~wrong[judged])


def solution_auroc(solution_score: Floats, final_correct: Bools, finished: Bools) -> float:
    """AUROC of solution scores for a right final answer over the finished of R solutions of all problems.

    Solutions whose score is NaN, unscored, are left out.
    """
    if len({array.shape for array in (solution_score, final_correct, finished)}) != 1:
        found = f"{solution_score.shape}, {final_correct.shape}, {finished.shape}"
        raise ValueError(f"solution_score, final_correct, finished: found {found}; allowed: equal shapes")
    seen = finished & ~np.isnan(solution_score)
    return auroc(solution_score[seen], final_correct[seen])
