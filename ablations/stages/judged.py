"""Solutions of all folds side by side, and the rows that evaluations make of them.

Shape letters: P problems of all folds, M solutions a problem, R = P * M, K values of N.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ablations.discrimination import solution_auroc, step_auroc
from ablations.evaluation import best_of_n, single_draw
from ablations.ragged import Ragged
from ablations.scoring import SCORINGS
from ablations.solutions import StepScores
from ablations.stages.files import Samples

Row = dict[str, Any]
"""Some columns of a record, by their names in ``results.schema``."""


class Judged:
    """Solutions of all folds side by side, as arrays of problems by solutions."""

    samples: list[Samples]
    """A fold each; together they have P problems, with M solutions each."""
    correct_PM: np.ndarray
    """bool [P, M]: whether each ends right."""
    finished_PM: np.ndarray
    """bool [P, M]."""
    answer_PM: np.ndarray
    """int32 [P, M]: equal codes are equal answers of a problem; -1: none. Codes of two folds may clash."""
    ns: list[int]
    """The K values of N, ascending: the powers of two below M, and M."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        """Reads the samples of each fold.

        Raises:
            ValueError: the folds have other numbers of solutions a problem.
        """
        self.samples = [Samples.read(folder) for folder in folders]
        self.correct_PM = self.stack([s.solutions.final_correct for s in self.samples])
        self.finished_PM = self.stack([s.solutions.finished for s in self.samples])
        self.answer_PM = self.stack([s.solutions.answer_code for s in self.samples])
        drawn = self.correct_PM.shape[1]
        self.ns = [2**k for k in range(drawn.bit_length()) if 2**k < drawn] + [drawn]

    def stack(self, values: list[np.ndarray]) -> np.ndarray:
        """Values of the folds' solutions, [R] each, as one array [P, M]."""
        return np.concatenate([s.solutions.per_problem(v) for s, v in zip(self.samples, values, strict=True)])

    @property
    def voted_PM(self) -> np.ndarray:
        """int32 [P, M]: code of the answer that each solution votes for; -1, none, where it is unfinished."""
        return np.where(self.finished_PM, self.answer_PM, -1)

    def per_n(self, metric: str, value_PK: np.ndarray, **more: Any) -> list[Row]:
        """One row an N: the mean over problems of ``value_PK``, float64 [P, K], and its values."""
        single = single_draw(self.ns, self.correct_PM.shape[1])
        return [
            {
                "metric": metric,
                "n": n,
                "value": float(value_PK[:, k].mean()),
                "problem_values": value_PK[:, k].tolist(),
                "single_draw": bool(single[k]),
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
        rows = self.by_score(self.stack([SCORINGS[scoring](s) for s in scores]))
        if ratings:
            rows += defined("step_auroc", step_auroc(_side_by_side(scores), Ragged.concatenate(ratings)))
        return rows

    def by_score(self, score_PM: np.ndarray) -> list[Row]:
        """Best-of-N and AUROC of the solutions' scores, float64 [P, M]; -inf is allowed."""
        rows = self.per_n("best_of_n", best_of_n(score_PM, self.correct_PM, self.finished_PM, self.ns))
        auroc = solution_auroc(score_PM.ravel(), self.correct_PM.ravel(), self.finished_PM.ravel())
        return rows + defined("solution_auroc", auroc)


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
