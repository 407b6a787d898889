"""A pool's solutions as records; ``pool`` defines the format.

A pool holds the scores of several labelers side by side. They remain ``step_scores``, except that one
labeler's become the labels if requested by name. Labels are written as the scores of a labeler called
"labels", and read back as labels. Solutions not known to be right or wrong are ungraded.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from ablations.data.solutions import Problem
from ablations.formats.format import Format
from ablations.formats.labeled_solution import Label, LabeledSolution, Probabilities, labeled_steps
from ablations.formats.losses import Abilities
from ablations.formats.pool import PoolRows
from ablations.formats.rows import Fields, ReadHooks, read_rows, write_rows
from ablations.formats.step_fields import SCORES, as_floats, without_nan

LABELS = "labels"
FIELDS = frozenset({"problem_id", "problem", "answer"}) | {
    f"samples[].{name}" for name in ("sample", "steps", "answer", "final_correct", "finished", *SCORES)
}


def _read(
    path: str | Path, hooks: ReadHooks | None = None, *, labeler: str | None = None
) -> Iterator[LabeledSolution]:
    """Reads a file's records, several per row; the scores of ``labeler`` become the labels of the steps.

    Raises:
        ValueError: a row is malformed, or there is no labeler of that name.
    """
    rules = PoolRows()

    def parse(row: Fields) -> list[LabeledSolution]:
        problem, samples = rules.check(row)
        rules.check_labeler(row, labeler)
        return [_record(problem, sample, labeler) for sample in samples]

    return read_rows(path, parse, hooks, FIELDS)


def _record(problem: Problem, sample: Fields, labeler: str | None) -> LabeledSolution:
    scores = {name: as_floats(values) for name, values in sample.get("step_scores", {}).items()}
    right = scores.pop(labeler or LABELS, None)
    labels: list[Label] = [None] * len(sample["steps"])
    if right is not None:
        labels = [None if math.isnan(prob) else Probabilities.of_right(prob) for prob in right]
    return LabeledSolution(
        problem=problem.text,
        problem_id=problem.problem_id,
        reference=problem.answer,
        steps=labeled_steps(sample["steps"], labels),
        step_scores=scores,
        solution_scores={name: float(score) for name, score in sample.get("solution_scores", {}).items()},
        answer=sample["answer"],
        correct=sample["final_correct"],
        finished=sample.get("finished", True),
        sample=sample["sample"],
        labeler=labeler,
    )


def _write(path: Path, records: Iterable[LabeledSolution]) -> None:
    """Writes one row per problem; a problem's solutions must be consecutive."""
    write_rows(path, _rows(path, records))


def _rows(path: Path, records: Iterable[LabeledSolution]) -> Iterator[dict[str, Any]]:
    rules = PoolRows()
    problems = groupby(records, key=lambda record: (record.problem_id, record.problem, record.reference))
    for number, ((problem_id, problem, reference), solutions) in enumerate(problems):
        row = {
            "problem_id": f"problem-{number}" if problem_id is None else problem_id,
            "problem": problem,
            "answer": reference,
            "samples": [_sample(solution, i) for i, solution in enumerate(solutions)],
        }
        rules.check(Fields(row, path, number + 1))
        yield row


def _sample(record: LabeledSolution, number: int) -> dict[str, Any]:
    scores = {name: without_nan(values) for name, values in record.step_scores.items()}
    right: list[float | None] = [one.right for one in record.labels if isinstance(one, Probabilities)]
    if right:
        scores[LABELS] = right
    return {
        "sample": number if record.sample is None else record.sample,
        "steps": list(record.texts),
        "answer": record.answer,
        "final_correct": record.correct,
        "finished": record.finished,
        "step_scores": scores,
    } | ({"solution_scores": dict(record.solution_scores)} if record.solution_scores else {})


def _tells_apart(record: LabeledSolution) -> bool:
    """Returns whether no labeler has the name reserved for the labels, and none scores both."""
    names = [*record.step_scores, *record.solution_scores]
    return LABELS not in names and len(set(names)) == len(names)


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "soft", "steps", "line_breaks", "numbering", "finished"})
        | SCORES
        | {"reference", "answer", "answer_form", "correct", "problem_id", "sample"},
        leaves_out=frozenset({"unlabeled"}),
        needs=frozenset({"steps", "reference", "ended"}),
        makes_up=frozenset({"problem_id", "sample"}),
    ),
    keys=frozenset({"problem_id", "problem", "samples"}),
    reader=_read,
    options=frozenset({"labeler"}),
    writer=_write,
    tells_apart=_tells_apart,
)
