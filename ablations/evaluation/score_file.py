"""A file's solutions without their texts: which are right, which steps are, and how labelers score them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.evaluation.first_error import UNRATED
from ablations.formats.catalogue import FORMATS, recognized
from ablations.formats.labeled_solution import Label, LabeledSolution, Probabilities
from ablations.formats.pool_records import LABELS
from ablations.formats.questions import normalized
from ablations.formats.score_rows import Kind, Name, ScoreRows, names_of

WITH_FINALS = ("pool", "scored_samples")
"""Formats of many solutions per problem, each with its final answer and whether that is right."""
SCORES_AS_LABELS = "scored_samples"
"""The format whose labels are not ground truth, but a PRM's scores."""
POOL = "pool"
"""The format whose labels are the scores of a labeler called ``LABELS``."""
SOFT_LABELS = (
    "The scores called labels are probabilities: they are evaluated as a labeler's, and are not ratings "
    "(`ablations convert --threshold` makes ratings of them)"
)
RATING_PROBS, WHOLE_SCORES = "rating_probs", ("prm_score", "orm_score")
"""That format's labelers, of steps and of whole solutions, named after its fields."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Finals:
    """Graded final answers of P problems, each with its own number of solutions."""

    rows: Ragged
    """int64: rows of the solutions, one or more per problem."""
    correct: Ragged
    """bool: whether each ends right."""
    finished: Ragged
    voted: Ragged
    """int64: code of the answer that each votes for; -1, none, if it is unfinished or has no answer."""
    ungraded: int = 0
    """Number of solutions left out because they are ungraded."""
    surplus: int = 0
    """Number of graded solutions left out with their problems."""
    left_out: tuple[str, ...] = ()
    """Names of the problems left out because more than half of their solutions are ungraded."""

    @property
    def most_n(self) -> int:
        """Largest N at which every problem has a value: the smallest number of solutions."""
        return int(self.rows.lengths.min())

    def per_solution(self, values: npt.NDArray) -> Ragged:
        """Selects the values of these solutions from those of all R solutions of the file."""
        return Ragged(values=values[self.rows.values], offsets=self.rows.offsets)

    def facts(self) -> dict[str, Any]:
        """Returns the numbers of problems and solutions, as plain JSON."""
        return {
            "problems": len(self.rows),
            "solutions": len(self.rows.values),
            "solutions_per_problem": [self.most_n, int(self.rows.lengths.max())],
            "ungraded": self.ungraded,
            "left_out_with_their_problems": self.surplus,
            "problems_left_out": list(self.left_out),
        }

    def notes(self) -> list[str]:
        """Returns notes for readers on the solutions in best-of-N and votes, one line each."""
        notes = []
        if self.ungraded:
            notes.append(f"Ungraded solutions left out of best-of-N and votes: {self.ungraded:,}.")
        if self.left_out:
            first = ", ".join(self.left_out[:3]) + (", ..." if len(self.left_out) > 3 else "")
            notes.append(
                f"Problems left out because more than half of their solutions are ungraded: "
                f"{len(self.left_out):,} ({first}); graded solutions left out with them: {self.surplus:,}."
            )
        least, most = self.most_n, int(self.rows.lengths.max())
        if least < most:
            notes.append(
                f"Problems have {least:,} to {most:,} graded solutions: all are used, and N goes up to "
                f"{least:,}, so that every N is measured on the same {len(self.rows):,} problems."
            )
        return notes


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """R solutions of P problems."""

    path: Path
    form: str
    problems: tuple[str, ...]
    """P texts, normalized for white space and case."""
    problem_R: npt.NDArray[np.int64]
    """int64 [R]: 0..P-1."""
    rating: Ragged
    """int8: -1 wrong, 0 neutral, 1 right, UNRATED."""
    steps: dict[str, StepScores]
    """Labeler -> its scores of all steps."""
    whole: dict[str, npt.NDArray[np.float64]]
    """Labeler -> its score of each whole solution, [R], if it does not score steps."""
    finals: Finals | None
    """Graded final answers; None if the format has none, or too few are graded."""
    notes: tuple[str, ...] = ()
    """Notes for readers on how the file was read, one line each."""

    @property
    def labelers(self) -> tuple[str, ...]:
        """Names of all labelers with scores."""
        return (*self.steps, *self.whole)

    @property
    def rated(self) -> bool:
        """Whether any step has a rating."""
        return bool((self.rating.values != UNRATED).any())

    def only(self, names: Sequence[str]) -> Scored:
        """Keeps only some labelers, in the order of the given names.

        Raises:
            ValueError: a labeler has no scores here.
        """
        for name in names:
            if name not in self.labelers:
                allowed = ", ".join(self.labelers) or "none, the file has no scores"
                raise ValueError(f"labeler: found {name!r}; allowed with {self.path.name}: {allowed}")
        return replace(
            self,
            steps={name: self.steps[name] for name in names if name in self.steps},
            whole={name: self.whole[name] for name in names if name in self.whole},
        )


def read_scored(path: Path, more: Mapping[str, ScoreRows] = MappingProxyType({})) -> Scored:
    """Reads a file of any format, recognized from its first row; holds one row's texts at a time.

    Args:
        path: the file.
        more: further labelers -> their scores of all solutions, joined by name.

    Raises:
        ValueError: a row is malformed, labelers or their scores are missing somewhere, or a label is neither
            a rating nor certain.
    """
    gathered = _gather(path, more)
    if not gathered.problem:
        raise ValueError(f"{path}: found no solutions; allowed: one or more")
    for rows in {rows.path: rows for rows in more.values()}.values():
        if (surplus := rows.solutions - len(gathered.problem)) > 0:
            gathered.notes.append(f"Scores in {rows.path} of solutions not in {path}: {surplus:,}.")
    return gathered.scored(path)


def scores_of(path: Path) -> dict[str, ScoreRows]:
    """Reads the scores of a file of any format by labeler, to be joined with those of another file.

    Raises:
        ValueError: as for `read_scored`.
    """
    names: list[list[Name]] = []
    gathered = _gather(path, each=lambda record: names.append(names_of(record)))
    ends = np.cumsum(gathered.lengths)
    starts = ends - np.array(gathered.lengths)

    def rows(kind: Kind, scores: Sequence[tuple[float, ...]]) -> ScoreRows:
        by_name = {name: values for same, values in zip(names, scores, strict=True) for name in same}
        return ScoreRows(path=path, kind=kind, scores=by_name, solutions=len(scores))

    by_labeler: dict[str, ScoreRows] = {}
    for labeler, values in gathered.scores.items():
        width = 3 if labeler in gathered.three else 1
        parts = [tuple(values[width * a : width * b]) for a, b in zip(starts, ends, strict=True)]
        by_labeler[labeler] = rows("classes" if width == 3 else "steps", parts)
    for labeler, values in gathered.whole.items():
        by_labeler[labeler] = rows("solutions", [(value,) for value in values])
    return by_labeler


def labelers_in(path: Path) -> set[str]:
    """Returns the labelers of a file's first row, which are those of all its rows."""
    gathered = _gather(path, most=1)
    return {*gathered.scores, *gathered.whole}


