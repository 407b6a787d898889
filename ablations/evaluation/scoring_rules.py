"""Scoring rules, from step probabilities to one score per solution; higher is better.

A strategy over steps chooses the treatment of neutral steps, and the reduction of the steps' probabilities to
one number. Scores order the solutions of a problem and are not comparable between strategies.
Products are sums of log-probabilities in float64, because a product in float32 saturates into false ties. A
step of probability 0 makes its solution's product -inf, which ties with others at the bottom of the order,
and its minimum 0, whatever follows. Otherwise a step without a score (NaN) leaves its solution without one. A
solution without steps scores -inf under every strategy over steps. Source: arXiv 2305.20050, appendix on PRM
scoring strategies.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from results.vocabulary import ARMS

Scores = npt.NDArray[np.float64]
Scoring = Callable[[StepScores], Scores]


def neutral_positive(scores: StepScores) -> Ragged:
    """Returns P(positive) + P(neutral), not 1 - P(negative), which would round small values away."""
    prob = scores.prob.values
    right = prob[:, 1] if scores.n_classes == 2 else prob[:, 1] + prob[:, 2]
    return Ragged(values=right, offsets=scores.prob.offsets)


def neutral_negative(scores: StepScores) -> Ragged:
    """Returns P(positive)."""
    return Ragged(values=scores.prob.values[:, -1], offsets=scores.prob.offsets)


NEUTRAL: dict[str, Callable[[StepScores], Ragged]] = {
    "positive": neutral_positive,
    "negative": neutral_negative,
}
"""Treatment of neutral steps -> P(the step is good); the same for two classes, which have no neutral."""


def _decisive(good: Ragged, filling: float) -> Ragged:
    """Fills in the steps after a step with probability 0, which decides; they may have no score (NaN)."""
    values = np.where(good.up_to_first(good.values == 0), good.values, filling)
    return Ragged(values=values, offsets=good.offsets)


def _product(good: Ragged) -> Scores:
    with np.errstate(divide="ignore"):
        log = np.log(_decisive(good, 1.0).values)
    return Ragged(values=log, offsets=good.offsets).reduce(np.add, -np.inf)


def _minimum(good: Ragged) -> Scores:
    return _decisive(good, 0.0).reduce(np.minimum, -np.inf)


def _mean(good: Ragged) -> Scores:
    return good.reduce(np.add, -np.inf) / np.maximum(good.lengths, 1)


def _geometric_mean(good: Ragged) -> Scores:
    return _product(good) / np.maximum(good.lengths, 1)


def _last_step(good: Ragged) -> Scores:
    result = np.full(len(good), -np.inf)
    filled = good.lengths > 0
    result[filled] = good.values[good.offsets[1:][filled] - 1]
    return result


REDUCERS: dict[str, Callable[[Ragged], Scores]] = {
    "product": _product,
    "minimum": _minimum,
    "mean": _mean,
    "geometric mean": _geometric_mean,
    "last step": _last_step,
}
"""P(good) of the steps -> float64 [R]. Products are given as logarithms; the geometric mean is the product
that does not favor short solutions."""


def over_steps(reduction: str, neutral: str = "positive") -> Scoring:
    """Builds a strategy from a key of ``REDUCERS`` and one of ``NEUTRAL``."""
    reduce, good = REDUCERS[reduction], NEUTRAL[neutral]
    return lambda scores: reduce(good(scores))


def strategies(n_classes: int) -> dict[str, Scoring]:
    """Returns all strategies over steps, by the names in ``results.analyses.scoring``.

    A model of two classes learned from labels in which neutral was counted as right.
    """
    if n_classes == 2:
        return {reduction: over_steps(reduction) for reduction in REDUCERS}
    return {
        f"{reduction}, neutral {neutral}": over_steps(reduction, neutral)
        for neutral in NEUTRAL
        for reduction in REDUCERS
    }


product = over_steps("product")
"""float64 [R]: sum over steps of log(P(positive) + P(neutral)); the paper's strategy."""


def last_token(scores: StepScores) -> Scores:
    """Returns P(correct) at the last token, an outcome reward model's score: float64 [R]."""
    return scores.last


SCORINGS: dict[str, Scoring] = {"product": product, "last_token": last_token}

SCORING_OF: dict[str, str] = {name: arm.scoring for name, arm in ARMS.items() if arm.scoring is not None}
"""Arm -> the paper's scoring of its reward model: a PRM's product over steps, an ORM's last token."""
