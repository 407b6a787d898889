"""Math-Shepherd, one solution per row: {input, label, task}.

``input`` is the problem, a space, then the steps, each "Step N: TEXT ки" and a line break; ``label`` is the
same with + (right) or - (wrong) in place of each ки. OpenRLHF's files have ``value`` instead: an array of one
label per step, + or -, or numbers as in TRL. ``task`` is GSM8K or MATH. The words "Step N: " belong to the
format, not to the step. Rows in which problem and first step cannot be separated are malformed.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ablations.formats import marked
from ablations.formats.format import Format, reads_back_unchanged
from ablations.formats.labeled_solution import Label, LabeledSolution, labeled_steps
from ablations.formats.losses import Abilities
from ablations.formats.marked import SIGNS
from ablations.formats.rows import Fields
from ablations.formats.step_fields import read_labels

MARK = "ки"
KEYS = frozenset({"input", "label"})
OPENRLHF = frozenset({"input", "value"})


def _parse(row: Fields, problems: Mapping[int, set[str]]) -> list[LabeledSolution]:
    text = row.string("input")
    *pieces, rest = text.split(MARK)
    row.check("input", rest, not rest.strip(), f"the mark {MARK} after each step, and nothing after the last")
    row.check("input", text, pieces, f"a step and {MARK}, once or more")
    labels = _values(row, len(pieces)) if "value" in row and "label" not in row else _signs(row, pieces)
    problem, first = marked.split(row, "input", pieces[0], problems)
    steps = [first, *(_step(piece, number) for number, piece in enumerate(pieces[1:], 2))]
    steps = [step.removesuffix(" ") for step in steps]
    row.check("input", text, problem and all(steps), "a problem and steps that are not empty")
    return [
        LabeledSolution(
            problem=problem, dataset=row.optional_string("task"), steps=labeled_steps(steps, labels)
        )
    ]


def _values(row: Fields, length: int) -> list[Label]:
    values = row.array("value", length)
    if not any(isinstance(value, str) for value in values):
        return read_labels(row, "value", length)
    for i, value in enumerate(values):
        row.check(f"value[{i}]", value, value in ("+", "-"), "+ or -, as for other steps of the row")
    return [SIGNS[value] for value in values]


def _signs(row: Fields, pieces: list[str]) -> list[Label]:
    """Reads the signs that ``label`` has where the input has its marks."""
    rest, ratings = row.string("label"), list[Label]()
    for piece in pieces:
        sign = rest[len(piece) : len(piece) + 1]
        good = rest.startswith(piece) and sign in SIGNS
        row.check("label", rest, good, f"the input with + or - in place of each {MARK}")
        ratings.append(SIGNS[sign])
        rest = rest[len(piece) + 1 :]
    row.check("label", rest, not rest.strip(), "nothing after the last sign")
    return ratings


def _step(piece: str, number: int) -> str:
    without = marked.unnumbered(piece, number)
    return piece.lstrip() if without == piece else without


def _row(record: LabeledSolution) -> dict[str, Any]:
    texts = marked.marked_texts(record)
    signs = ["+" if label == 1 else "-" for label in record.labels]
    return {
        "input": "\n".join(f"{text} {MARK}" for text in texts),
        "label": "\n".join(f"{text} {sign}" for text, sign in zip(texts, signs, strict=True)),
        "task": record.dataset,
    }


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "ratings", "after_error", "steps", "line_breaks", "dataset"}),
        needs=frozenset({"steps", "labels"}),
    ),
    keys=KEYS,
    recognizes=lambda row: row.keys() >= KEYS or row.keys() >= OPENRLHF,
    reader=marked.reader(_parse, KEYS | OPENRLHF | {"task"}),
    options=frozenset({"problems"}),
    row=_row,
    tells_apart=reads_back_unchanged(partial(_parse, problems={}), _row),
)
