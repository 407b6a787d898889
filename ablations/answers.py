"""Compare final answers as texts."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from ablations.extraction import extract_answer

__all__ = ["CLEARLY", "bare", "extract_answer", "told_by_text"]

CLEARLY = Decimal("1e-5")
"""Plain numbers at least so far apart differ; nearer ones may be one number, rounded."""
_DELIMITERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
_ALIKE = tuple(
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (r"\\[dt]frac(?![A-Za-z])", r"\\frac"),
        (r"\\(?:left|right)(?![A-Za-z])", ""),
        (r"\\(?:text|mbox|textbf|mathbf|mathrm)\s*\{([^{}]*)\}", r"\1"),
        (r"\\!", ""),  # a thin negative space, as in 10,\!000
        (r"\{,\}", ","),
        (r"\\([$%])", r"\1"),
        ("\N{MINUS SIGN}", "-"),
        (r"\s+", " "),
    )
)
"""Spellings that mean the same, whatever is around them, each with the one that takes their place."""
_NUMBER = re.compile(
    r"(?P<before>[+-]?) ?\$? ?(?P<after>[+-]?)"
    r"(?P<digits>(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+) ?(?P<percent>%?)"
)


def told_by_text(answer: str | None, reference: str) -> bool | None:
    """What can be said of an answer without mathematics.

    Args:
        answer: of a solution; None, or a text of white space, is none, and so wrong.
        reference: the right answer.

    Returns:
        True where the texts are equal but for spelling, or the same plain number; False where they are two
        plain numbers that clearly differ; None where it takes mathematics. Of numbers of which one is a
        percentage nothing is said.
    """
    if answer is None or not answer.strip():
        return False
    one, other = _read(answer), _read(reference)
    if one.text == other.text:
        return True
    if one.number is None or other.number is None or one.percent != other.percent:
        return None
    if one.number == other.number:
        return True
    return False if abs(one.number - other.number) >= CLEARLY else None


def bare(text: str) -> str:
    """A text without white space, a period, dollar signs or other marks of mathematics around it."""
    before = None
    while text != before:
        before = text
        text = text.strip()
        if text.endswith(".") and not text.endswith(".."):
            text = text[:-1]
        for begin, end in _DELIMITERS:
            inner = text[len(begin) : -len(end)]
            if text == f"{begin}{inner}{end}" and begin not in inner and not inner.endswith("\\"):
                text = inner
    return text


class _Read(NamedTuple):
    text: str
    """In the one spelling."""
    number: Decimal | None
    """What it is, if it is a plain number."""
    percent: bool
    """Whether that is a percentage."""


@lru_cache(maxsize=65_536)
def _read(answer: str) -> _Read:
    text = bare(answer)
    for pattern, spelling in _ALIKE:
        text = pattern.sub(spelling, text)
    text = text.strip()
    found = _NUMBER.fullmatch(text)
    if found is None or (found["before"] and found["after"]):
        return _Read(text=text, number=None, percent=False)
    digits = found["digits"].replace(",", "")
    number = Decimal(f"{found['before']}{found['after']}{digits}")
    return _Read(text=text, number=number, percent=bool(found["percent"]))
