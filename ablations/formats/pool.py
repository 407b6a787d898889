"""Pools: problems with solutions made elsewhere, and the step scores that labelers gave them.

JSON Lines (`.jsonl`, or gzipped `.jsonl.gz`), one problem a line, an object with the fields

    problem_id   string, not empty, unique in the file
    problem      string, not empty, unique in the file whatever its white space and case: what is asked
    answer       string: the reference final answer
    samples      array, not empty, as long for every problem, of objects with the fields

        sample         integer >= 0, unique in the problem
        steps          array, not empty, of strings that are not empty: the solution's steps, no separators
        answer         string, or null if the solution came to no answer
        final_correct  boolean: whether that answer is right, as graded by the pool's maker; it is trusted
        finished       boolean, may be left out (then true): whether the solution came to its end; an
                       unfinished one cannot be final_correct, nor can one whose answer is null
        step_scores    object, may be left out (then empty): labeler name -> array of numbers in [0, 1], one a
                       step, P(the step is right); the same labelers in every sample of the file

Other fields are ignored. Blank lines are skipped. A fault is a `ValueError` of the form
`FILE:LINE: field NAME: found X; allowed Y`.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from ablations.formats.questions import normalised
from ablations.labelers.computed import from_positive
from ablations.ragged import Ragged
from ablations.solutions import SCHEMA, Problem, Solutions, StepScores

_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A pool read from its file."""

    problems: list[Problem]
    """Problems in the file's order."""
    solutions: Solutions
    """Solutions, problem by problem in the same order."""
    labels: StepScores | None
    """Scores of the labeler asked for, two classes, in the solutions' order; None if none was asked for."""
    labelers: tuple[str, ...]
    """Names of the labelers whose scores the file holds."""


def read_pool(path: str | Path, labeler: str | None) -> Pool:
    """Reads and checks a pool line by line; one line at a time is held as Python objects.

    Args:
        path: a `.jsonl` or `.jsonl.gz` file.
        labeler: whose step scores to keep; None keeps none (all are checked nevertheless).

    Raises:
        ValueError: the file breaks a rule of its format, or has no labeler of that name.
    """
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    texts: dict[str, int] = {}
    labelers: tuple[str, ...] | None = None
    parts: list[pa.Table] = []
    scores: list[np.ndarray] = []
    size = 0
    for where, row in _lines(Path(path)):
        problem, samples = _checked_problem(where, row)
        if problem.problem_id in seen:
            allowed = f"a new name (line {seen[problem.problem_id]} has it)"
            raise _fault(where, "problem_id", problem.problem_id, allowed)
        seen[problem.problem_id] = where.line
        _check_new(where, problem.text, texts)
        size = size or len(samples)
        if len(samples) != size:
            raise _fault(where, "samples", len(samples), f"{size} samples, as many as the first problem has")
        taken: set[int] = set()
        for i, sample in enumerate(samples):
            names = _check_sample(where, f"samples[{i}]", sample)
            if sample["sample"] in taken:
                raise _fault(where, f"samples[{i}].sample", sample["sample"], "a number new in this problem")
            taken.add(sample["sample"])
            if labelers is None:
                labelers = tuple(names)
                if labeler is not None and labeler not in labelers:
                    allowed = f"a labeler of this pool ({', '.join(labelers) or 'it has none'})"
                    raise _fault(where, "labeler", labeler, allowed)
            if set(names) != set(labelers):
                allowed = f"the same labelers in every sample ({_listed(labelers)})"
                raise _fault(where, f"samples[{i}].step_scores", _listed(names), allowed, quoted=False)
            if labeler is not None:
                scores.append(np.asarray(sample["step_scores"][labeler], dtype=np.float64))
        problems.append(problem)
        for i, sample in enumerate(samples):
            _check_text(where, f"samples[{i}]", "".join((*sample["steps"], sample["answer"] or "")))
        parts.append(_table(problem.problem_id, samples))
    if not problems:
        raise ValueError(f"{path}:1: field problem_id: found an empty file; allowed: at least one problem")
    assert labelers is not None
    labels = from_positive(Ragged.from_rows(scores)) if labeler is not None else None
    solutions = Solutions(pa.concat_tables(parts).combine_chunks())
    return Pool(problems=problems, solutions=solutions, labels=labels, labelers=labelers)


