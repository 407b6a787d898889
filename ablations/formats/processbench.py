"""ProcessBench, one solution per row: {id, generator, problem, steps[], final_answer_correct, label}.

``label`` is the index of the first wrong step, from 0, or -1 if there is none. The steps before it are right;
those after it have no label. Our own optional fields are those of `read_scores`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.rows import (
    MISSING,
    Where,
    check,
    integer,
    optional_boolean,
    optional_string,
    required_name,
    string,
    texts,
    write_rows,
)
from ablations.formats.step_fields import SCORES, ratings_before, read_scores, score_fields

KEYS = frozenset({"problem", "steps", "label"})
FIELDS = KEYS | SCORES | {"id", "generator", "final_answer_correct"}


def _write(path: Path, records: Iterable[LabeledSolution]) -> None:
    """Solutions without a name are numbered."""
    write_rows(path, (_row(record, number) for number, record in enumerate(records)))


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


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "ratings", "unlabeled_after_error", "steps", "line_breaks", "numbering"})
        | {"correct", "solution_id", "generator", *SCORES},
        leaves_out=frozenset({"unlabeled"}),
        needs=frozenset({"steps", "labels"}),
        makes_up=frozenset({"solution_id"}),
    ),
    keys=KEYS,
    fields=FIELDS,
    parse=_parse,
    writer=_write,
)
