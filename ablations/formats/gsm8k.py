"""GSM8K, one problem and its solution per row: {question, answer}.

The lines of ``answer`` are the steps; the last line is "#### N" with the reference answer. Steps hold
calculator annotations such as <<48/2=24>>, which are kept by default. The solution is right by definition.
"""

from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.rows import Fields
from ablations.grading.extraction import without_calculator

END = "#### "
_MARK = END.strip()
KEYS = frozenset({"question", "answer"})


def _recognizes(row: dict[str, Any]) -> bool:
    """Returns whether a row has a question, and an answer with the mark "####"."""
    return row.keys() >= KEYS and isinstance(row["answer"], str) and _MARK in row["answer"]


def _parse(row: Fields, drop_calculator: bool = False) -> list[LabeledSolution]:
    *lines, last = row.string("answer").split("\n")
    answer = last.removeprefix(END)
    if not last.startswith(END):  # the last step may be on the same line
        step, mark, answer = (part.strip() for part in last.rpartition(_MARK))
        row.check("answer", last, mark, f'a last line with "{END}"')
        lines.append(step)
    lines = [line for line in lines if line]
    row.check("answer", row["answer"], lines, "a line or more before the last")
    if drop_calculator:
        lines = [line for line in map(without_calculator, lines) if line]
    return [
        LabeledSolution(
            problem=row.string("question", filled=True),
            reference=answer,
            steps=tuple(SolutionStep(text=line) for line in lines),
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
    parse=_parse,
    options=frozenset({"drop_calculator"}),
    row=_row,
    tells_apart=lambda record: "\n" not in (record.reference or ""),
)
