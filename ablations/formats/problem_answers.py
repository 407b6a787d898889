"""Problems with their reference answers, one per row, as public test sets spell them: {problem, answer}.

The problem may also be called question, prompt or input; the answer final_answer, expected_answer,
ground_truth_answer, ground_truth or target; the name problem_id, unique_id, id, idx, problem_idx or
question_id; all of them in lower or upper case. An answer may be a number, or an array of texts, which are
joined. In an answer with "####", only what follows it counts; if there is no answer, the last \\boxed of
``solution`` does. A row that keeps part of its problem elsewhere (body, context, choices, options) is
malformed.
"""

from collections.abc import Iterable
from typing import Any

from ablations.formats.format import Format, read_back_alike
from ablations.formats.gsm8k import END
from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.losses import Abilities
from ablations.formats.rows import (
    Where,
    check,
    optional_name,
    string,
    text_or_number,
)
from ablations.grading.boxes import boxed

PROBLEM = ("problem", "question", "prompt", "input")
ANSWER = ("final_answer", "expected_answer", "ground_truth_answer", "ground_truth", "answer", "target")
NAME = ("problem_id", "unique_id", "id", "idx", "problem_idx", "question_id")
SOLUTION = "solution"
APART = ("body", "context", "choices", "options")
LABELLED = frozenset({"steps", "completions", "completion", "labels", "label", "ratings", "value", "samples"})
"""Fields of rows that hold more than a problem, whatever they lack."""


def _recognizes(row: dict[str, Any]) -> bool:
    """Returns whether a row has a problem, and nothing that belongs to another format."""
    names = {name.casefold() for name in row}
    return any(isinstance(_first(row, (name,)), str) for name in PROBLEM) and not names & LABELLED


_ALL = (*PROBLEM, *ANSWER, *NAME, SOLUTION)


def _parse(where: Where, row: dict[str, Any]) -> list[LabeledSolution]:
    for name in APART:
        value = _first(row, (name,))
        check(where, name, value, not value, "nothing, since a problem must be one text")
    found = _first(row, PROBLEM)
    problem = string(where, {"problem": found} if found is not None else {}, "problem", filled=True)
    reference = _answer(where, _first(row, ANSWER))
    solution = _first(row, (SOLUTION,))
    if reference is None and isinstance(solution, str):
        reference = boxed(solution)
    problem_id = optional_name(where, {"id": _first(row, NAME)}, "id")
    return [LabeledSolution(problem=problem, problem_id=problem_id, reference=reference)]


def _first(row: dict[str, Any], names: Iterable[str]) -> Any:
    """Returns the value of the first of some fields, in lower or upper case, that is not null."""
    held = {name.casefold(): value for name, value in row.items() if value is not None}
    return next((held[name] for name in names if name in held), None)


def _answer(where: Where, value: Any) -> str | None:
    if isinstance(value, list):
        parts = [_answer(where, one) for one in value]
        return ", ".join(part for part in parts if part is not None) or None
    value = text_or_number(value)
    good = value is None or isinstance(value, str)
    check(where, "answer", value, good, "a string, a number, an array of them, or null")
    return optional_name(where, {"answer": value and value.split(END.strip())[-1].strip()}, "answer")


def _row(record: LabeledSolution) -> dict[str, Any]:
    return {"problem_id": record.problem_id, "problem": record.problem, "answer": record.reference}


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"reference", "problem_id"}),
        several=False,
    ),
    keys=frozenset({"problem", "answer"}),
    fields=frozenset().union(*({one, one.capitalize(), one.upper()} for one in _ALL)),
    recognizes=_recognizes,
    parse=_parse,
    row=_row,
    tells_apart=read_back_alike(_parse, _row),
)
