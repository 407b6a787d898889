"""Problem and first step in one text, told apart by the words "Step 1: ", as Math-Shepherd has them."""

import re
from collections.abc import Iterable, Mapping

from ablations.formats.rows import Where, check

_FIRST = re.compile(r"(?:\s[Ss]tep 1:)+")


def joined(problem: str, step: str) -> str:
    """Problem and first step as one text."""
    return f"{problem} {numbered(step, 1)}"


def by_length(problems: Iterable[str]) -> dict[int, set[str]]:
    """Texts of problems by their lengths, the longest first."""
    found: dict[int, set[str]] = {}
    for problem in sorted(problems, key=len, reverse=True):
        found.setdefault(len(problem), set()).add(problem)
    return found


def parted(where: Where, field: str, text: str, problems: Mapping[int, set[str]]) -> tuple[str, str]:
    """Problem and first step of one text.

    Args:
        where: of the row.
        field: that holds the text.
        text: begins with one of the problems, if there are any, or else holds the words "Step 1:". Where it
            holds them several times, the earlier ones are the problem's own.
        problems: those that are known, as ``by_length`` gives them.

    Raises:
        ValueError: the two cannot be told apart.
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
    """A step with the words that it begins with in the file."""
    return f"Step {number}: {step}"


def unnumbered(text: str, number: int) -> str:
    """A step without the words "Step N: " that it begins with, if it does."""
    return re.sub(rf"^\s*[Ss]tep {number}: ?", "", text, count=1)
