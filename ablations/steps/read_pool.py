"""Steps of real solutions: a pool of them, and its folds.

A fold's solutions and their labels are separate artifacts: steps that choose what to label read only the
solutions.
"""

from dataclasses import dataclass
from typing import Literal

from ablations.data.artifacts import IntArray, PoolSamples, Samples
from ablations.data.cross_fitting import fold_problems
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.engine.user_file import UserFile
from ablations.formats.pool import read_pool

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadPool(Step[PoolSamples], name="pool"):
    """Reads a pool: problems, solutions, and a labeler's scores of their steps."""

    file: UserFile
    labeler: str

    def run(self, context: Context) -> PoolSamples:
        read = read_pool(self.file.unchanged(), self.labeler)
        assert read.labels is not None
        return PoolSamples(
            problems=read.problems,
            solutions=read.solutions,
            labels=read.labels,
            left_out=read.describe_left_out() or "",
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TakeFold(Step[Samples], name="fold"):
    """Takes a part of a pool: ``test``, ``validation`` (the next fold's test) or ``train`` (the rest)."""

    pool: Step[PoolSamples]
    fold: int
    folds: int
    part: Part
    seed: int = 0

    def run(self, context: Context) -> Samples:
        samples = Samples.read(context.folder(self.pool))  # not the labels
        return _dealt(samples, self.fold, self.folds, self.part, self.seed)[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class TakeFoldLabels(Step[StepScores], name="fold_labels"):
    """Takes the labeler's scores of the solutions that `TakeFold` takes with the same fields."""

    pool: Step[PoolSamples]
    fold: int
    folds: int
    part: Part
    seed: int = 0

    def run(self, context: Context) -> StepScores:
        pool = context.read(self.pool)
        return pool.labels.take(_dealt(pool, self.fold, self.folds, self.part, self.seed)[1])


def _dealt(pool: Samples, fold: int, folds: int, part: Part, seed: int) -> tuple[Samples, IntArray]:
    return pool.take_problems(fold_problems(len(pool.problems), fold=fold, folds=folds, part=part, seed=seed))
