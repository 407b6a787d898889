"""Solved questions, JSON lines of ``{question, answer}``: GSM8K's own format, and MathMix text here."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path


def read_questions(path: Path) -> Iterator[tuple[str, str]]:
    """Question and answer of each row.

    Raises:
        ValueError: a row is malformed; names file, line and field.
    """
    with path.open() as file:
        for number, line in enumerate(file, 1):
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
    held_out = {_normalised(problem) for problem in problems}
    return (pair for pair in pairs if _normalised(pair[0]) not in held_out)


def _normalised(text: str) -> str:
    return " ".join(text.split()).casefold()
