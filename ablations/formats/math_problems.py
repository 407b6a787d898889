"""MATH and MATH-500, one problem per row: {problem, solution, answer, subject, level, unique_id}.

MATH's own rows call the subject ``type``, have levels such as "Level 5" ("Level ?" means unknown) and no
``answer``; theirs is the content of the solution's last \\boxed. Rows are written as in MATH-500. The
solution is by the problem's authors, in one piece; such a record has no steps.
"""

from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.losses import Abilities
from ablations.formats.rows import Fields, integer
from ablations.grading.boxes import boxed

KEYS = frozenset({"problem", "solution"})


def _parse(row: Fields) -> list[LabeledSolution]:
    solution = row.string("solution")
    return [
        LabeledSolution(
            problem=row.string("problem", filled=True),
            problem_id=row.optional_name("unique_id"),
            reference=row.optional_name("answer") if "answer" in row else boxed(solution),
            reference_solution=solution,
            level=read_level(row),
            subject=row.optional_string("subject" if "subject" in row else "type"),
        )
    ]


def read_level(row: Fields) -> int | None:
    """Reads MATH's level of a problem: an integer, or a string such as "Level 5"; None if it is unknown."""
    value = row.get("level")
    if isinstance(value, str) and value.startswith("Level "):
        number = value.removeprefix("Level ")
        value = int(number) if number.isdecimal() else None if number == "?" else value
    level = integer(value)
    row.check(
        "level", value, value is None or level is not None, 'null, an integer, or a string such as "Level 5"'
    )
    return level


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
    fields=frozenset({"unique_id", "answer", "level", "subject", "type"}),
    recognizes=lambda row: row.keys() >= KEYS and isinstance(row["solution"], str),
    parse=_parse,
    row=_row,
)
