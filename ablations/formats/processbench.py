"""ProcessBench, one solution per row: {id, generator, problem, steps[], final_answer_correct, label}.

``label`` is the index of the first wrong step, from 0, or -1 if there is none. The steps before it are right;
those after it have no label. Our own optional fields are those of `read_scores`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ablations.formats.labeled_solution import LabeledSolution, SolutionStep
from ablations.formats.losses import Abilities, carried
from ablations.formats.rows import (
    MISSING,
    ReadHooks,
    Where,
    check,
    integer,
    optional_boolean,
    optional_string,
    read_rows,
    required_name,
    string,
    texts,
    write_rows,
)
from ablations.formats.step_fields import SCORES, ratings_before, read_scores, score_fields

KEYS = frozenset({"problem", "steps", "label"})
FIELDS = KEYS | SCORES | {"id", "generator", "final_answer_correct"}
ABILITIES = Abilities(
    carries=frozenset({"labels", "ratings", "unlabeled_after_error", "steps", "line_breaks", "numbering"})
    | {"correct", "solution_id", "generator", *SCORES},
    leaves_out=frozenset({"unlabeled"}),
    needs=frozenset({"steps", "labels"}),
    makes_up=frozenset({"solution_id"}),
)


def read(path: str | Path, reading: ReadHooks | None = None) -> Iterator[LabeledSolution]:
    """Reads a file's records, one per row.

    Raises:
        ValueError: a row is malformed.
    """
    return read_rows(path, _parse, reading, FIELDS)


def write(path: str | Path, records: Iterable[LabeledSolution]) -> None:
    """Writes one row per record, atomically; solutions without a name are numbered."""
    held = enumerate(carried(records, ABILITIES))
    write_rows(path, (_row(record, number) for number, record in held))


def _parse(where: Where, row: dict[str, Any]) -> list[LabeledSolution]:
    steps = texts(where, row, "steps")
    label = integer(row.get("label"))
    good = label is not None and -1 <= label < len(steps)
    allowed = f"-1, or an index from 0 to {len(steps) - 1}"
    check(where, "label", row.get("label", MISSING), good, allowed)
    assert label is not None
    ratings = ratings_before(None if label == -1 else label, len(steps))
    return [
        LabeledSolution(
            problem=string(where, row, "problem", filled=True),
            steps=tuple(
                SolutionStep(text=text, label=rating) for text, rating in zip(steps, ratings, strict=True)
            ),
            correct=optional_boolean(where, row, "final_answer_correct"),
            **read_scores(where, row, len(steps)),
            solution_id=required_name(where, row, "id"),
            generator=optional_string(where, row, "generator"),
        )
    ]


def _row(record: LabeledSolution, number: int) -> dict[str, Any]:
    return {
        "id": f"row-{number}" if record.solution_id is None else record.solution_id,
        "generator": record.generator,
        "problem": record.problem,
        "steps": list(record.texts),
        "final_answer_correct": record.correct,
        "label": -1 if record.first_error is None else record.first_error,
    } | score_fields(record)
