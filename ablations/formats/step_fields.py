"""Per-step fields that several formats share."""

import math
from collections.abc import Iterable
from typing import Any

from ablations.formats.labeled_solution import RATINGS, Label, LabeledSolution, Probabilities
from ablations.formats.rows import Fields, integer, is_finite, is_number, is_probability

IGNORE = -100
"""Value for a missing label in TRL's files."""
SCORES = frozenset({"step_scores", "solution_scores"})
"""Our own fields, which several formats may have."""


def read_rating(row: Fields, name: str) -> int | None:
    """Reads a rating: -1, 0, 1, null or missing."""
    return _rating(row, name, row.get(name))


def _rating(row: Fields, name: str, value: Any) -> int | None:
    number = integer(value)
    row.check(name, value, value is None or number in RATINGS, "-1, 0, 1 or null")
    return number


def read_ratings(row: Fields, name: str, length: int) -> list[int | None]:
    """Reads an array of ratings, one per step."""
    return [_rating(row, f"{name}[{i}]", value) for i, value in enumerate(row.array(name, length))]


def ratings_before(first_error: int | None, length: int) -> list[int | None]:
    """Returns the ratings of steps of which the first error is known: right, wrong, and None after it."""
    end = length if first_error is None else first_error
    return [1 if i < end else -1 if i == end else None for i in range(length)]


def read_labels(row: Fields, name: str, length: int) -> list[Label]:
    """Reads labels as TRL writes them: ratings (true and false, or 1 and 0) or P(the step is right).

    They are probabilities if any of them is written with a decimal point. -100 and null mean no label.
    """
    values = row.array(name, length)
    soft = any(isinstance(value, float) and value != IGNORE for value in values)
    return [_label(row, f"{name}[{i}]", value, soft) for i, value in enumerate(values)]


def _label(row: Fields, name: str, value: Any, soft: bool) -> Label:
    if value is None or (is_number(value) and value == IGNORE):
        return None
    if soft:
        allowed = "a number in [0, 1], -100 or null, as labels next to it are probabilities"
        row.check(name, value, is_probability(value), allowed)
        return Probabilities.of_right(float(value))
    good = isinstance(value, bool) or (type(value) is int and value in (0, 1))
    row.check(name, value, good, "true, false, a number in [0, 1], -100 or null")
    return 1 if value else -1


def read_scores(row: Fields, length: int) -> dict[str, Any]:
    """Reads our own optional fields, which hold the scores of labelers.

    ``step_scores`` is an object, labeler -> P(the step is right), one per step; ``solution_scores`` is one,
    labeler -> the score of the whole solution.

    Returns:
        Both, by their names in `LabeledSolution`.
    """
    of_steps, of_solution = (_by_labeler(row, name) for name in ("step_scores", "solution_scores"))
    for name in of_steps:
        check_step_scores(of_steps, name, of_steps.array(name, length))
    for name, score in of_solution.items():
        of_solution.check(name, score, is_finite(score), "a finite number")
    return {
        "step_scores": {name: as_floats(values) for name, values in of_steps.items()},
        "solution_scores": {name: float(score) for name, score in of_solution.items()},
    }


def check_step_scores(fields: Fields, name: str, values: list[Any]) -> None:
    """Checks one labeler's scores of a solution's steps; null is no label, as after a certain error."""
    for s, score in enumerate(values):
        before = values[s - 1] if s else 1.0
        if before is None:
            fields.check(f"{name}[{s}]", score, score is None, "null, as before it")
        else:
            good = is_probability(score) or (score is None and before == 0)
            allowed = "a number in [0, 1]" + (", or null after a 0" if s and score is None else "")
            fields.check(f"{name}[{s}]", score, good, allowed)


def as_floats(scores: Iterable[float | None]) -> tuple[float, ...]:
    """Returns scores of steps with NaN for null."""
    return tuple(math.nan if score is None else float(score) for score in scores)


def without_nan(scores: Iterable[float]) -> list[float | None]:
    """Returns scores of steps with null for NaN."""
    return [None if math.isnan(score) else score for score in scores]


def score_fields(record: LabeledSolution) -> dict[str, Any]:
    """Returns these fields as they are written, without empty ones."""
    of_steps = {name: without_nan(values) for name, values in record.step_scores.items()}
    fields = {"step_scores": of_steps, "solution_scores": dict(record.solution_scores)}
    return {name: scores for name, scores in fields.items() if scores}


def _by_labeler(row: Fields, name: str) -> Fields:
    """Reads an object that may be null or missing."""
    value = row.get(name)
    scores = row.nested(name, {} if value is None else value)
    for labeler in [labeler for labeler, given in scores.items() if given is None]:
        del scores[labeler]  # Parquet fills in nulls for labelers that other rows have
    for labeler in scores:
        row.check_text(name, labeler)
    return scores
