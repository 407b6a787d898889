"""Problems with their reference answers, one per row, as public test sets spell them: {problem, answer}.

The problem may also be called question, prompt or input; the answer final_answer, expected_answer,
ground_truth_answer, ground_truth or target; the name problem_id, unique_id, id, idx, problem_idx or
question_id; all of them in lower or upper case. An answer may be a number, or an array of texts, which are
joined. In an answer with "####", only what follows it counts; if there is no answer, the last \\boxed of
``solution`` does. A row that keeps part of its problem elsewhere (body, context, choices, options) is
malformed.
"""

from typing import Any

from ablations.formats.format import Format, reads_back_unchanged
from ablations.formats.gsm8k import END
from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.losses import Abilities
from ablations.formats.rows import Fields, text_or_number
from ablations.grading.boxes import boxed

PROBLEM = ("problem", "question", "prompt", "input")
ANSWER = ("final_answer", "expected_answer", "ground_truth_answer", "ground_truth", "answer", "target")
NAME = ("problem_id", "unique_id", "id", "idx", "problem_idx", "question_id")
APART = ("body", "context", "choices", "options")
LABELED = frozenset({"steps", "completions", "completion", "labels", "label", "ratings", "value", "samples"})
"""Fields of rows that hold more than a problem."""


def _recognizes(row: dict[str, Any]) -> bool:
    """Returns whether a row has a problem, and nothing that belongs to another format."""
    names = {name.casefold() for name in row}
    return any(isinstance(_first(row, name), str) for name in PROBLEM) and not names & LABELED


def _parse(row: Fields) -> list[LabeledSolution]:
    for name in APART:
        value = _first(row, name)
        row.check(name, value, not value, "nothing, because a problem must be one text")
    problem, solution = _first(row, *PROBLEM), _first(row, "solution")
    given = {} if problem is None else {"problem": problem}
    spelled = Fields(given | {"id": _first(row, *NAME)}, row.path, row.line)
    text = spelled.string("problem", filled=True)
    reference = _answer(row, _first(row, *ANSWER))
    if reference is None and isinstance(solution, str):
        reference = boxed(solution)
    return [LabeledSolution(problem=text, problem_id=spelled.optional_name("id"), reference=reference)]


def _first(row: dict[str, Any], *names: str) -> Any:
    """Returns the value of the first of some fields, in lower or upper case, that is not null."""
    values = {name.casefold(): value for name, value in row.items() if value is not None}
    return next((values[name] for name in names if name in values), None)


def _answer(row: Fields, value: Any) -> str | None:
    if isinstance(value, list):
        parts = [_answer(row, item) for item in value]
        return ", ".join(part for part in parts if part is not None) or None
    text = text_or_number(value)
    good = text is None or isinstance(text, str)
    row.check("answer", text, good, "a string, a number, an array of them, or null")
    if text is None:
        return None
    answer = text.split(END.strip())[-1].strip()
    row.check_text("answer", answer)
    return answer


def _row(record: LabeledSolution) -> dict[str, Any]:
    return {"problem_id": record.problem_id, "problem": record.problem, "answer": record.reference}


FORMAT = Format(
    abilities=Abilities(carries=frozenset({"reference", "problem_id"}), several=False),
    keys=frozenset({"problem", "answer"}),
    fields=frozenset(
        spelled
        for name in (*PROBLEM, *ANSWER, *NAME, "solution")
        for spelled in (name, name.capitalize(), name.upper())
    ),
    recognizes=_recognizes,
    parse=_parse,
    row=_row,
    tells_apart=reads_back_unchanged(_parse, _row),
)
