"""Metrics of the scores that a model gives to whole solutions; every evaluation of scores has all of them.

To add one, write its function and its line here, and its record in ``results.schema.METRICS``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablations.evaluation.discrimination import Bools, Floats, solution_auroc


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredSolutions:
    """R solutions of some problems, and their scores."""

    score: Floats
    """float64 [R]; -inf is allowed, NaN is unscored."""
    correct: Bools
    """bool [R]: whether each final answer is right."""
    finished: Bools
    """bool [R]: whether each solution came to its end."""
    problem: npt.NDArray[np.integer]
    """int64 [R]: the problem of each solution, from 0."""
    n_steps: npt.NDArray[np.integer]


SOLUTION_METRICS: dict[str, Callable[[ScoredSolutions], float]] = {
    "solution_auroc": lambda of: solution_auroc(of.score, of.correct, of.finished, of.problem),
}
"""Name -> function of scored solutions; NaN where it is undefined."""
