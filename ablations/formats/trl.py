"""TRL's stepwise supervision, one solution per row: {prompt, completions[], labels[]}.

A label is true or false; or a number: 1 right, 0 wrong, -100 (or null) no label; or, if any of the row's
labels is written with a decimal point, a soft label, P(the step is right) in [0, 1]. In a row without soft
labels a bool or a whole number is a rating; in one with them every label is a probability. -100 is neither.
Rows are written with bools if every step has a rating. A row with unlabeled steps is written with numbers,
because TRL's trainer ignores -100; then all rows are, because a column has one type.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import Label, LabeledSolution, Probabilities, labeled_steps
from ablations.formats.losses import Abilities
from ablations.formats.rows import Fields, read_rows, write_rows
from ablations.formats.step_fields import IGNORE, read_labels


def _write(path: Path, records: Iterable[LabeledSolution]) -> None:
    kinds: set[type] = set()
    write_rows(path, (_row(record, kinds) for record in records))
    if len(kinds) > 1:
        write_rows(path, read_rows(path, _as_numbers))


def _parse(row: Fields) -> list[LabeledSolution]:
    steps = row.texts("completions")
    labels = read_labels(row, "labels", len(steps))
    return [LabeledSolution(problem=row.string("prompt", filled=True), steps=labeled_steps(steps, labels))]


def _row(record: LabeledSolution, kinds: set[type]) -> dict[str, Any]:
    """Returns a row, and adds the type of its labels to those of the rows before."""
    kind: type = float
    if any(isinstance(label, int) for label in record.labels):
        kind = int if None in record.labels else bool
    kinds.add(kind)
    return {
        "prompt": record.problem,
        "completions": list(record.texts),
        "labels": [kind(_number(label)) for label in record.labels],
    }


def _number(label: Label) -> float:
    if isinstance(label, Probabilities):
        return label.right
    return IGNORE if label is None else (label + 1) // 2


def _as_numbers(row: Fields) -> list[dict[str, Any]]:
    labels = [int(label) if isinstance(label, bool) else label for label in row["labels"]]
    return [row | {"labels": labels}]


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "ratings", "soft", "after_error", "unlabeled_after_error", "unlabeled"})
        | {"steps", "line_breaks", "numbering"},
        needs=frozenset({"steps", "labels"}),
    ),
    keys=frozenset({"prompt", "completions", "labels"}),
    parse=_parse,
    writer=_write,
)
