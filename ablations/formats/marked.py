"""Problem and first step in one text, separated by the words "Step 1: ", as in Math-Shepherd."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.rows import Fields, ReadHooks, read_rows

SIGNS = {"+": 1, "-": -1}
"""Mark of a step -> its rating."""
_FIRST = re.compile(r"(?:\s[Ss]tep 1:)+")


def marked_texts(record: LabeledSolution) -> list[str]:
    """Returns the steps, each with the words "Step N: "; the first one comes after the problem."""
    first, *others = (f"Step {number}: {text}" for number, text in enumerate(record.texts, 1))
    return [f"{record.problem} {first}", *others]


def split(row: Fields, name: str, text: str, problems: Mapping[int, set[str]]) -> tuple[str, str]:
    """Splits one text into a problem and its first step.

    Args:
        row: the row, for errors.
        name: name of the field that holds the text.
        text: starts with one of the problems, if there are any, or else holds the words "Step 1:". If it
            holds them several times, the earlier ones belong to the problem.
        problems: known problems by length, the longest first.

    Raises:
        ValueError: the two cannot be separated.
    """
    for length, known in problems.items():
        if text[:length] in known and text[length : length + 1].isspace():
            return text[:length], unnumbered(text[length + 1 :], 1)
    marks = [mark for mark in _FIRST.finditer(text) if mark.start()]
    allowed = 'a problem, " Step 1: " and a step; or one of the problems given, a space and a step'
    row.check(name, text, marks, allowed)
    start = marks[-1].start()
    return text[:start], unnumbered(text[start + 1 :], 1)


def unnumbered(text: str, number: int) -> str:
    """Removes the words "Step N: " from the beginning of a step, if it has them."""
    return re.sub(rf"^\s*[Ss]tep {number}: ?", "", text, count=1)


def reader(
    parse: Callable[..., list[LabeledSolution]], fields: frozenset[str]
) -> Callable[..., Iterator[LabeledSolution]]:
    """Builds the reader of a format in which problem and first step must be separated.

    Its option ``problems``, texts of problems, is needed where the first step is not numbered.
    """

    def read(
        path: str | Path, hooks: ReadHooks | None = None, *, problems: Iterable[str] = ()
    ) -> Iterator[LabeledSolution]:
        by_length: dict[int, set[str]] = {}
        for problem in sorted(problems, key=len, reverse=True):
            by_length.setdefault(len(problem), set()).add(problem)
        return read_rows(path, partial(parse, problems=by_length), hooks, fields)

    return read
