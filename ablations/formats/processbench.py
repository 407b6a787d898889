"""ProcessBench, one solution a row: {id, generator, problem, steps[], final_answer_correct, label}.

``label`` is the index of the first wrong step, from 0, or -1 if there is none. The steps before it are right;
what comes after it has no label.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ablations.formats.losses import Abilities, carried
from ablations.formats.records import Record, Step
from ablations.formats.rows import (
    MISSING,
    Reading,
    Where,
    check,
    optional_boolean,
    optional_string,
    read_rows,
    string,
    texts,
    write_rows,
)

KEYS = frozenset({"problem", "steps", "label"})
ABILITIES = Abilities(
    carries=frozenset({"labels", "ratings", "unlabelled_after_error", "steps", "line_breaks", "numbering"})
    | {"correct", "solution_id", "generator"},
    leaves_out=frozenset({"unlabelled"}),
    needs=frozenset({"steps", "labels"}),
    makes_up=frozenset({"solution_id"}),
)


def read(path: str | Path, reading: Reading | None = None) -> Iterator[Record]:
    """Records of a file, one a row.

    Raises:
        ValueError: a row is malformed.
    """
    return read_rows(path, _parse, reading)


def write(path: str | Path, records: Iterable[Record]) -> None:
    """Writes a row a record, whole or not at all; solutions without a name are numbered."""
    held = enumerate(carried(records, ABILITIES))
    write_rows(path, (_row(record, number) for number, record in held))


def _parse(where: Where, row: dict[str, Any]) -> list[Record]:
    steps = texts(where, row, "steps")
    check(where, "steps", [], steps, "one string or more")
    label = row.get("label", MISSING)
    good = type(label) is int and -1 <= label < len(steps)
    check(where, "label", label, good, f"-1, or an index from 0 to {len(steps) - 1}")
    end = len(steps) if label == -1 else label
    ratings = [1 if i < end else -1 if i == end else None for i in range(len(steps))]
    return [
        Record(
            problem=string(where, row, "problem", filled=True),
            steps=tuple(Step(text=text, label=rating) for text, rating in zip(steps, ratings, strict=True)),
            correct=optional_boolean(where, row, "final_answer_correct"),
            solution_id=string(where, row, "id"),
            generator=optional_string(where, row, "generator"),
        )
    ]


def _row(record: Record, number: int) -> dict[str, Any]:
    return {
        "id": f"row-{number}" if record.solution_id is None else record.solution_id,
        "generator": record.generator,
        "problem": record.problem,
        "steps": list(record.texts),
        "final_answer_correct": record.correct,
        "label": -1 if record.first_error is None else record.first_error,
    }
