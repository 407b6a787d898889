"""Pools: problems with solutions made elsewhere, and the scores that labelers gave them.

JSON Lines, one problem per line, an object with the fields

    problem_id   string, not empty, unique in the file
    problem      string, not empty, unique in the file ignoring white space and case: text of the problem
    answer       string: the reference final answer
    samples      array, not empty, of objects with the fields

        sample         integer >= 0, unique in the problem
        steps          array, not empty, of strings that are not empty: the solution's steps, no separators
        answer         string, or null if the solution has no answer
        final_correct  boolean: whether that answer is right, as graded by the pool's maker, which is trusted;
                       null if ungraded
        finished       boolean, optional (default true): whether the solution reached its end; an unfinished
                       one cannot be final_correct, nor can one whose answer is null or white space
        step_scores    object, optional (default empty): labeler name -> array of numbers in [0, 1], one per
                       step, P(the step is right), or null, no label, for all steps after one with 0; the
                       same labelers in every sample of the file
        solution_scores  object, optional (default empty): other labelers' names -> number, the score of the
                       whole solution, higher for better ones; the same labelers in every sample of the file

Other fields are ignored.

Ungraded solutions are left out when a pool is read. A problem with more than half of its solutions ungraded
is left out entirely; every other one keeps all its graded solutions, whose number may differ by problem.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ablations.data.ragged import Ragged
from ablations.data.solutions import SCHEMA, Problem, Solutions
from ablations.data.step_scores import StepScores
from ablations.formats.questions import normalized
from ablations.formats.rows import (
    MISSING,
    Fields,
    integer,
    is_finite,
    read_rows,
    text_or_number,
)
from ablations.formats.step_fields import check_step_scores

OPTIONAL = ("finished", "step_scores", "solution_scores")
"""Fields of a sample that may be left out."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A pool read from its file."""

    problems: list[Problem]
    solutions: Solutions
    """Solutions, problem by problem in the same order."""
    labels: StepScores | None
    """Scores of the requested labeler, two classes, in the solutions' order; None if none was requested. NaN
    where a step has no label. For one that scores whole solutions, see `StepScores.of_solutions`."""
    labelers: tuple[str, ...]
    """Names of the labelers whose scores of steps the file holds."""
    solution_labelers: tuple[str, ...] = ()
    """Names of the labelers whose scores of whole solutions it holds."""
    graded: npt.NDArray[np.bool_]
    """bool [R]: which solutions are graded; all, unless ungraded ones were requested. For the others,
    `final_correct` is False and means nothing."""
    ungraded: int = 0
    """Number of solutions left out because they are ungraded."""
    surplus: int = 0
    """Number of graded solutions left out with their problems."""
    left_out: tuple[str, ...] = ()

    @property
    def fewest(self) -> tuple[int, str]:
        """Smallest number of solutions to a problem, and the first problem with so few."""
        counts = self.solutions.counts
        first = int(np.argmin(counts))
        return int(counts[first]), self.problems[first].problem_id

    def about_fewest(self) -> str:
        """Describes the smallest number of solutions, with the problem and the reason if numbers differ."""
        count, name = self.fewest
        if self.solutions.counts.max() == count:
            return f"{count}, the solutions per problem"
        why = ", as ungraded solutions are left out" if self.ungraded else ""
        return f"{count}, the solutions of problem {name}, the fewest of all{why}"

    def describe_left_out(self) -> str | None:
        """Reports what was left out, in one line; None if nothing was."""
        if not self.ungraded:
            return None
        counts = self.solutions.counts
        line = f"Ungraded solutions are left out: {self.ungraded:,}"
        if self.surplus:
            line += f", and {self.surplus:,} graded ones of problems that are left out"
        least, most = int(counts.min()), int(counts.max())
        span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        line += f"; each of {len(self.problems):,} problems keeps {span}."
        if least < most:
            line += f" Best-of-N is for N up to {self.about_fewest()}."
        if self.left_out:
            first = ", ".join(self.left_out[:3]) + (", ..." if len(self.left_out) > 3 else "")
            line += (
                f" Left out whole, more than half of their solutions being ungraded: "
                f"{len(self.left_out):,} problems ({first})."
            )
        return line


