"""Solved questions, JSON lines of ``{question, answer}``: GSM8K's own format, and MathMix text here."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path


def read_questions(path: Path) -> Iterator[tuple[str, str]]:
    """Question and answer of each row; blank lines are skipped.

    Raises:
        ValueError: a row is malformed; names file, line and field.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                found = line.rstrip()[:40]
                raise ValueError(f"{path}:{number}: found {found!r}; allowed: a JSON object") from error
            for field in ("question", "answer"):
                if not isinstance(row, dict) or not isinstance(row.get(field), str):
                    raise ValueError(f"{path}:{number}: field {field}: found none; allowed: a string")
            yield row["question"], row["answer"]


def without(pairs: Iterable[tuple[str, str]], problems: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Those pairs whose question is none of some problems, whatever their white space and case."""
    held_out = {normalised(problem) for problem in problems}
    return (pair for pair in pairs if normalised(pair[0]) not in held_out)


def normalised(text: str) -> str:
    """A problem's text, its white space and case aside."""
    return " ".join(text.split()).casefold()
