"""The targets of process supervision in a record, by which tests check that conversions keep each label."""

from collections.abc import Iterator
from dataclasses import dataclass

from ablations.formats.labeled_solution import LabeledSolution, Probabilities


@dataclass(frozen=True, kw_only=True)
class LabeledPrefix:
    """One target of process supervision."""

    problem: str
    prefix: tuple[str, ...]
    """Steps of the chosen path before the candidate."""
    candidate: str
    label: int | Probabilities


def labeled_prefixes(record: LabeledSolution) -> Iterator[LabeledPrefix]:
    """Yields every labeled candidate, after the steps that were chosen before it, exactly once."""
    positions = [*((step, *step.alternatives) for step in record.steps), record.open_candidates]
    for at, candidates in enumerate(positions):
        for one in candidates:
            if one.label is not None:
                yield LabeledPrefix(
                    problem=record.problem, prefix=record.texts[:at], candidate=one.text, label=one.label
                )
