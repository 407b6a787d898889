"""Solutions with step ratings, from any labeled format, as a PRM learns from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ablations.data.left_out import LeftOut
from ablations.formats.catalogue import recognized
from ablations.formats.labeled_solution import LabeledSolution, each_alternative
from ablations.formats.losses import FEATURES, Abilities, fitted
from ablations.formats.questions import normalized
from ablations.formats.rows import ReadHooks

RATINGS = Abilities(carries=frozenset(FEATURES) - {"soft"})
"""Everything except step probabilities, which become ratings."""


@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """Options of reading rated solutions; see the formats' options."""

    keep_screening: bool = False
    """With prm800k: keep initial screening questions."""
    keep_quality_control: bool = False
    """With prm800k: keep quality control questions."""
    keep_give_up: bool = False
    """With prm800k: keep solutions that the labeler gave up on."""
    keep_bad_problem: bool = False
    """With prm800k: keep problems reported as broken."""
    labeler: str | None = None
    """With a pool: labeler whose step scores become the labels."""

    def given(self) -> dict[str, Any]:
        """Returns the options that are set, by the names that readers take."""
        return {name: value for name, value in vars(self).items() if value}


@dataclass(frozen=True, kw_only=True)
class Branch:
    """Consecutive steps, some of them rated."""

    steps: tuple[str, ...]
    ratings: tuple[int | None, ...]
    """One per step: -1 wrong, 0 neutral, 1 right, None not rated; at least one is not None."""


@dataclass(frozen=True, kw_only=True)
class Rated:
    """A rated solution."""

    name: str
    """Its file, and its number in that file, from 1."""
    problem: str
    branches: tuple[Branch, ...]
    """The solution up to its first error, if a step of it is rated; then, for each rated alternative of a
    step, the steps chosen before it (whose ratings the solution has) and the alternative."""

    @cached_property
    def key(self) -> str:
        """The problem, with white space and case normalized."""
        return normalized(self.problem)

    @property
    def labels(self) -> int:
        """Total number of ratings."""
        return sum(rating is not None for branch in self.branches for rating in branch.ratings)


def read_rated(
    path: Path, left_out: LeftOut, *, options: Mapping[str, Any], threshold: float | None
) -> Iterator[Rated]:
    """Yields the rated solutions of a file; those without a rating are left out.

    Args:
        path: the file.
        left_out: collects these, and the solutions that the reader drops.
        options: options of all readers, by name; each reader takes its own.
        threshold: P(wrong) above which a step is wrong, where labels are probabilities.

    Raises:
        ValueError: the file is malformed, or has probabilities and there is no threshold.
    """
    form = recognized(path)
    known = {name: value for name, value in options.items() if name in form.options}
    for number, record in enumerate(form.read(path, ReadHooks(dropped=left_out.add), **known), 1):
        ratings = fitted(record, RATINGS, threshold).record
        assert ratings is not None  # only probabilities are lost
        name = f"{path.name}, solution {number}"
        branches = tuple(branches_of(ratings))
        if branches:
            yield Rated(name=name, problem=record.problem, branches=branches)
        else:
            left_out.add("without a label", name)


def branches_of(record: LabeledSolution) -> Iterator[Branch]:
    """Yields the branches of a rated solution: each rating once, none after an error."""
    end = record.first_error
    judged = record if end is None else record.cut(end + 1)
    for part in each_alternative(judged, repeat=False):
        ratings = tuple(label if isinstance(label, int) else None for label in part.labels)
        if any(rating is not None for rating in ratings):
            yield Branch(steps=part.texts, ratings=ratings)
