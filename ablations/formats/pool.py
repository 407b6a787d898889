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
                       step, P(the step is right); the same labelers in every sample of the file
        solution_scores  object, optional (default empty): other labelers' names -> number, the score of the
                       whole solution, higher for better ones; the same labelers in every sample of the file

Other fields are ignored.

Ungraded solutions are left out when a pool is read. A problem with more than half of its solutions ungraded
is left out entirely; every other one keeps all its graded solutions, whose number may differ by problem.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ablations.data.computed_scores import from_positive
from ablations.data.ragged import Ragged
from ablations.data.solutions import SCHEMA, Problem, Solutions, StepScores
from ablations.formats.questions import normalized
from ablations.formats.rows import (
    MISSING,
    Where,
    check,
    check_text,
    fault,
    integer,
    is_finite,
    is_probability,
    read_rows,
    required_name,
    string,
    text_or_number,
    write_rows,
)

OPTIONAL = ("finished", "step_scores", "solution_scores")
"""Fields of a sample that may be left out."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A pool read from its file."""

    problems: list[Problem]
    """Problems in the file's order."""
    solutions: Solutions
    """Solutions, problem by problem in the same order."""
    labels: StepScores | None
    """Scores of the requested labeler, two classes, in the solutions' order; None if none was requested. For
    one that scores whole solutions, see `StepScores.of_solutions`."""
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
    """Names of the problems that were left out."""

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
        told = f"Ungraded solutions are left out: {self.ungraded:,}"
        if self.surplus:
            told += f", and {self.surplus:,} graded ones of problems that are left out"
        least, most = int(counts.min()), int(counts.max())
        span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        told += f"; each of {len(self.problems):,} problems keeps {span}."
        if least < most:
            told += f" Best-of-N is for N up to {self.about_fewest()}."
        if self.left_out:
            first = ", ".join(self.left_out[:3]) + (", ..." if len(self.left_out) > 3 else "")
            told += (
                f" Left out whole, more than half of their solutions being ungraded: "
                f"{len(self.left_out):,} problems ({first})."
            )
        return told


class PoolRows:
    """Rules of the format: for each row, and across the rows of a file."""

    def __init__(self) -> None:
        self.labelers: tuple[str, ...] | None = None
        """Names of the labelers that score steps, once a row has been checked."""
        self.solution_labelers: tuple[str, ...] | None = None
        """Names of those that score whole solutions, likewise."""
        self._ids: dict[str, int] = {}
        self._texts: dict[str, int] = {}

    def checked(self, where: Where, row: dict[str, Any]) -> tuple[Problem, list[dict[str, Any]]]:
        """Checks the next row, and returns its problem and samples.

        Raises:
            ValueError: a rule is broken; the row then counts as not read.
        """
        problem, samples = _checked_problem(where, row)
        if problem.problem_id in self._ids:
            allowed = f"a new name (line {self._ids[problem.problem_id]} has it)"
            raise fault(where, "problem_id", problem.problem_id, allowed)
        text = normalized(problem.text)
        if text in self._texts:
            allowed = (
                f"another problem than line {self._texts[text]}'s: equal ones would lie in several folds"
            )
            raise fault(where, "problem", problem.text, allowed)
        taken: set[int] = set()
        labelers, solution_labelers = self.labelers, self.solution_labelers
        for i, sample in enumerate(samples):
            names, solution_names = _check_sample(where, f"samples[{i}]", sample)
            if sample["sample"] in taken:
                raise fault(where, f"samples[{i}].sample", sample["sample"], "a number new in this problem")
            taken.add(sample["sample"])
            labelers = names if labelers is None else labelers
            solution_labelers = solution_names if solution_labelers is None else solution_labelers
            for field, found, first in (
                ("step_scores", names, labelers),
                ("solution_scores", solution_names, solution_labelers),
            ):
                if set(found) != set(first):
                    allowed = f"the same labelers in every sample ({_listed(first)})"
                    raise fault(where, f"samples[{i}].{field}", _listed(found), allowed, quoted=False)
        for i, sample in enumerate(samples):
            check_text(where, f"samples[{i}]", "".join((*sample["steps"], sample["answer"] or "")))
        self.labelers, self.solution_labelers = labelers, solution_labelers
        self._ids[problem.problem_id] = self._texts[text] = where.line
        return problem, samples

    def has_labeler(self, where: Where, labeler: str | None) -> None:
        """Raises an error if the rows do not have the requested labeler."""
        held = (*(self.labelers or ()), *(self.solution_labelers or ()))
        if labeler is not None and labeler not in held:
            allowed = f"a labeler of this pool ({', '.join(held) or 'it has none'})"
            raise fault(where, "labeler", labeler, allowed)


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
    scores: list[list[np.ndarray]] = []
    solution_scores: list[float] = []
    graded: list[bool] = []
    ungraded = surplus = 0
    left_out: list[str] = []

    def parse(where: Where, row: dict[str, Any]) -> list[tuple[Problem, list[dict[str, Any]]]]:
        found = rules.checked(where, row)
        rules.has_labeler(where, labeler)
        return [found]

    for problem, samples in read_rows(path, parse):
        kept = [one for one in samples if keep_ungraded or one["final_correct"] is not None]
        ungraded += len(samples) - len(kept)
        if 2 * len(kept) < len(samples):
            left_out.append(problem.problem_id)
            surplus += len(kept)
            continue
        problems.append(problem)
        parts.append(_table(problem.problem_id, kept))
        graded += (one["final_correct"] is not None for one in kept)
        if labeler in (rules.solution_labelers or ()):
            solution_scores += [float(one["solution_scores"][labeler]) for one in kept]
        elif labeler is not None:
            scores.append([np.asarray(one["step_scores"][labeler], dtype=np.float64) for one in kept])
    if left_out and not problems:
        raise ValueError(
            f"{path}: field final_correct: found more than half of them null in every problem; allowed: a "
            "problem with more of them true or false"
        )
    if not problems:
        raise ValueError(f"{path}:1: field problem_id: found an empty file; allowed: at least one problem")
    assert rules.labelers is not None and rules.solution_labelers is not None
    labels = None
    solutions = Solutions(pa.concat_tables(parts).combine_chunks())
    if labeler in rules.solution_labelers:
        labels = StepScores.of_solutions(np.array(solution_scores), solutions.n_steps)
    elif labeler is not None:
        labels = from_positive(Ragged.from_rows([row for rows in scores for row in rows]))
    return Pool(
        problems=problems,
        solutions=solutions,
        labels=labels,
        labelers=rules.labelers,
        solution_labelers=rules.solution_labelers,
        graded=np.array(graded) if keep_ungraded else np.ones(len(solutions), dtype=np.bool_),
        ungraded=ungraded,
        surplus=surplus,
        left_out=tuple(left_out),
    )


