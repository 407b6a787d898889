"""Solutions of all folds, concatenated, and the rows that evaluations make of them.

Shape letters: P problems of all folds, M solutions per problem, R solutions in all, K values of N.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.artifacts import Samples
from ablations.data.ragged import Ragged
from ablations.data.solutions import StepScores
from ablations.evaluation.best_of_n import best_of_n, over_problems
from ablations.evaluation.discrimination import solution_auroc, step_auroc
from ablations.evaluation.scoring_rules import SCORINGS

Row = dict[str, Any]
"""Some columns of a record, by their names in ``results.schema``."""


class EvaluatedSolutions:
    """Solutions of all folds, concatenated; problems may have different numbers of solutions."""

    samples: list[Samples]
    """Samples of each fold; together they have P problems and R solutions."""
    correct: np.ndarray
    """bool [R]: whether each final answer is right."""
    finished: np.ndarray
    """bool [R]: whether each solution came to its end."""
    voted: np.ndarray
    """int32 [R]: code of the answer that each solution votes for, -1 (none) if it is unfinished. Within a
    problem, equal codes mean equal answers; codes of two folds may clash."""
    smallest: int
    """Smallest number of solutions of a problem: the largest N that all problems have."""
    ns: list[int]
    """The K values of N, ascending: the powers of two below ``smallest``, and ``smallest``."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        """Reads the samples of each fold."""
        self.samples = [Samples.read(folder) for folder in folders]
        held = [samples.solutions for samples in self.samples]
        self.correct = np.concatenate([s.final_correct for s in held])
        self.finished = np.concatenate([s.finished for s in held])
        self.voted = np.where(self.finished, np.concatenate([s.answer_code for s in held]), -1)
        counts = np.concatenate([s.counts for s in held])
        self.smallest = int(counts.min())
        self._equal = bool((counts == self.smallest).all())
        self._counts = counts
        self.problem = np.repeat(np.arange(len(counts)), counts)
        """int64 [R]: the problem of each solution, 0 to P - 1."""
        self.ns = [2**k for k in range(self.smallest.bit_length()) if 2**k < self.smallest] + [self.smallest]

    def each(self, metric: Callable[..., np.ndarray], *values: np.ndarray) -> np.ndarray:
        """Computes a metric of every problem from all its own solutions.

        Args:
            metric: maps arrays [p, M], of p problems with M solutions each, to [p, ...].
            values: one array [R] per argument of the metric.

        Returns:
            [P, ...].
        """
        return over_problems(metric, *(Ragged.from_lengths(value, self._counts) for value in values))

    def single(self, n: int) -> bool:
        """Whether every problem has exactly N solutions, so that there is only one subset."""
        return self._equal and n == self.smallest

    def per_n(self, metric: str, value_PK: np.ndarray, **more: Any) -> list[Row]:
        """Returns one row per N: the mean over problems of ``value_PK``, float64 [P, K], and its values."""
        return [
            {
                "metric": metric,
                "n": n,
                "value": float(value_PK[:, k].mean()),
                "problem_values": value_PK[:, k].tolist(),
                "single_draw": self.single(n),
                **more,
            }
            for k, n in enumerate(self.ns)
        ]

    def scored(self, scores: list[StepScores], scoring: str, ratings: list[Ragged]) -> list[Row]:
        """Returns the rows of best-of-N and AUROCs of one reward model (or one per fold).

        Args:
            scores: one per fold.
            scoring: key in ``SCORINGS``.
            ratings: ratings of the steps, one per fold; empty if nobody knows which are right.
        """
        rows = self.by_score(np.concatenate([SCORINGS[scoring](s) for s in scores]))
        if ratings:
            rows += defined("step_auroc", step_auroc(_side_by_side(scores), Ragged.concatenate(ratings)))
        return rows

    def by_score(self, score: np.ndarray) -> list[Row]:
        """Returns rows of best-of-N and AUROC of scores, float64 [R]; -inf is allowed, NaN is unscored."""
        value_PK = self.each(partial(best_of_n, ns=self.ns), score, self.correct, self.finished)
        auroc = solution_auroc(score, self.correct, self.finished, self.problem)
        return self.per_n("best_of_n", value_PK) + defined("solution_auroc", auroc)


def defined(metric: str, value: float) -> list[Row]:
    """Returns the metric's row; none if it is undefined, as an AUROC is if all are right or all wrong."""
    return [{"metric": metric, "value": value}] if np.isfinite(value) else []


def random_row(once_P: np.ndarray) -> Row:
    """Returns the row of one random solution, given its chance to solve each problem: float64 [P], 0 to 1."""
    values = {"value": float(once_P.mean()), "problem_values": once_P.tolist()}
    return {"arm": "random", "metric": "random", "n": 1} | values


def _side_by_side(scores: list[StepScores]) -> StepScores:
    """Concatenates the scores of several folds."""
    prob = Ragged.concatenate([s.prob for s in scores])
    return StepScores(prob=prob, last=np.concatenate([s.last for s in scores]))
