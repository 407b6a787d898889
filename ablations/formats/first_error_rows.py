"""Benchmarks that publish solutions with the position of their first error; they are only read.

- BIG-Bench Mistake: {input, steps[], target, answer, mistake_index}. ``mistake_index`` is counted from 0, or
  null without an error. ``target`` is the reference answer.
- ReasonEval's MR-MATH: {id, question, ground_truth_answer, generator, model_output_step_format[[]]} with
  ``model_output_solution_first_error_step``, counted from 1, or "N/A" without an error; or with ``rating[]``,
  one of -1, 0 and 1 per step. Each item of ``model_output_step_format`` is the list of a step's lines.
  ``model_output_answer_correctness`` is correct or incorrect.

The steps before the first error are right; those after it have no label. Our own optional fields are those of
`read_scores`.
"""

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, labeled_steps
from ablations.formats.losses import Abilities
from ablations.formats.rows import MISSING, Fields, integer
from ablations.formats.step_fields import SCORES, ratings_before, read_ratings, read_scores

_LABELED = frozenset({"labels", "ratings", "unlabeled_after_error", "steps", "line_breaks", "numbering"})
_FIRST, _CORRECT = "model_output_solution_first_error_step", "model_output_answer_correctness"


def _mistake(row: Fields) -> list[LabeledSolution]:
    steps = row.texts("steps")
    value = row.get("mistake_index", MISSING)
    first = integer(value)
    good = value is None or (first is not None and 0 <= first < len(steps))
    row.check("mistake_index", value, good, f"null, or an index from 0 to {len(steps) - 1}")
    return [
        LabeledSolution(
            problem=row.string("input", filled=True),
            steps=labeled_steps(steps, ratings_before(first, len(steps))),
            reference=row.required_name("target"),
            answer=row.optional_name("answer"),
            **read_scores(row, len(steps)),
        )
    ]


def _mr_math(row: Fields) -> list[LabeledSolution]:
    name = "model_output_step_format"
    lines = row.array(name)
    row.check(name, lines, lines, "one step or more")
    for i, step in enumerate(lines):
        good = isinstance(step, list) and step and all(isinstance(line, str) for line in step)
        row.check(f"{name}[{i}]", step, good and "".join(step), "an array of strings, the lines of a step")
    steps = ["\n".join(step) for step in lines]
    if row.get("rating") is not None:
        ratings = read_ratings(row, "rating", len(steps))
    else:
        value = row.get(_FIRST, MISSING)
        first = integer(value)
        good = value == "N/A" or (first is not None and 1 <= first <= len(steps))
        row.check(_FIRST, value, good, f'"N/A", or a step from 1 to {len(steps)}')
        ratings = ratings_before(None if first is None else first - 1, len(steps))
    correct = row.get(_CORRECT)
    row.check(_CORRECT, correct, correct in ("correct", "incorrect", None), "correct or incorrect")
    return [
        LabeledSolution(
            problem=row.string("question", filled=True),
            steps=labeled_steps(steps, ratings),
            reference=row.optional_name("ground_truth_answer"),
            correct=None if correct is None else correct == "correct",
            solution_id=row.optional_name("id"),
            generator=row.optional_name("generator"),
            **read_scores(row, len(steps)),
        )
    ]


BIG_BENCH_MISTAKE = Format(
    abilities=Abilities(carries=_LABELED | {"reference", "answer", *SCORES}),
    keys=frozenset({"input", "steps", "target", "mistake_index"}),
    fields=SCORES | {"answer"},
    parse=_mistake,
)
MR_MATH = Format(
    abilities=Abilities(
        carries=_LABELED
        | {"neutral", "after_error", "reference", "correct", "solution_id", "generator", *SCORES}
    ),
    keys=frozenset({"question", "model_output_step_format"}),
    fields=SCORES
    | {"id", "ground_truth_answer", "generator", "rating", "model_output", _FIRST, _CORRECT}
    | {"model_output_solution_correctness"},
    parse=_mr_math,
)
