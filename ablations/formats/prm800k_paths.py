"""PRM800K's chosen paths, flattened: one solution per row, one rating per step, up to the first error.

{problem, ground_truth_answer, steps[], ratings[-1 | 0 | 1 | null], given_answer}

Our own optional fields are those of `read_scores`.
"""

from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, labeled_steps
from ablations.formats.losses import Abilities
from ablations.formats.rows import Fields
from ablations.formats.step_fields import SCORES, read_ratings, read_scores, score_fields


def _parse(row: Fields) -> list[LabeledSolution]:
    steps = row.texts("steps")
    ratings = read_ratings(row, "ratings", len(steps))
    return [
        LabeledSolution(
            problem=row.string("problem", filled=True),
            reference=row.optional_name("ground_truth_answer"),
            steps=labeled_steps(steps, ratings),
            answer=row.optional_name("given_answer"),
            **read_scores(row, len(steps)),
        )
    ]


def _row(record: LabeledSolution) -> dict[str, Any]:
    return {
        "problem": record.problem,
        "ground_truth_answer": record.reference,
        "steps": list(record.texts),
        "ratings": list(record.labels),
        "given_answer": record.answer,
    } | score_fields(record)


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "ratings", "neutral", "after_error", "unlabeled_after_error"})
        | {"unlabeled", "steps", "line_breaks", "numbering", "reference", "answer", *SCORES},
        needs=frozenset({"steps"}),
    ),
    keys=frozenset({"problem", "steps", "ratings"}),
    fields=SCORES | {"ground_truth_answer", "given_answer"},
    parse=_parse,
    row=_row,
)
