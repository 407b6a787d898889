"""Problem and first step in one text, separated by the words "Step 1: ", as in Math-Shepherd."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.rows import ReadHooks, Where, check, read_rows

_FIRST = re.compile(r"(?:\s[Ss]tep 1:)+")


def joined(problem: str, step: str) -> str:
    """Joins a problem and its first step into one text."""
    return f"{problem} {numbered(step, 1)}"


def by_length(problems: Iterable[str]) -> dict[int, set[str]]:
    """Groups the texts of problems by length, the longest first."""
    found: dict[int, set[str]] = {}
    for problem in sorted(problems, key=len, reverse=True):
        found.setdefault(len(problem), set()).add(problem)
    return found


def parted(where: Where, field: str, text: str, problems: Mapping[int, set[str]]) -> tuple[str, str]:
    """Splits one text into a problem and its first step.

    Args:
        where: position of the row.
        field: name of the field that holds the text.
        text: begins with one of the problems, if there are any, or else holds the words "Step 1:". If it
            holds them several times, the earlier ones belong to the problem.
        problems: known problems, as ``by_length`` returns them.

    Raises:
        ValueError: the two cannot be separated.
    """
    for length, known in problems.items():
        if text[:length] in known and text[length : length + 1].isspace():
            return text[:length], unnumbered(text[length + 1 :], 1)
    marks = [mark for mark in _FIRST.finditer(text) if mark.start()]
    allowed = 'a problem, " Step 1: " and a step; or one of the problems given, a space and a step'
    check(where, field, text, marks, allowed)
    start = marks[-1].start()
    return text[:start], unnumbered(text[start + 1 :], 1)


def numbered(step: str, number: int) -> str:
    """Adds the words "Step N: " before a step."""
    return f"Step {number}: {step}"


def unnumbered(text: str, number: int) -> str:
    """Removes the words "Step N: " from the beginning of a step, if it has them."""
    return re.sub(rf"^\s*[Ss]tep {number}: ?", "", text, count=1)


def reader(
    parse: Callable[..., list[LabeledSolution]], fields: frozenset[str]
) -> Callable[..., Iterator[LabeledSolution]]:
    """Returns the reader of a format in which the problem is told from the first step.

    Its option ``problems``, texts of problems, is needed where the first step is not numbered.
    """

    def read(
        path: str | Path, reading: ReadHooks | None = None, *, problems: Iterable[str] = ()
    ) -> Iterator[LabeledSolution]:
        return read_rows(path, partial(parse, problems=by_length(problems)), reading, fields)

    return read
