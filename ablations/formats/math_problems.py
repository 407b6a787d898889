"""MATH and MATH-500, one problem per row: {problem, solution, answer, subject, level, unique_id}.

MATH's own rows call the subject ``type``, have levels such as "Level 5" ("Level ?" means unknown) and no
``answer``; theirs is the content of the solution's last \\boxed. Rows are written as in MATH-500. The
solution is by the problem's authors, in one piece; such a record has no steps.
"""

from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.losses import Abilities
from ablations.formats.rows import (
    Where,
    check,
    integer,
    optional_name,
    optional_string,
    string,
)
from ablations.grading.boxes import boxed

KEYS = frozenset({"problem", "solution"})
FIELDS = KEYS | {"unique_id", "answer", "level", "subject", "type"}


def _recognizes(row: dict[str, Any]) -> bool:
    """Returns whether a row has a problem and its solution."""
    return row.keys() >= KEYS and isinstance(row["solution"], str)


def _parse(where: Where, row: dict[str, Any]) -> list[LabeledSolution]:
    solution = string(where, row, "solution")
    return [
        LabeledSolution(
            problem=string(where, row, "problem", filled=True),
            problem_id=optional_name(where, row, "unique_id"),
            reference=optional_name(where, row, "answer") if "answer" in row else boxed(solution),
            reference_solution=solution,
            level=level(where, row),
            subject=optional_string(where, row, "subject" if "subject" in row else "type"),
        )
    ]


def level(where: Where, row: dict[str, Any]) -> int | None:
    """Reads MATH's level of a problem: an integer, or a string such as "Level 5"; None if it is unknown."""
    value = row.get("level")
    if isinstance(value, str) and value.startswith("Level "):
        number = value.removeprefix("Level ")
        value = int(number) if number.isdecimal() else None if number == "?" else value
    found = integer(value)
    allowed = 'null, an integer, or a string such as "Level 5"'
    check(where, "level", value, value is None or found is not None, allowed)
    return found


def _row(record: LabeledSolution) -> dict[str, Any]:
    return {
        "problem": record.problem,
        "solution": record.reference_solution,
        "answer": record.reference,
        "subject": record.subject,
        "level": record.level,
        "unique_id": record.problem_id,
    }


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"reference", "reference_solution", "level", "subject", "problem_id"}),
        needs=frozenset({"reference_solution"}),
        several=False,
    ),
    keys=KEYS,
    fields=FIELDS,
    recognizes=_recognizes,
    parse=_parse,
    row=_row,
)
