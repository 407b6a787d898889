"""Text for language modeling: solved problems, or plain text.

Files are JSON Lines whose rows hold question and answer, problem and solution, or text; or plain text, one
text per file, if the name ends in .txt. Compressed files have names that end in .gz or .zst.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ablations.data.artifacts import prompt_of
from ablations.data.left_out import OF_HELD_OUT, LeftOut
from ablations.formats.catalogue import FORMATS, recognized
from ablations.formats.held_out import HeldOut
from ablations.formats.rows import Fields, read_rows, read_text

PAIRS = (("question", "answer"), ("problem", "solution"))
COMPRESSED = (".gz", ".zst")


@dataclass(frozen=True, kw_only=True)
class Text:
    """One text."""

    name: str
    """Its file, and its line or number in that file."""
    problem: str | None
    """Problem that it solves; None if unknown."""
    text: str


def read_texts(path: Path) -> Iterator[Text]:
    """Reads the texts of a file.

    Raises:
        ValueError: the file is damaged, or a row is malformed.
    """
    plain = path.with_suffix("") if path.suffix in COMPRESSED else path
    if plain.suffix == ".txt":
        return iter([Text(name=path.name, problem=None, text=read_text(path))])
    return read_rows(path, _parse)


def read_any(path: Path) -> Iterator[Text]:
    """Reads texts for a tokenizer, or the solutions, right or wrong, of a file of any format."""
    try:
        form = recognized(path)
    except ValueError:
        return read_texts(path)  # its errors say what a text may look like
    if form in (FORMATS["gsm8k"], FORMATS["math"], FORMATS["problems"]):
        return read_texts(path)
    return (
        Text(
            name=f"{path.name}, solution {number}",
            problem=record.problem,
            text=prompt_of(record.problem) + "".join(f"{step}\n" for step in record.texts),
        )
        for number, record in enumerate(form.read(path), 1)
    )


def about(text: Text, held_out: HeldOut) -> bool:
    """Returns whether a text solves a held-out problem or, if it has no problem, contains a named one."""
    return held_out.within(text.text) if text.problem is None else text.problem in held_out


def filter_texts(texts: Iterable[Text], held_out: HeldOut, left_out: LeftOut) -> Iterator[str]:
    """Yields the texts to learn from: all but those about a held-out problem."""
    for text in texts:
        if about(text, held_out):
            left_out.add(OF_HELD_OUT, text.name)
        else:
            yield text.text


def _parse(row: Fields) -> list[Text]:
    name = f"{row.path.name}, line {row.line}"
    for question, solution in PAIRS:
        if question in row and solution in row:
            problem = row.string(question, filled=True)
            text = f"{prompt_of(problem)}{row.string(solution)}\n"
            return [Text(name=name, problem=problem, text=text)]
    if "text" not in row:
        allowed = "text, question and answer, or problem and solution"
        raise row.fault("(line)", f"the fields {', '.join(row) or 'of none'}", allowed, quoted=False)
    return [Text(name=name, problem=None, text=row.string("text", filled=True))]