def write_pool(
    path: str | Path,
    problems: Sequence[Problem],
    solutions: Solutions,
    scores: dict[str, Ragged] | None = None,
) -> None:
    """Writes a pool that `read_pool` reads back; checked by the same rules.

    Args:
        path: gzipped if it ends in `.gz`.
        problems: P problems in the order of their solutions.
        solutions: as many for each problem.
        scores: labeler name -> P(the step is right) of all steps, in the solutions' order.

    Raises:
        ValueError: the problems are not those of the solutions, scores have other numbers of steps, or a rule
            of the format is broken; then no file is left.
    """
    if [problem.problem_id for problem in problems] != solutions.problem_ids:
        raise ValueError(
            "problems: found other problems than the solutions'; allowed: the same in the same order"
        )
    counts = np.bincount(solutions.problem_index, minlength=len(problems))
    if not len(counts) or counts.min() != counts.max():
        raise ValueError("solutions: found unequal numbers a problem, or none; allowed: as many for each")
    for name, ragged in (scores or {}).items():
        if not np.array_equal(ragged.lengths, solutions.n_steps):
            raise ValueError(f"scores[{name!r}]: found other numbers of steps; allowed: the solutions'")
    target = Path(path)
    partial = target.with_name(f"{target.name}.partial")
    texts: dict[str, int] = {}
    try:
        with _open(partial, "wt", zipped=target.suffix == ".gz") as file:
            for p, problem in enumerate(problems):
                rows = range(p * int(counts[0]), (p + 1) * int(counts[0]))
                samples = []
                for i in rows:
                    row = solutions.row(i)
                    samples.append(
                        {
                            "sample": row.sample,
                            "steps": list(row.steps),
                            "answer": row.answer,
                            "final_correct": row.final_correct,
                            "finished": row.finished,
                            "step_scores": {name: r.row(i).tolist() for name, r in (scores or {}).items()},
                        }
                    )
                line = {
                    "problem_id": problem.problem_id,
                    "problem": problem.text,
                    "answer": problem.answer,
                    "samples": samples,
                }
                where = _Where(path=target, line=p + 1)
                _check_new(where, problem.text, texts)
                for i, sample in enumerate(_checked_problem(where, line)[1]):
                    _check_sample(where, f"samples[{i}]", sample)
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class _Where:
    path: Path
    """File."""
    line: int
    """Line number from 1."""


def _open(path: Path, mode: str, *, zipped: bool) -> IO[str]:
    opener: Any = gzip.open if zipped else open
    return opener(path, mode, encoding="utf-8")


def _lines(path: Path) -> Iterator[tuple[_Where, Any]]:
    where = _Where(path=path, line=0)
    try:
        with _open(path, "rt", zipped=path.suffix == ".gz") as file:
            for number, text in enumerate(file, start=1):
                where = _Where(path=path, line=number)
                if not text.strip():
                    continue
                try:
                    row = json.loads(text)
                except (ValueError, RecursionError) as error:
                    message = f"malformed JSON ({error})"
                    raise _fault(where, "(line)", message, "one JSON object", quoted=False) from None
                yield where, row
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        where = _Where(path=path, line=where.line + 1)
        raise _fault(
            where, "(line)", str(error), "UTF-8 text, gzipped if the name ends in .gz", quoted=False
        ) from None


def _checked_problem(where: _Where, row: Any) -> tuple[Problem, list[Any]]:
    if not isinstance(row, dict):
        raise _fault(where, "(line)", row, "one JSON object")
    for name in ("problem_id", "problem"):
        _check(
            where,
            name,
            value := row.get(name, _MISSING),
            isinstance(value, str) and value,
            "a string, not empty",
        )
    _check(where, "answer", value := row.get("answer", _MISSING), isinstance(value, str), "a string")
    for name in ("problem_id", "problem", "answer"):
        _check_text(where, name, row[name])
    samples = row.get("samples", _MISSING)
    _check(where, "samples", samples, isinstance(samples, list) and samples, "an array, not empty")
    return Problem(problem_id=row["problem_id"], text=row["problem"], answer=row["answer"]), samples