def write_pool(
    path: str | Path,
    problems: Sequence[Problem],
    solutions: Solutions,
    scores: dict[str, Ragged] | None = None,
    *,
    graded: npt.NDArray[np.bool_] | None = None,
) -> None:
    """Writes a pool that `read_pool` reads back, checked by the same rules.

    Args:
        path: the file to write.
        problems: P problems in the order of their solutions.
        solutions: solutions, problem by problem in the same order.
        scores: labeler name -> P(the step is right) of all steps, in the solutions' order.
        graded: bool [R], which solutions are graded; the others are written as ungraded. None means all.

    Raises:
        ValueError: the problems are not those of the solutions, scores have other numbers of steps, or a rule
            of the format is broken; then no file is written.
    """
    if [problem.problem_id for problem in problems] != solutions.problem_ids:
        raise ValueError(
            "problems: found other problems than the solutions'; allowed: the same in the same order"
        )
    if not len(solutions):
        raise ValueError("solutions: found none; allowed: one or more")
    for name, ragged in (scores or {}).items():
        if not np.array_equal(ragged.lengths, solutions.n_steps):
            raise ValueError(f"scores[{name!r}]: found other numbers of steps; allowed: the solutions'")
    if graded is None:
        graded = np.ones(len(solutions), dtype=np.bool_)
    if len(graded) != len(solutions):
        raise ValueError(f"graded: found {len(graded)}; allowed: {len(solutions)}, one per solution")
    write_rows(path, _rows(Path(path), problems, solutions, scores or {}, graded))


def _rows(
    path: Path,
    problems: Sequence[Problem],
    solutions: Solutions,
    scores: dict[str, Ragged],
    graded: npt.NDArray[np.bool_],
) -> Iterator[dict[str, Any]]:
    rules = PoolRows()
    ends = np.cumsum(solutions.counts)
    for p, problem in enumerate(problems):
        samples = []
        for i in range(ends[p] - solutions.counts[p], ends[p]):
            solution = solutions.row(i)
            samples.append(
                {
                    "sample": solution.sample,
                    "steps": list(solution.steps),
                    "answer": solution.answer,
                    "final_correct": solution.final_correct if graded[i] else None,
                    "finished": solution.finished,
                    "step_scores": {name: ragged.row(i).tolist() for name, ragged in scores.items()},
                }
            )
        row = {
            "problem_id": problem.problem_id,
            "problem": problem.text,
            "answer": problem.answer,
            "samples": samples,
        }
        rules.checked(Where(path=path, line=p + 1), row)
        yield row


