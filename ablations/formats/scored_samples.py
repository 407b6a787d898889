"""PRM800K's scored samples: solutions with the large PRM's probabilities for each step, one per row.

    {problem, ground_truth_answer, steps[], rating_probs[{"-1", "0", "1"}], answer, is_correct, prm_score,
     orm_score, subject, level, unique_id}

``rating_probs`` has one object per step: the probabilities of wrong, neutral and right. The final answer may
also be called ``given_answer``. ``subject``, ``level`` and ``unique_id`` are MATH-500's, and optional.
"""

from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import SUM_TOLERANCE, LabeledSolution, Probabilities, labeled_steps
from ablations.formats.losses import Abilities
from ablations.formats.math_problems import read_level
from ablations.formats.rows import Fields, is_probability


def _parse(row: Fields) -> list[LabeledSolution]:
    steps = row.texts("steps")
    rating_probs = row.array("rating_probs", len(steps))
    labels = [_label(row, f"rating_probs[{i}]", value) for i, value in enumerate(rating_probs)]
    return [
        LabeledSolution(
            problem=row.string("problem", filled=True),
            problem_id=row.optional_name("unique_id"),
            reference=row.optional_name("ground_truth_answer"),
            level=read_level(row),
            subject=row.optional_string("subject"),
            steps=labeled_steps(steps, labels),
            answer=row.optional_name("given_answer" if row.get("answer") is None else "answer"),
            correct=row.optional_boolean("is_correct"),
            prm_score=row.optional_number("prm_score"),
            orm_score=row.optional_number("orm_score"),
        )
    ]


def _label(row: Fields, name: str, value: Any) -> Probabilities:
    probs = row.nested(name, value)
    wrong, neutral, right = (
        float(probs.value(rating, is_probability, "a number in [0, 1]")) for rating in ("-1", "0", "1")
    )
    good = abs(wrong + neutral + right - 1) <= SUM_TOLERANCE
    row.check(name, value, good, "probabilities that sum to 1")
    return Probabilities(wrong=wrong, neutral=neutral, right=right)


def _row(record: LabeledSolution) -> dict[str, Any]:
    labels = [label for label in record.labels if isinstance(label, Probabilities)]
    about = {"subject": record.subject, "level": record.level, "unique_id": record.problem_id}
    return {
        "problem": record.problem,
        "ground_truth_answer": record.reference,
        "steps": list(record.texts),
        "rating_probs": [{"-1": label.wrong, "0": label.neutral, "1": label.right} for label in labels],
        "answer": record.answer,
        "is_correct": record.correct,
        "prm_score": record.prm_score,
        "orm_score": record.orm_score,
    } | {name: value for name, value in about.items() if value is not None}


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "soft", "three_classes", "steps", "line_breaks", "numbering"})
        | {"reference", "answer", "answer_form", "correct", "prm_score", "orm_score"}
        | {"subject", "level", "problem_id"}
        | {"neutral"},  # as a probability
        leaves_out=frozenset({"unlabeled"}),
        needs=frozenset({"steps", "labels"}),
    ),
    keys=frozenset({"problem", "steps", "rating_probs"}),
    fields=frozenset({"ground_truth_answer", "answer", "given_answer", "is_correct", "prm_score"})
    | {"orm_score", "subject", "level", "unique_id"},
    parse=_parse,
    row=_row,
    labels_are_scores_of="rating_probs",
)