class PoolRows:
    """Rules of the format: for each row, and across the rows of a file."""

    def __init__(self) -> None:
        self.labelers: dict[str, tuple[str, ...]] = {}
        """``step_scores`` and ``solution_scores`` -> names of the labelers, once a row has been checked."""
        self._ids: dict[str, int] = {}
        self._texts: dict[str, int] = {}

    def check(self, row: Fields) -> tuple[Problem, list[Fields]]:
        """Checks the next row, and returns its problem and samples.

        Raises:
            ValueError: a rule is broken; the row then counts as not read.
        """
        problem = Problem(
            problem_id=row.required_name("problem_id", filled=True),
            text=row.string("problem", filled=True),
            answer=row.required_name("answer"),
        )
        values = row.value("samples", _is_filled_list, "an array, not empty")
        if problem.problem_id in self._ids:
            allowed = f"a new name (line {self._ids[problem.problem_id]} has it)"
            raise row.fault("problem_id", problem.problem_id, allowed)
        text = normalized(problem.text)
        if text in self._texts:
            allowed = (
                f"another problem than line {self._texts[text]}'s: equal ones would lie in several folds"
            )
            raise row.fault("problem", problem.text, allowed)
        numbers: set[int] = set()
        labelers = dict(self.labelers)
        samples = []
        for i, value in enumerate(values):
            sample = _plain(row.nested(f"samples[{i}]", value))
            _check_sample(sample)
            sample.check(
                "sample", sample["sample"], sample["sample"] not in numbers, "a number new in this problem"
            )
            numbers.add(sample["sample"])
            for field in ("step_scores", "solution_scores"):
                names = tuple(sample.get(field, ()))
                first = labelers.setdefault(field, names)
                if set(names) != set(first):
                    allowed = f"the same labelers in every sample ({', '.join(first) or 'none'})"
                    raise sample.fault(field, ", ".join(names) or "none", allowed, quoted=False)
            samples.append(sample)
        for i, sample in enumerate(samples):
            row.check_text(f"samples[{i}]", "".join((*sample["steps"], sample["answer"] or "")))
        self.labelers = labelers
        self._ids[problem.problem_id] = self._texts[text] = row.line
        return problem, samples

    def check_labeler(self, row: Fields, labeler: str | None) -> None:
        """Raises an error if the rows do not have the requested labeler."""
        names = [name for names in self.labelers.values() for name in names]
        if labeler is not None and labeler not in names:
            allowed = f"a labeler of this pool ({', '.join(names) or 'it has none'})"
            raise row.fault("labeler", labeler, allowed)


def read_pool(path: str | Path, labeler: str | None, *, keep_ungraded: bool = False) -> Pool:
    """Reads and checks a pool line by line; one line at a time is held as Python objects.

    Args:
        path: the file to read.
        labeler: labeler whose scores to keep; None keeps none (all are still checked).
        keep_ungraded: whether to keep all solutions, including ungraded ones.

    Raises:
        ValueError: the file breaks a rule of its format, has no labeler of that name, or more than half of
            the solutions to every problem are ungraded.
    """
    rules = PoolRows()
    problems: list[Problem] = []
    parts: list[pa.Table] = []
    step_scores: list[np.ndarray] = []
    solution_scores: list[float] = []
    graded: list[bool] = []
    ungraded = surplus = 0
    left_out: list[str] = []

    def parse(row: Fields) -> list[tuple[Problem, list[Fields]]]:
        parsed = rules.check(row)
        rules.check_labeler(row, labeler)
        return [parsed]

    for problem, samples in read_rows(path, parse):
        kept = [sample for sample in samples if keep_ungraded or sample["final_correct"] is not None]
        ungraded += len(samples) - len(kept)
        if 2 * len(kept) < len(samples):
            left_out.append(problem.problem_id)
            surplus += len(kept)
            continue
        problems.append(problem)
        parts.append(_table(problem.problem_id, kept))
        graded += (sample["final_correct"] is not None for sample in kept)
        if labeler in rules.labelers["solution_scores"]:
            solution_scores += [float(sample["solution_scores"][labeler]) for sample in kept]
        elif labeler is not None:
            step_scores += [np.asarray(sample["step_scores"][labeler], dtype=np.float64) for sample in kept]
    if left_out and not problems:
        raise ValueError(
            f"{path}: field final_correct: found more than half of them null in every problem; allowed: a "
            "problem with more of them true or false"
        )
    if not problems:
        raise ValueError(f"{path}:1: field problem_id: found an empty file; allowed: at least one problem")
    solutions = Solutions(pa.concat_tables(parts).combine_chunks())
    labels = None
    if labeler in rules.labelers["solution_scores"]:
        labels = StepScores.of_solutions(np.array(solution_scores), solutions.n_steps)
    elif labeler is not None:
        labels = StepScores.from_positive(Ragged.from_rows(step_scores))
    return Pool(
        problems=problems,
        solutions=solutions,
        labels=labels,
        labelers=rules.labelers["step_scores"],
        solution_labelers=rules.labelers["solution_scores"],
        graded=np.array(graded),
        ungraded=ungraded,
        surplus=surplus,
        left_out=tuple(left_out),
    )


