"""PRM800K's scored samples: solutions with the large PRM's probabilities for each step, one per row.

    {problem, ground_truth_answer, steps[], rating_probs[{"-1", "0", "1"}], answer, is_correct, prm_score,
     orm_score, subject, level, unique_id}

``rating_probs`` has one object per step: the probabilities of wrong, neutral and right. The final answer may
also be called ``given_answer``. ``subject``, ``level`` and ``unique_id`` are MATH-500's, and optional.
"""

from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, Probabilities, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.math_problems import level
from ablations.formats.rows import (
    MISSING,
    Where,
    array,
    check,
    is_probability,
    optional_boolean,
    optional_name,
    optional_number,
    optional_string,
    string,
    texts,
)

KEYS = frozenset({"problem", "steps", "rating_probs"})
FIELDS = KEYS | {"ground_truth_answer", "answer", "given_answer", "is_correct", "prm_score", "orm_score"}
FIELDS |= {"subject", "level", "unique_id"}


def _parse(where: Where, row: dict[str, Any]) -> list[LabeledSolution]:
    steps = texts(where, row, "steps")
    probs = array(where, row, "rating_probs", length=len(steps))
    labels = [_label(where, f"rating_probs[{i}]", one) for i, one in enumerate(probs)]
    name = "given_answer" if row.get("answer") is None else "answer"
    return [
        LabeledSolution(
            problem=string(where, row, "problem", filled=True),
            problem_id=optional_name(where, row, "unique_id"),
            reference=optional_name(where, row, "ground_truth_answer"),
            level=level(where, row),
            subject=optional_string(where, row, "subject"),
            steps=tuple(
                SolutionStep(text=text, label=label) for text, label in zip(steps, labels, strict=True)
            ),
            answer=optional_name(where, row, name),
            correct=optional_boolean(where, row, "is_correct"),
            prm_score=optional_number(where, row, "prm_score"),
            orm_score=optional_number(where, row, "orm_score"),
        )
    ]


def _label(where: Where, at: str, probs: Any) -> Probabilities:
    check(where, at, probs, isinstance(probs, dict), "an object")
    for name in ("-1", "0", "1"):
        value = probs.get(name, MISSING)
        check(where, f"{at}.{name}", value, is_probability(value), "a number in [0, 1]")
    wrong, neutral, right = (float(probs[name]) for name in ("-1", "0", "1"))
    check(where, at, probs, abs(wrong + neutral + right - 1) <= 1e-2, "probabilities that sum to 1")
    return Probabilities(wrong=wrong, neutral=neutral, right=right)


def _row(record: LabeledSolution) -> dict[str, Any]:
    labels = [label for label in record.labels if isinstance(label, Probabilities)]
    about = {"subject": record.subject, "level": record.level, "unique_id": record.problem_id}
    return {
        "problem": record.problem,
        "ground_truth_answer": record.reference,
        "steps": list(record.texts),
        "rating_probs": [{"-1": one.wrong, "0": one.neutral, "1": one.right} for one in labels],
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
    keys=KEYS,
    fields=FIELDS,
    parse=_parse,
    row=_row,
    labels_are_scores_of="rating_probs",
)
