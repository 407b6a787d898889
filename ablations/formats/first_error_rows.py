"""Benchmarks that publish solutions with the place of their first error; they are only read.

- BIG-Bench Mistake: {input, steps[], target, answer, mistake_index}. ``mistake_index`` is counted from 0, or
  null without an error. ``target`` is the reference answer.
- ReasonEval's MR-MATH: {id, question, ground_truth_answer, generator, model_output_step_format[[]]} with
  ``model_output_solution_first_error_step``, counted from 1, or "N/A" without an error; or with ``rating[]``,
  one of -1, 0 and 1 per step. Each item of ``model_output_step_format`` is the list of a step's lines.
  ``model_output_answer_correctness`` is correct or incorrect.

The steps before the first error are right; those after it have no label. Our own optional fields are those of
`read_scores`.
"""

from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.rows import (
    MISSING,
    Where,
    array,
    check,
    integer,
    optional_name,
    required_name,
    string,
    texts,
)
from ablations.formats.step_fields import SCORES, rating, ratings_before, read_scores

_LABELED = frozenset({"labels", "ratings", "unlabeled_after_error", "steps", "line_breaks", "numbering"})

_FIRST, _CORRECT = "model_output_solution_first_error_step", "model_output_answer_correctness"


def _mistake(where: Where, row: dict[str, Any]) -> list[LabeledSolution]:
    steps = texts(where, row, "steps")
    found = row.get("mistake_index", MISSING)
    first = integer(found)
    good = found is None or (first is not None and 0 <= first < len(steps))
    check(where, "mistake_index", found, good, f"null, or an index from 0 to {len(steps) - 1}")
    return [
        LabeledSolution(
            problem=string(where, row, "input", filled=True),
            steps=_labeled(steps, ratings_before(first, len(steps))),
            reference=required_name(where, row, "target"),
            answer=optional_name(where, row, "answer"),
            **read_scores(where, row, len(steps)),
        )
    ]


def _mr_math(where: Where, row: dict[str, Any]) -> list[LabeledSolution]:
    name = "model_output_step_format"
    lines = array(where, row, name)
    check(where, name, lines, lines, "one step or more")
    for i, step in enumerate(lines):
        good = isinstance(step, list) and step and all(isinstance(line, str) for line in step)
        check(where, f"{name}[{i}]", step, good and "".join(step), "an array of strings, the lines of a step")
    steps = tuple("\n".join(step) for step in lines)
    labels: list[int | None]
    if row.get("rating") is not None:
        held = array(where, row, "rating", length=len(steps))
        labels = [rating(where, f"rating[{i}]", value) for i, value in enumerate(held)]
    else:
        found = row.get(_FIRST, MISSING)
        first = integer(found)
        good = found == "N/A" or (first is not None and 1 <= first <= len(steps))
        check(where, _FIRST, found, good, f'"N/A", or a step from 1 to {len(steps)}')
        labels = ratings_before(None if first is None else first - 1, len(steps))
    correct = row.get(_CORRECT)
    check(where, _CORRECT, correct, correct in ("correct", "incorrect", None), "correct or incorrect")
    return [
        LabeledSolution(
            problem=string(where, row, "question", filled=True),
            steps=_labeled(steps, labels),
            reference=optional_name(where, row, "ground_truth_answer"),
            correct=None if correct is None else correct == "correct",
            solution_id=optional_name(where, row, "id"),
            generator=optional_name(where, row, "generator"),
            **read_scores(where, row, len(steps)),
        )
    ]


def _labeled(steps: tuple[str, ...], labels: list[int | None]) -> tuple[SolutionStep, ...]:
    return tuple(SolutionStep(text=text, label=label) for text, label in zip(steps, labels, strict=True))


BIG_BENCH_MISTAKE = Format(
    abilities=Abilities(carries=_LABELED | {"reference", "answer", *SCORES}),
    keys=frozenset({"input", "steps", "target", "mistake_index"}),
    fields=SCORES | {"answer"},
    parse=_mistake,
)
MR_MATH = Format(
    abilities=Abilities(
        carries=_LABELED
        | {"neutral", "after_error", "reference", "correct", "solution_id", "generator"}
        | SCORES
    ),
    keys=frozenset({"question", "model_output_step_format"}),
    fields=SCORES
    | {"id", "ground_truth_answer", "generator", "rating", "model_output", _FIRST, _CORRECT}
    | {"model_output_solution_correctness"},
    parse=_mr_math,
)
