"""PRM800K's chosen paths, flattened: one solution per row, one rating per step, up to the first error.

{problem, ground_truth_answer, steps[], ratings[-1 | 0 | 1 | null], given_answer}

Our own optional fields are those of `read_scores`.
"""

from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.rows import (
    Where,
    array,
    optional_name,
    string,
    texts,
)
from ablations.formats.step_fields import SCORES, rating, read_scores, score_fields

KEYS = frozenset({"problem", "steps", "ratings"})
FIELDS = KEYS | SCORES | {"ground_truth_answer", "given_answer"}


def _parse(where: Where, row: dict[str, Any]) -> list[LabeledSolution]:
    steps = texts(where, row, "steps")
    given = array(where, row, "ratings", length=len(steps))
    ratings = [rating(where, f"ratings[{i}]", value) for i, value in enumerate(given)]
    return [
        LabeledSolution(
            problem=string(where, row, "problem", filled=True),
            reference=optional_name(where, row, "ground_truth_answer"),
            steps=tuple(
                SolutionStep(text=text, label=label) for text, label in zip(steps, ratings, strict=True)
            ),
            answer=optional_name(where, row, "given_answer"),
            **read_scores(where, row, len(steps)),
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
        carries=frozenset(
            {"labels", "ratings", "neutral", "after_error", "unlabeled_after_error", "unlabeled"}
        )
        | {"steps", "line_breaks", "numbering", "reference", "answer", *SCORES},
        needs=frozenset({"steps"}),
    ),
    keys=KEYS,
    fields=FIELDS,
    parse=_parse,
    row=_row,
)
