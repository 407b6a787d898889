"""Solved questions, JSON lines of ``{question, answer}``: GSM8K's own format, and MathMix text here."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ablations.formats.rows import Where, read_rows, string


def read_questions(path: Path) -> Iterator[tuple[str, str]]:
    """Question and answer of each row; blank lines are skipped.

    Raises:
        ValueError: a row is malformed; names file, line and field.
    """
    return read_rows(path, _pair)


def _pair(where: Where, row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(string(where, row, "question"), string(where, row, "answer"))]


def without(pairs: Iterable[tuple[str, str]], problems: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Those pairs whose question is none of some problems, whatever their white space and case."""
    held_out = {normalised(problem) for problem in problems}
    return (pair for pair in pairs if normalised(pair[0]) not in held_out)


def held_in(pairs: Iterable[tuple[str, str]], problems: Iterable[str]) -> list[str]:
    """Those problems that some pairs ask, whatever their white space and case."""
    asked = {normalised(question) for question, _ in pairs}
    return [problem for problem in problems if normalised(problem) in asked]


def normalised(text: str) -> str:
    """A problem's text, its white space and case aside."""
    return " ".join(text.split()).casefold()
