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
from ablations.formats.format import Format, read_back_alike
from ablations.formats.labeled_solution import Label, LabeledSolution, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.rows import (
    Where,
    array,
    check,
    optional_string,
    string,
)
from ablations.formats.step_fields import labels_of

MARK = "ки"
SIGNS = {"+": 1, "-": -1}
KEYS = frozenset({"input", "label"})
OPENRLHF = frozenset({"input", "value"})
FIELDS = KEYS | OPENRLHF | {"task"}


def _recognizes(row: dict[str, Any]) -> bool:
    """Returns whether a row has the fields of this format."""
    return row.keys() >= KEYS or row.keys() >= OPENRLHF


def _parse(where: Where, row: dict[str, Any], problems: Mapping[int, set[str]]) -> list[LabeledSolution]:
    given = string(where, row, "input")
    *pieces, rest = given.split(MARK)
    check(
        where, "input", rest, not rest.strip(), f"the mark {MARK} after each step, and nothing after the last"
    )
    check(where, "input", given, pieces, f"a step and {MARK}, once or more")
    labels: list[Label]
    if "label" in row or "value" not in row:
        labels = [*_ratings(where, pieces, string(where, row, "label"))]
    else:
        labels = _values(where, row, len(pieces))
    problem, step = marked.parted(where, "input", pieces[0], problems)
    found = [step, *(_step(piece, number) for number, piece in enumerate(pieces[1:], 2))]
    found = [text.removesuffix(" ") for text in found]
    for text in (problem, *found):
        check(where, "input", given, text, "a problem and steps that are not empty")
    steps = tuple(SolutionStep(text=text, label=label) for text, label in zip(found, labels, strict=True))
    return [LabeledSolution(problem=problem, dataset=optional_string(where, row, "task"), steps=steps)]


def _values(where: Where, row: dict[str, Any], length: int) -> list[Label]:
    values = array(where, row, "value", length=length)
    if not any(isinstance(value, str) for value in values):
        return labels_of(where, row, "value", length)
    for i, value in enumerate(values):
        check(where, f"value[{i}]", value, value in ("+", "-"), "+ or -, as for other steps of the row")
    return [SIGNS[value] for value in values]


def _ratings(where: Where, pieces: list[str], labeled: str) -> list[int]:
    """Reads the signs that a label has where the input has its marks."""
    ratings, at = [], 0
    for piece in pieces:
        sign = labeled[at + len(piece) : at + len(piece) + 1]
        good = labeled.startswith(piece, at) and sign in SIGNS
        check(where, "label", labeled[at:], good, f"the input with + or - in place of each {MARK}")
        ratings.append(SIGNS[sign])
        at += len(piece) + 1
    check(where, "label", labeled[at:], not labeled[at:].strip(), "nothing after the last sign")
    return ratings


def _step(piece: str, number: int) -> str:
    without = marked.unnumbered(piece, number)
    return piece.lstrip() if without == piece else without


def _row(record: LabeledSolution) -> dict[str, Any]:
    first, *others = record.texts
    texts = [marked.joined(record.problem, first)]
    texts += (marked.numbered(text, number) for number, text in enumerate(others, 2))
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
    recognizes=_recognizes,
    reader=marked.reader(_parse, FIELDS),
    options=frozenset({"problems"}),
    row=_row,
    tells_apart=read_back_alike(partial(_parse, problems={}), _row),
)
