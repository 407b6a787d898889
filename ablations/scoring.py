"""From step probabilities to one score a solution; higher is better.

Scores order the solutions of a problem and are not comparable between strategies. Products are sums of log-
probabilities in float64: a product in float32 saturates into false ties. A step of probability 0 makes its
solution's score -inf, which ties it with its like at the bottom of the order. A solution without steps
scores -inf under every strategy over steps. Source: arXiv 2305.20050, appendix on PRM scoring strategies.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ablations.ragged import Ragged
from ablations.solutions import StepScores

Scores = npt.NDArray[np.float64]


def product(scores: StepScores) -> Scores:
    """float64 [R]: sum over steps of log(P(positive) + P(neutral)); the paper's strategy."""
    return _log(_right(scores)).reduce(np.add, -np.inf)


def product_neutral_negative(scores: StepScores) -> Scores:
    """float64 [R]: sum over steps of log P(positive), neutral counted as negative."""
    return _log(_positive(scores)).reduce(np.add, -np.inf)


def minimum(scores: StepScores) -> Scores:
    """float64 [R]: the least P(positive) + P(neutral) of a step."""
    return _right(scores).reduce(np.minimum, -np.inf)


def minimum_neutral_negative(scores: StepScores) -> Scores:
    """float64 [R]: the least P(positive) of a step, neutral counted as negative."""
    return _positive(scores).reduce(np.minimum, -np.inf)


def mean(scores: StepScores) -> Scores:
    """float64 [R]: mean over steps of P(positive) + P(neutral)."""
    return _right(scores).reduce(np.add, -np.inf) / np.maximum(scores.prob.lengths, 1)


def geometric_mean(scores: StepScores) -> Scores:
    """float64 [R]: mean over steps of log(P(positive) + P(neutral)); does not favour short solutions."""
    return product(scores) / np.maximum(scores.prob.lengths, 1)


def last_step(scores: StepScores) -> Scores:
    """float64 [R]: P(positive) + P(neutral) of the last step."""
    right = _right(scores)
    result = np.full(len(scores), -np.inf)
    some = right.lengths > 0
    result[some] = right.values[right.offsets[1:][some] - 1]
    return result


def last_token(scores: StepScores) -> Scores:
    """float64 [R]: P(correct) at the last token, an outcome reward model's score."""
    return scores.last


SCORINGS: dict[str, Callable[[StepScores], Scores]] = {
    "product": product,
    "product_neutral_negative": product_neutral_negative,
    "minimum": minimum,
    "minimum_neutral_negative": minimum_neutral_negative,
    "mean": mean,
    "geometric_mean": geometric_mean,
    "last_step": last_step,
    "last_token": last_token,
}

SCORING_OF: dict[str, str] = {
    "process": "product",
    "prm_outcome": "last_token",
    "final_answer": "last_token",
    "labeler": "product",
    "large_prm": "product",
    "large_orm": "last_token",
}
"""Arm -> the paper's scoring of its reward model: a PRM's product over steps, an ORM's last token."""


def _right(scores: StepScores) -> Ragged:
    """P(positive) + P(neutral), summed rather than 1 - P(negative), which would round small values away."""
    prob = scores.prob.values
    right = prob[:, 1] if scores.n_classes == 2 else prob[:, 1] + prob[:, 2]
    return Ragged(values=right, offsets=scores.prob.offsets)


def _positive(scores: StepScores) -> Ragged:
    return Ragged(values=scores.prob.values[:, -1], offsets=scores.prob.offsets)


def _log(prob: Ragged) -> Ragged:
    with np.errstate(divide="ignore"):
        return Ragged(values=np.log(prob.values), offsets=prob.offsets)
