"""Fake trainings."""

from dataclasses import replace
from typing import Any

from ablations.data.models import TrainedStudent, TrainingFacts

FACTS = TrainingFacts(
    solutions_hash="aa",
    distinct_solutions=3,
    solutions=4,
    cut_steps=0,
    targets=9,
    threshold=None,
    learning_rate=0.1,
    curve=((2, 0.5), (4, 0.75)),
    best_update=4,
    best_value=0.75,
    updates=4,
    planned=(2, 4),
    plateau=False,
    validation_n=2,
)


def trained(**changes: Any) -> TrainedStudent:
    """Makes a student without weights whose training reports ``FACTS`` with changes."""
    facts = replace(FACTS, **changes)
    return TrainedStudent(learning_rate=facts.learning_rate, facts=facts)