def _plain(sample: Fields) -> Fields:
    """Removes the nulls and floats that tables with one type per column put into a sample."""
    for field in OPTIONAL:
        if sample.get(field, MISSING) is None:
            del sample[field]
    for field in ("step_scores", "solution_scores"):
        if isinstance(scores := sample.get(field), dict):
            sample[field] = {name: values for name, values in scores.items() if values is not None}
    if (number := integer(sample.get("sample"))) is not None:
        sample["sample"] = number
    if "answer" in sample:
        sample["answer"] = text_or_number(sample["answer"])
    return sample


def _is_filled_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _check_sample(sample: Fields) -> None:
    sample.value(
        "sample",
        lambda value: type(value) is int and 0 <= value < 2**31,
        "an integer from 0 to 2147483647",
    )
    steps = sample.value("steps", _is_filled_list, "an array, not empty")
    for s, step in enumerate(steps):
        sample.check(f"steps[{s}]", step, isinstance(step, str) and step, "a string, not empty")
    answer = sample.value("answer", lambda value: isinstance(value, str | None), "a string or null")
    correct = sample.value(
        "final_correct", lambda value: isinstance(value, bool | None), "true, false or null"
    )
    finished = sample.value("finished", lambda value: isinstance(value, bool), "true or false", True)
    sample.check("final_correct", correct, finished or not correct, "false in an unfinished sample")
    answered = (answer is not None and answer.strip()) or not correct
    sample.check("final_correct", correct, answered, "false where answer is null or white space")
    scores = sample.value(
        "step_scores", lambda value: isinstance(value, dict), "an object: labeler name -> array", {}
    )
    for name, values in scores.items():
        sample.check_text("step_scores", name)
        field = f"step_scores.{name}"
        sample.check(field, values, isinstance(values, list), "an array of numbers")
        if len(values) != len(steps):
            raise sample.fault(field, f"{len(values)} scores", f"{len(steps)}, one per step", quoted=False)
        check_step_scores(sample, field, values)
    whole = sample.get("solution_scores", {})
    sample.check("solution_scores", whole, isinstance(whole, dict), "an object: labeler name -> number")
    for name, score in whole.items():
        sample.check_text("solution_scores", name)
        field = f"solution_scores.{name}"
        sample.check(field, score, is_finite(score), "a finite number")
        sample.check(field, name, name not in scores, "another name than a labeler of steps has")


def _table(problem_id: str, samples: list[Fields]) -> pa.Table:
    columns = {
        "problem_id": [problem_id] * len(samples),
        "sample": [sample["sample"] for sample in samples],
        "steps": [sample["steps"] for sample in samples],
        "answer": [sample["answer"] for sample in samples],
        "finished": [sample.get("finished", True) for sample in samples],
        "final_correct": [sample["final_correct"] is True for sample in samples],
    }
    return pa.table(columns, schema=SCHEMA)