def _gather(
    path: Path,
    more: Mapping[str, ScoreRows] = MappingProxyType({}),
    *,
    each: Callable[[LabeledSolution], object] = lambda record: None,
    most: int | None = None,
) -> _Gathered:
    """Reads a file, or its first ``most`` solutions; ``each`` is called with every record."""
    form = recognized(path)
    gathered = _Gathered(form=next(name for name, known in FORMATS.items() if known is form))
    for number, record in enumerate(islice(form.read(path), most), 1):
        sample = "" if record.sample is None else f", sample {record.sample}"
        where = f"{path}: solution {number} (problem {_problem_name(record)}{sample})"
        gathered.add(record, where, more)
        each(record)
    return gathered


@dataclass(kw_only=True)
class _Gathered:
    """The solutions read so far, in flat arrays."""

    form: str
    index: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    problem: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("q"))
    ratings: array[int] = field(default_factory=lambda: array("b"))
    scores: dict[str, array[float]] = field(default_factory=dict)
    """Labeler -> its scores of steps, one per step or three."""
    three: set[str] = field(default_factory=set)
    """Labelers with three scores per step: P(wrong), P(neutral) and P(right)."""
    whole: dict[str, array[float]] = field(default_factory=dict)
    graded: array[int] = field(default_factory=lambda: array("b"))
    correct: array[int] = field(default_factory=lambda: array("b"))
    finished: array[int] = field(default_factory=lambda: array("b"))
    answer: array[int] = field(default_factory=lambda: array("q"))
    notes: list[str] = field(default_factory=list)

    def add(self, record: LabeledSolution, where: str, more: Mapping[str, ScoreRows]) -> None:
        """Adds a solution."""
        self.problem.append(self.index.setdefault(normalized(record.problem), len(self.index)))
        if len(self.index) > len(self.names):
            self.names.append(_problem_name(record))
        self.lengths.append(len(record.steps))
        steps: dict[str, Iterable[float]] = dict(sorted(record.step_scores.items()))
        whole = dict(sorted(record.solution_scores.items()))
        if self.form == SCORES_AS_LABELS:
            steps = {RATING_PROBS: _flat(record.labels)}
            self.three.add(RATING_PROBS)
            given = zip(WHOLE_SCORES, (record.prm_score, record.orm_score), strict=True)
            whole = {name: score for name, score in given if score is not None}
            self.ratings.extend([UNRATED] * len(record.steps))
        elif self.form == POOL and any(label is not None for label in record.labels):
            steps[LABELS] = [label.right for label in record.labels if isinstance(label, Probabilities)]
            self.ratings.extend([UNRATED] * len(record.steps))
        else:
            unknown = record.error_not_shown  # the position of the error is unknown
            self.ratings.extend(
                UNRATED if label is None or unknown else certain(label, where) for label in record.labels
            )
        for labeler, rows in more.items():
            self._join(record, where, labeler, rows, steps, whole)
        if len(self.problem) == 1:
            self.scores, self.whole = ({name: array("d") for name in names} for names in (steps, whole))
        for known, new in ((self.scores, steps), (self.whole, whole)):
            if known.keys() != new.keys():
                raise ValueError(
                    f"{where}: found scores of {', '.join(new) or 'nobody'}; allowed: of "
                    f"{', '.join(known) or 'nobody'}, as for the solutions before"
                )
        for name, values in steps.items():
            self.scores[name].extend(values)
        for name, value in whole.items():
            self.whole[name].append(value)
        if self.form in WITH_FINALS:
            answer = record.answer or ""
            votes = record.finished and answer.strip()
            self.graded.append(record.correct is not None)
            self.correct.append(bool(record.correct) and record.finished)
            self.finished.append(record.finished)
            self.answer.append(self.answers.setdefault(answer, len(self.answers)) if votes else -1)

    def _join(
        self,
        record: LabeledSolution,
        where: str,
        labeler: str,
        rows: ScoreRows,
        steps: dict[str, Iterable[float]],
        whole: dict[str, float],
    ) -> None:
        """Adds the scores of a further labeler to those of the record."""
        if labeler in steps or labeler in whole:
            raise ValueError(f"name: found {labeler}, which has scores already; allowed: another name")
        if (found := rows.of(record)) is None:
            raise ValueError(
                f"{where}: found no scores of {record.solution_id or 'it'} in {rows.path}; allowed: scores "
                "of every solution, by its id, by problem_id and sample, or next to equal texts"
            )
        if rows.kind == "solutions":
            whole[labeler] = found[0]
            return
        count = len(found) // (3 if rows.kind == "classes" else 1)
        if count != len(record.steps):
            raise ValueError(
                f"{where}: found {count} scores in {rows.path}; allowed: {len(record.steps)}, one per step"
            )
        steps[labeler] = found
        if rows.kind == "classes":
            self.three.add(labeler)

    def scored(self, path: Path) -> Scored:
        """Returns everything that was added."""
        lengths, problem = np.array(self.lengths, np.int64), np.array(self.problem, np.int64)
        scores = {name: np.array(values) for name, values in self.scores.items()}
        rating, notes = np.array(self.ratings, np.int8), self.notes
        if LABELS in scores and self.form == POOL:
            if np.isin(scores[LABELS], (0, 1)).all():
                rating = np.where(scores.pop(LABELS) == 1, 1, -1).astype(np.int8)
            else:
                notes = [f"{SOFT_LABELS}.", *notes]
        steps = {name: _step_scores(values, lengths, name in self.three) for name, values in scores.items()}
        finals = self._finals(problem) if self.form in WITH_FINALS else None
        return Scored(
            path=path,
            form=self.form,
            problems=tuple(self.index),
            problem_R=problem,
            rating=Ragged.from_lengths(rating, lengths),
            steps=steps,
            whole={name: np.array(values) for name, values in self.whole.items()},
            finals=finals,
            notes=(*notes, *(finals.notes() if finals is not None else ())),
        )

    def _finals(self, problem: npt.NDArray[np.int64]) -> Finals | None:
        """Returns the graded solutions of problems with at least half of them graded; None without any."""
        graded = np.array(self.graded, bool)
        drawn_P, graded_P = np.bincount(problem), np.bincount(problem[graded], minlength=len(self.index))
        kept_P = 2 * graded_P >= drawn_P
        if not kept_P.any():
            return None
        rows = np.flatnonzero(graded & kept_P[problem])
        rows = rows[np.argsort(problem[rows], kind="stable")]

        def by_problem(values: npt.ArrayLike, dtype: npt.DTypeLike) -> Ragged:
            return Ragged.from_lengths(np.array(values, dtype)[rows], graded_P[kept_P])

        return Finals(
            rows=Ragged.from_lengths(rows, graded_P[kept_P]),
            correct=by_problem(self.correct, bool),
            finished=by_problem(self.finished, bool),
            voted=by_problem(self.answer, np.int64),
            ungraded=int((~graded).sum()),
            surplus=int(graded_P[~kept_P].sum()),
            left_out=tuple(self.names[p] for p in np.flatnonzero(~kept_P)),
        )


