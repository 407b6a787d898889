"""Solutions of all folds, concatenated, and the rows that evaluations make of them.

Shape letters: P problems of all folds, M solutions per problem, R solutions in all, K values of N.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypedDict

import numpy as np

from ablations.data.artifacts import Ratings, Samples
from ablations.data.json_files import Json, read_json, write_json
from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.evaluation.best_of_n import best_of_n, over_problems
from ablations.evaluation.discrimination import step_auroc
from ablations.evaluation.scoring_rules import SCORINGS
from ablations.evaluation.solution_metrics import SOLUTION_METRICS, ScoredSolutions

ROWS, CHOSEN = "rows.json", "chosen.json"


class Row(TypedDict, total=False):
    """Some columns of a record; `results.schema` says what they hold."""

    arm: str
    metric: str
    value: float
    single_draw: bool
    cell: str
    acquisition: str
    data_scale: int
    seed: int
    variant: str | None
    level: float | None
    n: int
    x: float
    count: int
    problem_values: list[float]
    solutions_hash: str
    distinct_solutions: int
    labelled_solutions: int
    labelled_steps: int | None


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of the records, and facts about the training of the evaluated models."""

    rows: list[Row]
    chosen: list[dict[str, Json]] | None = None
    """Facts of each training; None: no model was trained for the rows."""

    def write(self, folder: Path) -> None:
        """Writes ``ROWS``, and ``CHOSEN`` if there are facts."""
        write_json(folder / ROWS, self.rows)
        if self.chosen is not None:
            write_json(folder / CHOSEN, self.chosen)

    @classmethod
    def read(cls, folder: Path) -> Rows:
        chosen = folder / CHOSEN
        return cls(rows=read_json(folder / ROWS), chosen=read_json(chosen) if chosen.is_file() else None)


class EvaluatedSolutions:
    """Solutions of all folds, concatenated; problems may have different numbers of solutions."""

    samples: Sequence[Samples]
    """Samples of each fold; together they have P problems and R solutions."""
    correct: np.ndarray
    """bool [R]: whether each final answer is right."""
    finished: np.ndarray
    """bool [R]: whether each solution is finished."""
    n_steps: np.ndarray
    """int [R]: number of steps of each solution."""
    voted: np.ndarray
    """int32 [R]: code of the answer that each solution votes for, -1 (none) if it is unfinished. Within a
    problem, equal codes mean equal answers; codes of two folds may clash."""
    problem: np.ndarray
    """int64 [R]: the problem of each solution, 0 to P - 1."""
    smallest: int
    """Smallest number of solutions of a problem: the largest N that all problems have."""
    ns: list[int]
    """The K values of N, ascending: the powers of two below ``smallest``, and ``smallest``."""

    def __init__(self, samples: Sequence[Samples]) -> None:
        self.samples = samples
        by_fold = [fold.solutions for fold in samples]
        self.correct = np.concatenate([s.final_correct for s in by_fold])
        self.finished = np.concatenate([s.finished for s in by_fold])
        self.n_steps = np.concatenate([s.n_steps for s in by_fold])
        self.voted = np.where(self.finished, np.concatenate([s.answer_code for s in by_fold]), -1)
        self._counts = np.concatenate([s.counts for s in by_fold])
        self.problem = np.repeat(np.arange(len(self._counts)), self._counts)
        self.smallest = int(self._counts.min())
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

    def best_of(self, score: np.ndarray, ns: Sequence[int]) -> np.ndarray:
        """Returns best-of-N by scores, float64 [R], of every problem and N: float64 [P, K]."""
        return self.each(partial(best_of_n, ns=ns), score, self.correct, self.finished)

    def per_n(
        self, metric: str, value_PK: np.ndarray, shared: Row | None = None, ns: Sequence[int] | None = None
    ) -> list[Row]:
        """Returns one row per N (by default those of ``self.ns``) with the mean and values of the problems.

        A row's ``single_draw`` says whether every problem has exactly N solutions, and so only one subset.
        """
        rows: list[Row] = []
        for n, value_P in zip(self.ns if ns is None else ns, value_PK.T, strict=True):
            row: Row = {
                "metric": metric,
                "n": n,
                "value": float(value_P.mean()),
                "problem_values": value_P.tolist(),
                "single_draw": bool((self._counts == n).all()),
            }
            rows.append(row | (shared or {}))
        return rows

    def scored(self, scores: Sequence[StepScores], scoring: str, ratings: Sequence[Ratings]) -> list[Row]:
        """Returns the rows of best-of-N and AUROCs of one reward model (or one per fold).

        Args:
            scores: one per fold.
            scoring: key in ``SCORINGS``.
            ratings: the oracle's ratings of the steps, one per fold; empty without an oracle.
        """
        rows = self.by_score(np.concatenate([SCORINGS[scoring](s) for s in scores]))
        if ratings:
            truth = Ragged.concatenate([one.steps for one in ratings])
            rows += defined("step_auroc", step_auroc(join_scores(scores), truth))
        return rows

    def by_score(self, score: np.ndarray) -> list[Row]:
        """Returns rows of best-of-N and of all `SOLUTION_METRICS` by scores, float64 [R]."""
        scored = ScoredSolutions(
            score=score,
            correct=self.correct,
            finished=self.finished,
            problem=self.problem,
            n_steps=self.n_steps,
        )
        rows = self.per_n("best_of_n", self.best_of(score, self.ns))
        for name, metric in SOLUTION_METRICS.items():
            rows += defined(name, metric(scored))
        return rows


def defined(metric: str, value: float) -> list[Row]:
    """Returns the metric's row; none if it is undefined, as an AUROC is if all are right or all wrong."""
    return [{"metric": metric, "value": value}] if np.isfinite(value) else []


def random_row(once_P: np.ndarray) -> Row:
    """Returns the row of a random solution, given its chance to solve each problem: float64 [P], 0 to 1."""
    return {
        "arm": "random",
        "metric": "random",
        "n": 1,
        "value": float(once_P.mean()),
        "problem_values": once_P.tolist(),
    }


def join_scores(scores: Sequence[StepScores]) -> StepScores:
    """Concatenates the scores of several folds."""
    prob = Ragged.concatenate([s.prob for s in scores])
    return StepScores(prob=prob, last=np.concatenate([s.last for s in scores]))
