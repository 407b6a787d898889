"""A file's solutions without their texts: which are right, which steps are, and what labelers say of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.first_error import UNRATED
from ablations.formats.catalogue import FORMATS, recognised
from ablations.formats.questions import normalised
from ablations.formats.records import Label, Probabilities, Record
from ablations.ragged import Ragged
from ablations.solutions import StepScores

WITH_FINALS = ("pool", "scored_samples")
"""Formats of many solutions a problem, each with its final answer and whether that is right."""
SCORES_AS_LABELS = "scored_samples"
"""The format whose labels are no truth, but what a PRM said."""
RATING_PROBS, WHOLE_SCORES = "rating_probs", ("prm_score", "orm_score")
"""What its labelers are called here: of steps, and of whole solutions. They are its fields' names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Finals:
    """Final answers as arrays of P problems by M solutions."""

    row_PM: npt.NDArray[np.int64]
    """int64 [P, M]: the solutions' rows."""
    correct_PM: npt.NDArray[np.bool_]
    """bool [P, M]: whether each ends right."""
    finished_PM: npt.NDArray[np.bool_]
    """bool [P, M]."""
    voted_PM: npt.NDArray[np.int64]
    """int64 [P, M]: code of the answer that each votes for; -1, none, where it is unfinished."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """R solutions of P problems."""

    path: Path
    """The file."""
    form: str
    """Its format."""
    problems: tuple[str, ...]
    """P texts, white space and case aside."""
    problem_R: npt.NDArray[np.int64]
    """int64 [R]: 0..P-1."""
    rating: Ragged
    """int8: -1 wrong, 0 neutral, 1 right, UNRATED."""
    steps: dict[str, StepScores]
    """Labeler -> what it says of all steps."""
    whole: dict[str, npt.NDArray[np.float64]]
    """Labeler -> its score of each solution as a whole, [R], where it says nothing of steps."""
    finals: Finals | None
    """None where the format is not of final answers."""

    @property
    def labelers(self) -> tuple[str, ...]:
        """Names of all that score."""
        return (*self.steps, *self.whole)

    @property
    def rated(self) -> bool:
        """Whether any step has a rating."""
        return bool((self.rating.values != UNRATED).any())

    def only(self, names: Sequence[str]) -> Scored:
        """Of some labelers alone, in the order of their names.

        Raises:
            ValueError: one has no scores here.
        """
        for name in names:
            if name not in self.labelers:
                allowed = ", ".join(self.labelers) or "none, the file has no scores"
                raise ValueError(f"labeler: found {name!r}; allowed with {self.path.name}: {allowed}")
        given = self.__dict__ | {
            "steps": {name: self.steps[name] for name in names if name in self.steps},
            "whole": {name: self.whole[name] for name in names if name in self.whole},
        }
        return Scored(**given)


def read_scored(path: Path) -> Scored:
    """Reads a file of any format, by the fields of its first row; one row's texts are held at a time.

    Raises:
        ValueError: a row is malformed, labelers or their scores are missing somewhere, a label is neither a
            rating nor certain, or problems have unequal numbers of final answers.
    """
    found = recognised(path)
    form = next(name for name, one in FORMATS.items() if one is found)
    gathered = _Gathered(form=form)
    for number, record in enumerate(found.read(path)):
        gathered.add(record, f"{path}: solution {number + 1}")
    if not gathered.problem:
        raise ValueError(f"{path}: found no solutions; allowed: one or more")
    return gathered.scored(path)


@dataclass(kw_only=True)
class _Gathered:
    """What has been read so far, in flat arrays."""

    form: str
    index: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    problem: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("q"))
    ratings: array[int] = field(default_factory=lambda: array("b"))
    scores: dict[str, array[float]] | None = None
    whole: dict[str, array[float]] | None = None
    correct: array[int] = field(default_factory=lambda: array("b"))
    finished: array[int] = field(default_factory=lambda: array("b"))
    answer: array[int] = field(default_factory=lambda: array("q"))

    def add(self, record: Record, where: str) -> None:
        """Takes a solution in."""
        self.problem.append(self.index.setdefault(normalised(record.problem), len(self.index)))
        self.lengths.append(len(record.steps))
        steps: dict[str, Iterable[float]] = {
            name: record.step_scores[name] for name in sorted(record.step_scores)
        }
        whole: dict[str, float] = {}
        if self.form == SCORES_AS_LABELS:
            steps = {RATING_PROBS: _flat(record.labels)}
            given = zip(WHOLE_SCORES, (record.prm_score, record.orm_score), strict=True)
            whole = {name: score for name, score in given if score is not None}
            self.ratings.extend([UNRATED] * len(record.steps))
        else:
            unknown = record.error_not_shown  # where the error is, nobody can tell
            known = (UNRATED if one is None or unknown else certain(one, where) for one in record.labels)
            self.ratings.extend(known)
        self.scores = self.scores if self.scores is not None else {name: array("d") for name in steps}
        self.whole = self.whole if self.whole is not None else {name: array("d") for name in whole}
        for held, new in ((self.scores, steps), (self.whole, whole)):
            if held.keys() != new.keys():
                raise ValueError(
                    f"{where}: found scores of {_listed(new)}; allowed: of {_listed(held)}, as of the "
                    "solutions before"
                )
        for name, values in steps.items():
            self.scores[name].extend(values)
        for name, value in whole.items():
            self.whole[name].append(value)
        if self.form in WITH_FINALS:
            if record.correct is None:
                raise ValueError(f"{where}: found nothing of its final answer; allowed: right or wrong")
            votes = record.finished and record.answer is not None
            self.correct.append(record.correct and record.finished)
            self.finished.append(record.finished)
            self.answer.append(
                self.answers.setdefault(str(record.answer), len(self.answers)) if votes else -1
            )

    def scored(self, path: Path) -> Scored:
        """All that was taken in."""
        lengths, problem = np.array(self.lengths, np.int64), np.array(self.problem, np.int64)
        steps = {
            name: _step_scores(np.array(values), lengths, self.form)
            for name, values in (self.scores or {}).items()
        }
        return Scored(
            path=path,
            form=self.form,
            problems=tuple(self.index),
            problem_R=problem,
            rating=Ragged.from_lengths(np.array(self.ratings, np.int8), lengths),
            steps=steps,
            whole={name: np.array(values) for name, values in (self.whole or {}).items()},
            finals=self._finals(path, problem) if self.form in WITH_FINALS else None,
        )

    def _finals(self, path: Path, problem: npt.NDArray[np.int64]) -> Finals:
        counts = np.bincount(problem)
        if counts.min() != counts.max():
            raise ValueError(
                f"{path}: found {counts.min()} to {counts.max()} solutions a problem; allowed: as many for "
                "each"
            )
        row_PM = np.argsort(problem, kind="stable").reshape(len(counts), int(counts[0]))
        return Finals(
            row_PM=row_PM,
            correct_PM=np.array(self.correct, bool)[row_PM],
            finished_PM=np.array(self.finished, bool)[row_PM],
            voted_PM=np.array(self.answer, np.int64)[row_PM],
        )


def _flat(labels: Iterable[Label]) -> list[float]:
    """Three probabilities a step; the format lets them sum to 1 but roughly."""
    flat: list[float] = []
    for label in labels:
        assert isinstance(label, Probabilities)
        held = (label.wrong, label.neutral, label.right)
        flat.extend(one / sum(held) for one in held)
    return flat


def _step_scores(values: npt.NDArray[np.float64], lengths: npt.NDArray[np.int64], form: str) -> StepScores:
    if form != SCORES_AS_LABELS:
        return StepScores.from_positive(Ragged.from_lengths(values, lengths))
    prob = Ragged.from_lengths(values.reshape(-1, 3), lengths)
    right = np.minimum(prob.values[:, 1] + prob.values[:, 2], 1.0)  # may round above it
    return StepScores(prob=prob, last=StepScores.from_positive(Ragged.from_lengths(right, lengths)).last)


def certain(label: int | Probabilities, where: str) -> int:
    """A label as a rating.

    Raises:
        ValueError: it is a probability that leaves open which.
    """
    if isinstance(label, int):
        return label
    if label.wrong not in (0, 1):
        raise ValueError(
            f"{where}: found a label of P(wrong) {label.wrong:g}; allowed: ratings, or probabilities 0 "
            "and 1 (`ablations convert --threshold` makes ratings)"
        )
    return -1 if label.wrong == 1 else 1


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names)) or "nobody"