def _checked_problem(where: Where, row: dict[str, Any]) -> tuple[Problem, list[Any]]:
    problem_id = required_name(where, row, "problem_id", filled=True)
    problem = string(where, row, "problem", filled=True)
    answer = required_name(where, row, "answer")
    samples = row.get("samples", MISSING)
    check(where, "samples", samples, isinstance(samples, list) and samples, "an array, not empty")
    return Problem(problem_id=problem_id, text=problem, answer=answer), [_plain(one) for one in samples]


def _plain(sample: Any) -> Any:
    """Removes the nulls and floats that tables with one type per column put into a sample."""
    if not isinstance(sample, dict):
        return sample
    plain = {name: value for name, value in sample.items() if value is not None or name not in OPTIONAL}
    for field in ("step_scores", "solution_scores"):
        if isinstance(scores := plain.get(field), dict):
            plain[field] = {name: values for name, values in scores.items() if values is not None}
    if (number := integer(plain.get("sample"))) is not None:
        plain["sample"] = number
    if "answer" in plain:
        plain["answer"] = text_or_number(plain["answer"])
    return plain


def _check_sample(where: Where, at: str, sample: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Checks one sample; returns the labelers that score its steps, and those that score it as a whole."""
    check(where, at, sample, isinstance(sample, dict), "an object")
    number = sample.get("sample", MISSING)
    check(
        where,
        f"{at}.sample",
        number,
        type(number) is int and 0 <= number < 2**31,
        "an integer from 0 to 2147483647",
    )
    steps = sample.get("steps", MISSING)
    check(where, f"{at}.steps", steps, isinstance(steps, list) and steps, "an array, not empty")
    for s, step in enumerate(steps):
        check(where, f"{at}.steps[{s}]", step, isinstance(step, str) and step, "a string, not empty")
    answer = sample.get("answer", MISSING)
    check(where, f"{at}.answer", answer, answer is None or isinstance(answer, str), "a string or null")
    correct = sample.get("final_correct", MISSING)
    known = correct is None or isinstance(correct, bool)
    check(where, f"{at}.final_correct", correct, known, "true, false or null")
    finished = sample.get("finished", True)
    check(where, f"{at}.finished", finished, isinstance(finished, bool), "true or false")
    check(where, f"{at}.final_correct", correct, finished or not correct, "false in an unfinished sample")
    answered = (answer is not None and answer.strip()) or not correct
    check(where, f"{at}.final_correct", correct, answered, "false where answer is null or white space")
    scores = sample.get("step_scores", {})
    check(where, f"{at}.step_scores", scores, isinstance(scores, dict), "an object: labeler name -> array")
    for name, values in scores.items():
        check_text(where, f"{at}.step_scores", name)
        field = f"{at}.step_scores.{name}"
        check(where, field, values, isinstance(values, list), "an array of numbers")
        if len(values) != len(steps):
            raise fault(where, field, f"{len(values)} scores", f"{len(steps)}, one per step", quoted=False)
        for s, score in enumerate(values):
            check(where, f"{field}[{s}]", score, is_probability(score), "a number in [0, 1]")
    whole = sample.get("solution_scores", {})
    field = f"{at}.solution_scores"
    check(where, field, whole, isinstance(whole, dict), "an object: labeler name -> number")
    for name, score in whole.items():
        check_text(where, field, name)
        check(where, f"{field}.{name}", score, is_finite(score), "a finite number")
        check(where, f"{field}.{name}", name, name not in scores, "another name than a labeler of steps has")
    return tuple(scores), tuple(whole)


def _table(problem_id: str, samples: list[dict[str, Any]]) -> pa.Table:
    columns = {
        "problem_id": [problem_id] * len(samples),
        "sample": [sample["sample"] for sample in samples],
        "steps": [sample["steps"] for sample in samples],
        "answer": [sample["answer"] for sample in samples],
        "finished": [sample.get("finished", True) for sample in samples],
        "final_correct": [sample["final_correct"] is True for sample in samples],
    }
    return pa.table(columns, schema=SCHEMA)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
