"""Problems to solve, and solved ones to show, from files of any format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ablations.data.checks import allowed
from ablations.data.solutions import Problem
from ablations.formats.catalogue import FORMATS, recognized
from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.questions import letters_and_digits, normalized
from ablations.generators.completions import steps_of
from ablations.grading.grader import extract_answer

NAMED = 5
"""Maximum number of problems that an error names."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A solved problem to show."""

    problem: str
    solution: str
    """Its steps, one per line; the last one contains the final answer."""


def read_problems(path: Path, form: str | None = None) -> list[Problem]:
    """Reads the problems of a file, each once, in the order of the file.

    The file may hold several solutions per problem, which are ignored. Without ``form``, its format is
    recognized from its first row.

    Raises:
        ValueError: there is no such file or format, a row is malformed, or a problem has no reference answer,
            several of them, or the name of another problem.
    """
    records: dict[str, LabeledSolution] = {}
    for record in _records(path, form, "problems"):
        first = records.setdefault(normalized(record.problem), record)
        if first.reference != record.reference:
            raise ValueError(
                f"problems: found the reference answers {first.reference!r} and {record.reference!r} of "
                f"{record.problem!r}; allowed: one"
            )
    by_name: dict[str, Problem] = {}
    for number, record in enumerate(records.values()):
        name = record.problem_id or f"problem-{number}"
        problem = Problem(problem_id=name, text=record.problem, answer=record.reference or "")
        if by_name.setdefault(name, problem) is not problem:
            other = by_name[name].text
            raise ValueError(
                f"problems: found the name {name} of {other!r} and of {problem.text!r}; allowed: one"
            )
    problems = list(by_name.values())
    if without := [problem.problem_id for problem in problems if not problem.answer.strip()]:
        more = ", ..." if len(without) > NAMED else ""
        raise ValueError(
            f"problems: found no reference answer for {len(without)} of {len(problems)} in {path} "
            f"({', '.join(without[:NAMED])}{more}); allowed: one for each, to grade against"
        )
    if not problems:
        raise ValueError(f"problems: found none in {path}; allowed: one or more")
    return problems


def read_shots(path: Path, count: int, problems: Iterable[Problem]) -> tuple[Shot, ...]:
    """Reads the first solved problems of a file that are not among those to solve.

    Solutions known to be wrong or unfinished are left out, and so are calculator annotations. A solution that
    does not state its final answer gets a line that does.

    Raises:
        ValueError: there is no such file, a row is malformed, or there are too few solved problems.
    """
    taken = {letters_and_digits(problem.text) for problem in problems}
    shots: list[Shot] = []
    for record in _records(path, None, "shots"):
        if len(shots) == count:
            break
        problem = letters_and_digits(record.problem)
        if problem not in taken and (solution := _solution(record)):
            taken.add(problem)
            shots.append(Shot(problem=record.problem, solution=solution))
    if len(shots) < count:
        raise ValueError(
            f"shots: found {len(shots)} solved problems in {path} that are not to be solved; allowed: {count}"
        )
    return tuple(shots)


def _records(path: Path, form: str | None, field: str) -> Iterator[LabeledSolution]:
    if not path.is_file():
        raise ValueError(f"{field}: found no file {path}; allowed: an existing one")
    if form is not None:
        allowed("from", form, tuple(FORMATS))
    read = FORMATS[form] if form is not None else recognized(path)
    without_calculator = {"drop_calculator": True} if "drop_calculator" in read.options else {}
    return read.read(path, **without_calculator)


def _solution(record: LabeledSolution) -> str | None:
    """Returns a record's solution as it is shown, or None if it has none to show."""
    finished = record.finished and record.finish_reason in (None, "solution")
    if not finished or record.correct is False or record.first_error is not None:
        return None
    lines = steps_of("\n".join(record.texts) or record.reference_solution or "")
    answer = record.answer or record.reference
    if lines and answer is not None and extract_answer("\n".join(lines)) is None:
        lines.append(f"The final answer is \\boxed{{{answer}}}.")
    return "\n".join(lines) or None
