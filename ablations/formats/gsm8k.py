"""GSM8K, one problem and its solution per row: {question, answer}.

The lines of ``answer`` are the steps; the last line is "#### N" with the reference answer. Steps hold
calculator annotations such as <<48/2=24>>, which are kept by default. The solution is right by definition.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.rows import ReadHooks, Where, check, read_rows, string
from ablations.grading.extraction import without_calculator

END = "#### "
_MARK = END.strip()
KEYS = frozenset({"question", "answer"})


def _recognizes(row: dict[str, Any]) -> bool:
    """Returns whether a row has a question, and an answer with the mark "####"."""
    return row.keys() >= KEYS and isinstance(row["answer"], str) and _MARK in row["answer"]


def _read(
    path: str | Path, reading: ReadHooks | None = None, *, drop_calculator: bool = False
) -> Iterator[LabeledSolution]:
    """Reads a file's records, without the calculator annotations if ``drop_calculator``."""
    for record in read_rows(path, _parse, reading, KEYS):
        yield _without_calculator(record) if drop_calculator else record


def _tells_apart(record: LabeledSolution) -> bool:
    """Returns whether a record's answer fits on one line."""
    return "\n" not in (record.reference or "")


def _without_calculator(record: LabeledSolution) -> LabeledSolution:
    kept = ((step, without_calculator(step.text)) for step in record.steps)
    return replace(record, steps=tuple(replace(step, text=text) for step, text in kept if text))


def _parse(where: Where, row: dict[str, Any]) -> list[LabeledSolution]:
    *lines, last = string(where, row, "answer").split("\n")
    answer = last.removeprefix(END)
    if not last.startswith(END):  # the last step may be on the same line
        step, mark, answer = (part.strip() for part in last.rpartition(_MARK))
        check(where, "answer", last, mark, f'a last line with "{END}"')
        lines.append(step)
    steps = tuple(SolutionStep(text=line) for line in lines if line)
    check(where, "answer", row["answer"], steps, "a line or more before the last")
    return [
        LabeledSolution(
            problem=string(where, row, "question", filled=True),
            reference=answer,
            steps=steps,
            answer=answer,
            correct=True,
        )
    ]


def _row(record: LabeledSolution) -> dict[str, Any]:
    return {"question": record.problem, "answer": "\n".join((*record.texts, f"{END}{record.reference}"))}


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"steps", "numbering", "reference", "answer", "correct"}),
        needs=frozenset({"steps", "right", "reference"}),
    ),
    keys=KEYS,
    recognizes=_recognizes,
    reader=_read,
    options=frozenset({"drop_calculator"}),
    row=_row,
    tells_apart=_tells_apart,
)
