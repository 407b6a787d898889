"""Solutions of all folds side by side, and the rows that evaluations make of them.

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
    """Solutions of all folds side by side; problems may have unequal numbers of solutions."""

    samples: list[Samples]
    """A fold each; together they have P problems and R solutions."""
    correct: np.ndarray
    """bool [R]: whether each ends right."""
    finished: np.ndarray
    """bool [R]."""
    voted: np.ndarray
    """int32 [R]: code of the answer that each solution votes for, -1 (none) where it is unfinished. Equal
    codes are equal answers of a problem; codes of two folds may clash."""
    smallest: int
    """The smallest number of solutions of a problem: the largest N that all problems have."""
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
            metric: of arrays [p, M], for problems with M solutions each -> [p, ...].
            values: [R], one array for each argument of the metric.

        Returns:
            [P, ...].
        """
        return over_problems(metric, *(Ragged.from_lengths(value, self._counts) for value in values))

    def single(self, n: int) -> bool:
        """Whether N is the number of solutions of every problem, so that there is one subset alone."""
        return self._equal and n == self.smallest

    def per_n(self, metric: str, value_PK: np.ndarray, **more: Any) -> list[Row]:
        """One row for each N: the mean over problems of ``value_PK``, float64 [P, K], and its values."""
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
        """Best-of-N and AUROCs of one reward model (or one a fold).

        Args:
            scores: a fold each.
            scoring: key in ``SCORINGS``.
            ratings: of the steps, a fold each; empty where nobody knows which are right.
        """
        rows = self.by_score(np.concatenate([SCORINGS[scoring](s) for s in scores]))
        if ratings:
            rows += defined("step_auroc", step_auroc(_side_by_side(scores), Ragged.concatenate(ratings)))
        return rows

    def by_score(self, score: np.ndarray) -> list[Row]:
        """Best-of-N and AUROC of the solutions' scores, float64 [R]; -inf is allowed, NaN is unscored."""
        value_PK = self.each(partial(best_of_n, ns=self.ns), score, self.correct, self.finished)
        auroc = solution_auroc(score, self.correct, self.finished, self.problem)
        return self.per_n("best_of_n", value_PK) + defined("solution_auroc", auroc)


def defined(metric: str, value: float) -> list[Row]:
    """The metric's row; none where it is undefined, as an AUROC is where all are right or all wrong."""
    return [{"metric": metric, "value": value}] if np.isfinite(value) else []


def random_row(once_P: np.ndarray) -> Row:
    """Of one solution drawn at random, whose chance to solve each problem is given: float64 [P], 0 to 1."""
    values = {"value": float(once_P.mean()), "problem_values": once_P.tolist()}
    return {"arm": "random", "metric": "random", "n": 1} | values


def _side_by_side(scores: list[StepScores]) -> StepScores:
    """Scores of several folds, one after the other."""
    prob = Ragged.concatenate([s.prob for s in scores])
    return StepScores(prob=prob, last=np.concatenate([s.last for s in scores]))
