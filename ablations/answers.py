"""Final answers as texts: where a solution says its own, and what two texts alone tell of being equal."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from ablations.formats.gsm8k import without_calculator

CLEARLY = Decimal("1e-5")
"""Plain numbers at least so far apart differ; nearer ones may be one number, rounded."""
_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_HASHES = re.compile(r"^[ \t]*####(?!#)(.*)$", re.MULTILINE)
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


def extract_answer(text: str) -> str | None:
    r"""The final answer that a solution says it comes to.

    That is what its last \boxed or \fbox holds; without any, what stands after the last #### (GSM8K), else in
    a last line "A: ...". A last box that does not end, as of a solution that was cut off, is no answer.

    Args:
        text: the whole solution.

    Returns:
        The answer without white space around it; None if there is none.
    """
    if _BOX.search(text):
        found = boxed(text)
    elif marked := _HASHES.findall(text):
        found = without_calculator(marked[-1])
    else:
        last = text.rstrip().rpartition("\n")[2]
        found = without_calculator(last.removeprefix("A:")) if last.startswith("A:") else None
    return found.strip() or None if found is not None else None


def boxed(text: str) -> str | None:
    r"""What the last \boxed{} or \fbox{} of a text holds; None if there is none that ends.

    Without braces (\boxed 5) it holds what follows up to white space, a $, or the end of what is around it.
    """
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return None
    start = at = boxes[-1].end()
    braced = text.startswith("{", start)
    depth = 0
    while at < len(text):
        sign = text[at]
        if not braced and depth == 0 and (sign.isspace() or sign in "$}"):
            break
        depth += {"{": 1, "}": -1}.get(sign, 0)
        at += 2 if sign == "\\" else 1  # \{ and \} are no braces
        if braced and depth == 0:
            return text[start + 1 : at - 1]
    if braced or depth:
        return None
    return text[start:at].rstrip(".,;") or None


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
