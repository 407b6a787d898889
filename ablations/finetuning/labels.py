"""Solutions with ratings of their steps, of any labelled format, as a PRM learns from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ablations.finetuning.provenance import LeftOut
from ablations.formats.catalogue import recognised
from ablations.formats.labeled_solution import LabeledSolution, each_alternative
from ablations.formats.losses import FEATURES, Abilities, fitted
from ablations.formats.questions import normalised
from ablations.formats.rows import ReadHooks

RATINGS = Abilities(carries=frozenset(FEATURES) - {"soft"})
"""Everything but probabilities of steps, which become ratings."""


@dataclass(frozen=True, kw_only=True)
class Branch:
    """Steps, one after the other, some of them rated."""

    steps: tuple[str, ...]
    """Texts."""
    ratings: tuple[int | None, ...]
    """-1 wrong, 0 neutral, 1 right, None not rated; one a step, and one at least that is not None."""


@dataclass(frozen=True, kw_only=True)
class Rated:
    """A solution as it was rated."""

    name: str
    """Its file, and its number there from 1."""
    problem: str
    """What is asked."""
    branches: tuple[Branch, ...]
    """The solution up to its first error, if a step of it is rated; then for each rated alternative of a step
    what was chosen before it, whose ratings the solution has, and the alternative."""

    @cached_property
    def key(self) -> str:
        """The problem, white space and case aside."""
        return normalised(self.problem)

    @property
    def labels(self) -> int:
        """Ratings in all."""
        return sum(rating is not None for branch in self.branches for rating in branch.ratings)


def read_rated(
    path: Path, left_out: LeftOut, *, options: Mapping[str, Any], threshold: float | None
) -> Iterator[Rated]:
    """The rated solutions of a file; those without a rating are left out.

    Args:
        path: of the file.
        left_out: told of them, and of what the reader drops.
        options: of readers by name; each reader takes its own.
        threshold: P(wrong) above which a step is wrong, where labels are probabilities.

    Raises:
        ValueError: the file is malformed, or has probabilities and there is no threshold.
    """
    form = recognised(path)
    own = {name: value for name, value in options.items() if name in form.options}
    records = form.read(path, ReadHooks(dropped=left_out.add), **own)
    for number, record in enumerate(records, 1):
        ratings = fitted(record, RATINGS, threshold).record
        assert ratings is not None  # nothing is lost but probabilities
        name = f"{path.name}, solution {number}"
        branches = tuple(branches_of(ratings))
        if branches:
            yield Rated(name=name, problem=record.problem, branches=branches)
        else:
            left_out.add("without a label", name)


def branches_of(record: LabeledSolution) -> Iterator[Branch]:
    """What process supervision learns from a rated solution: each rating once, none behind an error."""
    end = record.first_error
    judged = record if end is None else record.cut(end + 1)
    for part in each_alternative(judged, repeat=False):
        ratings = tuple(label if isinstance(label, int) else None for label in part.labels)
        if any(rating is not None for rating in ratings):
            yield Branch(steps=part.texts, ratings=ratings)