def _problem_name(record: LabeledSolution) -> str:
    """Names a problem for messages: its name, or the beginning of its text."""
    return record.problem_id or repr(record.problem[:60])


def _flat(labels: Iterable[Label]) -> list[float]:
    """Flattens three probabilities per step, normalized because their sum may be 1 only roughly."""
    flat: list[float] = []
    for label in labels:
        assert isinstance(label, Probabilities)
        probs = (label.wrong, label.neutral, label.right)
        flat.extend(prob / sum(probs) for prob in probs)
    return flat


def _step_scores(values: npt.NDArray[np.float64], lengths: npt.NDArray[np.int64], three: bool) -> StepScores:
    if not three:
        return StepScores.from_positive(Ragged.from_lengths(values, lengths))
    prob = Ragged.from_lengths(values.reshape(-1, 3), lengths)
    right = np.minimum(prob.values[:, 1] + prob.values[:, 2], 1.0)  # the sum may round above 1
    return StepScores(prob=prob, last=StepScores.from_positive(Ragged.from_lengths(right, lengths)).last)


def certain(label: int | Probabilities, where: str) -> int:
    """Converts a label to a rating.

    Raises:
        ValueError: it is a probability other than 0 or 1.
    """
    if isinstance(label, int):
        return label
    if label.wrong not in (0, 1):
        raise ValueError(
            f"{where}: found a label of P(wrong) {label.wrong:g}; allowed: ratings, or probabilities 0 "
            "and 1 (`ablations convert --threshold` makes ratings)"
        )
    return -1 if label.wrong == 1 else 1
