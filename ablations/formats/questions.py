"""Solved questions as JSON Lines of ``{question, answer}``: GSM8K's format, also used for MathMix text."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from ablations.formats.rows import Fields, read_rows


def read_questions(path: Path) -> Iterator[tuple[str, str]]:
    """Reads the question and answer of each row; blank lines are skipped.

    Raises:
        ValueError: a row is malformed; the message names file, line and field.
    """

    def pair(row: Fields) -> list[tuple[str, str]]:
        return [(row.string("question"), row.string("answer"))]

    return read_rows(path, pair)


def held_in(others: Iterable[str], problems: Iterable[str]) -> list[str]:
    """Returns the problems that are among others, comparing letters and digits."""
    known = set(map(letters_and_digits, others))
    return [problem for problem in problems if letters_and_digits(problem) in known]


def normalized(text: str) -> str:
    """Normalizes white space and case in a problem's text."""
    return " ".join(text.split()).casefold()


def letters_and_digits(text: str) -> str:
    """Reduces a problem to letters, digits and their accents, without case, which are compared for overlap.

    LaTeX commands that only change appearance are dropped, and ``\\dfrac`` counts as ``\\frac``, so that
    spelling hides no overlap. Problems that differ only in signs ("3+4", "3-4") count as one. In a text
    without letters and digits, the other characters count.
    """
    bare = _LOOKS.sub(" ", unicodedata.normalize("NFKC", text)).casefold()
    bare = _FRACTION.sub("frac", bare)
    if bare.isascii():
        return _NEITHER.sub("", bare) or "".join(text.split())
    bare = unicodedata.normalize("NFKC", bare)
    counted = (c for c in bare if c.isalnum() or unicodedata.category(c)[0] == "M")
    return "".join(counted) or "".join(text.split())


_LOOKS = re.compile(
    r"\\(?:displaystyle|textstyle|limits|nolimits|left|right|[bB]igg?[lrm]?|q?quad|mbox|hbox"
    r"|(?:text|math)(?:bf|it|rm|sf|tt|normal)?|boldsymbol|bm|operatorname|hspace|vspace|phantom)(?![A-Za-z])"
)
"""Commands that only change appearance."""
_NEITHER = re.compile("[^a-z0-9]+")
_FRACTION = re.compile(r"\b[dtc]frac")
