"""ProcessBench, one solution per row: {id, generator, problem, steps[], final_answer_correct, label}.

``label`` is the index of the first wrong step, from 0, or -1 if there is none. The steps before it are right;
those after it have no label. Our own optional fields are those of `read_scores`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, labeled_steps
from ablations.formats.losses import Abilities
from ablations.formats.rows import MISSING, Fields, integer, write_rows
from ablations.formats.step_fields import SCORES, ratings_before, read_scores, score_fields


def _parse(row: Fields) -> list[LabeledSolution]:
    steps = row.texts("steps")
    label = integer(row.get("label"))
    good = label is not None and -1 <= label < len(steps)
    row.check("label", row.get("label", MISSING), good, f"-1, or an index from 0 to {len(steps) - 1}")
    return [
        LabeledSolution(
            problem=row.string("problem", filled=True),
            steps=labeled_steps(steps, ratings_before(None if label == -1 else label, len(steps))),
            correct=row.optional_boolean("final_answer_correct"),
            **read_scores(row, len(steps)),
            solution_id=row.required_name("id"),
            generator=row.optional_string("generator"),
        )
    ]


def _write(path: Path, records: Iterable[LabeledSolution]) -> None:
    write_rows(path, (_row(record, number) for number, record in enumerate(records)))


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
    keys=frozenset({"problem", "steps", "label"}),
    fields=SCORES | {"id", "generator", "final_answer_correct"},
    parse=_parse,
    writer=_write,
)