def _check_sample(where: _Where, at: str, sample: Any) -> list[str]:
    """Checks one sample; returns the names of its labelers."""
    _check(where, at, sample, isinstance(sample, dict), "an object")
    number = sample.get("sample", _MISSING)
    _check(
        where,
        f"{at}.sample",
        number,
        type(number) is int and 0 <= number < 2**31,
        "an integer from 0 to 2147483647",
    )
    steps = sample.get("steps", _MISSING)
    _check(where, f"{at}.steps", steps, isinstance(steps, list) and steps, "an array, not empty")
    for s, step in enumerate(steps):
        _check(where, f"{at}.steps[{s}]", step, isinstance(step, str) and step, "a string, not empty")
    answer = sample.get("answer", _MISSING)
    _check(where, f"{at}.answer", answer, answer is None or isinstance(answer, str), "a string or null")
    correct = sample.get("final_correct", _MISSING)
    _check(where, f"{at}.final_correct", correct, isinstance(correct, bool), "true or false")
    finished = sample.get("finished", True)
    _check(where, f"{at}.finished", finished, isinstance(finished, bool), "true or false")
    _check(where, f"{at}.final_correct", correct, finished or not correct, "false in an unfinished sample")
    answered = answer is not None or not correct
    _check(where, f"{at}.final_correct", correct, answered, "false where answer is null")
    scores = sample.get("step_scores", {})
    _check(where, f"{at}.step_scores", scores, isinstance(scores, dict), "an object: labeler name -> array")
    for name, values in scores.items():
        field = f"{at}.step_scores.{name}"
        _check(where, field, values, isinstance(values, list), "an array of numbers")
        if len(values) != len(steps):
            raise _fault(where, field, f"{len(values)} scores", f"{len(steps)}, one a step", quoted=False)
        for s, score in enumerate(values):
            # bool is an int in Python; NaN fails the comparison
            number_like = isinstance(score, int | float) and not isinstance(score, bool)
            _check(where, f"{field}[{s}]", score, number_like and 0 <= score <= 1, "a number in [0, 1]")
    return list(scores)


def _table(problem_id: str, samples: list[dict[str, Any]]) -> pa.Table:
    columns = {
        "problem_id": [problem_id] * len(samples),
        "sample": [sample["sample"] for sample in samples],
        "steps": [sample["steps"] for sample in samples],
        "answer": [sample["answer"] for sample in samples],
        "finished": [sample.get("finished", True) for sample in samples],
        "final_correct": [sample["final_correct"] for sample in samples],
    }
    return pa.table(columns, schema=SCHEMA)


def _check(where: _Where, field: str, found: Any, good: Any, allowed: str) -> None:
    if not good:
        raise _fault(where, field, found, allowed)


def _check_new(where: _Where, problem: str, lines: dict[str, int]) -> None:
    """Remembers a problem's line; the same problem may not stand in another."""
    line = lines.setdefault(normalised(problem), where.line)
    if line != where.line:
        allowed = f"another problem than line {line}'s: equal ones would lie in several folds"
        raise _fault(where, "problem", problem, allowed)


def _check_text(where: _Where, field: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can spell half a character
        raise _fault(where, field, "a lone surrogate", "Unicode text", quoted=False) from None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _fault(where: _Where, field: str, found: Any, allowed: str, *, quoted: bool = True) -> ValueError:
    text = json.dumps(found) if quoted and found is not _MISSING else str(found)
    if found is _MISSING:
        text = "nothing"
    if len(text) > 80:
        text = f"{text[:77]}..."
    return ValueError(f"{where.path}:{where.line}: field {field}: found {text}; allowed: {allowed}")
