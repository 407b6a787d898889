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
        pool = read_pool(self.file.unchanged(), self.labeler)
        assert pool.labels is not None
        return PoolSamples(
            problems=pool.problems,
            solutions=pool.solutions,
            labels=pool.labels,
            left_out=pool.describe_left_out() or "",
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldPart:
    """A part of a pool: ``test``, ``validation`` (the next fold's test) or ``train`` (the rest)."""

    pool: Step[PoolSamples]
    fold: int
    folds: int
    part: Part
    seed: int = 0

    def take(self, pool: Samples) -> tuple[Samples, IntArray]:
        """Returns its samples, and their rows in the pool."""
        problems = fold_problems(
            len(pool.problems), fold=self.fold, folds=self.folds, part=self.part, seed=self.seed
        )
        return pool.take_problems(problems)


@dataclass(frozen=True, kw_only=True, eq=False)
class TakeFold(FoldPart, Step[Samples], name="fold"):
    """Takes the samples of a part."""

    def run(self, context: Context) -> Samples:
        return self.take(Samples.read(context.folder(self.pool)))[0]  # does not read the labels


@dataclass(frozen=True, kw_only=True, eq=False)
class TakeFoldLabels(FoldPart, Step[StepScores], name="fold_labels"):
    """Takes the labeler's scores of a part."""

    def run(self, context: Context) -> StepScores:
        pool = context.read(self.pool)
        return pool.labels.take(self.take(pool)[1])
