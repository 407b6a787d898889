"""Steps that choose solutions to rate for the large PRM: uniform draws, generations, and unions of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ablations.acquisition.collection import collect
from ablations.data.artifacts import ChosenRows, IntArray, Opinion, Samples
from ablations.engine.step import Context, Step
from ablations.steps.acquire import candidates_of, mean_convincing


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawRows(Step[ChosenRows], name="drawn"):
    """Draws rows uniformly: a number per problem, or as many in total as another choice has."""

    samples: Step[Samples]
    count: int | None = None
    """Rows per problem."""
    as_many_as: Step[ChosenRows] | None = None
    """The other choice."""
    seed: int

    def run(self, context: Context) -> ChosenRows:
        samples = context.read(self.samples)
        if self.as_many_as is not None:
            total = len(context.read(self.as_many_as).labeled)
        else:
            assert self.count is not None
            total = self.count * len(samples.problems)
        return ChosenRows.of(samples, draw_total(samples, total, self.seed))


@dataclass(frozen=True, kw_only=True, eq=False)
class CollectGeneration(Step[ChosenRows], name="collected"):
    """Chooses a generation's convincing wrong answers."""

    samples: Step[Samples]
    opinion: Step[Opinion]
    """The previous generation's opinion of the samples."""
    rated: tuple[Step[ChosenRows], ...]
    """Rows that were rated before."""
    selection: str
    """A name in ``SELECTIONS``."""
    chosen: int
    """Rows per problem."""

    def run(self, context: Context) -> ChosenRows:
        samples = context.read(self.samples)
        known = candidates_of(samples, [context.read(self.opinion)])
        rows = collect(self.selection, known, union(context.read_all(self.rated)), self.chosen)
        return ChosenRows.of(samples, rows, convincing=mean_convincing(known, rows))


@dataclass(frozen=True, kw_only=True, eq=False)
class JoinRows(Step[ChosenRows], name="joined"):
    """Joins several choices of rows, each row once."""

    samples: Step[Samples]
    chosen: tuple[Step[ChosenRows], ...]

    def run(self, context: Context) -> ChosenRows:
        return ChosenRows.of(context.read(self.samples), union(context.read_all(self.chosen)))


def union(choices: Iterable[ChosenRows]) -> IntArray:
    """Returns the rows of several choices, each once, ascending."""
    return np.unique(np.concatenate([choice.labeled for choice in choices]))


def draw_rows(samples: Samples, data_scale: int, seed: int) -> IntArray:
    """Draws ``data_scale`` solutions per problem: the first ones in a random order of each problem's.

    The rows of a smaller data scale are among those of a larger one.

    Raises:
        ValueError: a problem has fewer solutions than that.
    """
    counts = samples.solutions.counts
    if not 1 <= data_scale <= counts.min():
        raise ValueError(
            f"data_scale: found {data_scale}; allowed: 1 to {counts.min()}, the smallest number of solutions "
            "of a problem"
        )
    places = np.tile(np.arange(counts.max()), (len(counts), 1))
    order_PM = np.random.default_rng([seed, 17]).permuted(places, axis=1)
    # Skips places that a problem lacks because another has more solutions.
    lacking_PM = order_PM >= counts[:, None]
    first_PM = np.argsort(lacking_PM, axis=1, kind="stable")[:, :data_scale]
    start_P = np.cumsum(counts) - counts
    rows: IntArray = (start_P[:, None] + np.take_along_axis(order_PM, first_PM, axis=1)).ravel()
    return rows


def draw_total(samples: Samples, total: int, seed: int) -> IntArray:
    """Draws ``total`` rows uniformly, ascending: equally many per problem, or one more for some.

    If ``total`` is a multiple of the number of problems, the rows are those of `draw_rows`.

    Raises:
        ValueError: too few solutions were sampled.
    """
    problems = len(samples.problems)
    each = -(-total // problems)
    row_PK = draw_rows(samples, each, seed).reshape(problems, each)
    spare = np.random.default_rng([seed, 31]).permutation(problems)[: each * problems - total]
    return np.sort(np.concatenate([row_PK[:, :-1].ravel(), np.delete(row_PK[:, -1], spare)]))
