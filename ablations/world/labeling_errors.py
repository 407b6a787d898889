"""Errors of a simulated labeler: kinds of errors, and the chance that each label of a step is flipped.

The dose of every kind is the *balanced error*: the mean of the share of wrong steps that are rated right and
the share of right steps that are rated wrong, over the steps up to the first wrong one of each solution. At 0
the labels are the oracle's, at 1/2 they say nothing. The share of all labels that are wrong is no such scale:
a labeler that calls every step right knows nothing, but only as many of its labels are wrong as steps are.

To add a kind, write its function and its line in ``KINDS_OF_ERRORS``, and its record in
``results.vocabulary.LABELING_ERRORS``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

COIN = 0.5
"""Highest chance of an error that does not depend on the truth; above it, errors would be informative."""
HARD_TO_EASY = 10.0
"""Errors on a hard step per error on an easy one, if they concentrate on hard steps."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabeledSteps:
    """T steps of some solutions, one after the other."""

    wrong: Bools
    """bool [T]: whether the oracle rates the step as wrong."""
    hard: Bools
    """bool [T]: whether annotators are more likely to rate it wrongly."""
    place: npt.NDArray[np.integer]
    """int [T]: the step's place in its solution, from 1."""
    judged: Bools
    """bool [T]: whether it is no later than the first wrong step of its solution."""


def random(steps: LabeledSteps, dose: float) -> Floats:
    """Errs on every step with the same chance."""
    return np.full(len(steps.wrong), dose)


def favors_positive(steps: LabeledSteps, dose: float) -> Floats:
    """Errs only on wrong steps: it misses twice the dose of them, and never rates a right step as wrong."""
    return np.where(steps.wrong, np.minimum(2 * dose, 1.0), 0.0)


def hard_steps(steps: LabeledSteps, dose: float) -> Floats:
    """Errs on a hard step ``HARD_TO_EASY`` times as often as on an easy one, up to a coin flip."""
    return _in_proportion(np.where(steps.hard, HARD_TO_EASY, 1.0), steps, dose)


def late_steps(steps: LabeledSteps, dose: float) -> Floats:
    """Errs in proportion to a step's place in its solution, up to a coin flip."""
    return _in_proportion(steps.place.astype(np.float64), steps, dose)


KINDS_OF_ERRORS: dict[str, Callable[[LabeledSteps, float], Floats]] = {
    "random": random,
    "favors_positive": favors_positive,
    "hard_steps": hard_steps,
    "late_steps": late_steps,
}
"""Kind -> (steps, dose from 0 to 1/2) -> chance of an error on each step: float64 [T]. It never falls
as the dose rises, so that with the same draws, errors at a larger dose include those at a smaller one."""


def _in_proportion(weight: Floats, steps: LabeledSteps, dose: float) -> Floats:
    """Returns chances of ``min(COIN, factor * weight)``, whose balanced error is the dose."""
    classes = [steps.judged & one for one in (steps.wrong, ~steps.wrong)]
    classes = [one for one in classes if one.any()]
    # The balanced error is piecewise linear in the factor; its corners are where a weight reaches the coin.
    factor = np.concatenate([[0.0], COIN / np.unique(weight)[::-1]])
    error = [
        np.mean([np.minimum(COIN, at * weight[one]).mean() for one in classes]) if classes else 0.0
        for at in factor
    ]
    return np.minimum(COIN, np.interp(dose, error, factor) * weight)
