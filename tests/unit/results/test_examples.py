"""The form of examples.json: one bad item for each rule."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from results.examples import check_examples, read_examples, write_examples


def test_written_examples_are_read_back(fresh_examples: Callable[[], Any], tmp_path: Path) -> None:
    path = tmp_path / "examples.json"
    write_examples(path, fresh_examples())
    assert read_examples(path) == fresh_examples()
    assert len(path.read_text().splitlines()) == 4 + 2  # one problem a line, and the brackets


def put(*where: Any) -> Callable[[Any], None]:
    """Set a value deep inside: the last argument at the path of the others."""
    *path, name, value = where

    def change(examples: Any) -> None:
        item = examples
        for key in path:
            item = item[key]
        item[name] = value

    return change


SOLUTION = (1, "solutions", 2)
STEP = (*SOLUTION, "steps", 0)
BAD = [
    (put(1, "problem_id", ""), "[1].problem_id: found '', allowed an id, once in the file"),
    (put(1, "problem_id", "p0"), "[1].problem_id: found 'p0', allowed an id, once in the file"),
    (put(1, "answer", 59), "[1].answer: found 59, allowed a string"),
    (put(1, "solutions", []), "[1].solutions: found [], allowed one or more"),
    (
        put(1, "solution", []),
        "[1]: found ['answer', 'problem', 'problem_id', 'solution', 'solutions'], allowed exactly",
    ),
    (put(1, "text"), "[1]: found 'text', allowed an object"),
    (put(*SOLUTION, "sample", -1), "[1].solutions[2].sample: found -1"),
    (
        put(*SOLUTION, "sample", 1),
        "[1].solutions[2].sample: found 1, allowed an integer, 0 or more, once per problem",
    ),
    (put(*SOLUTION, "answer", 4), "[1].solutions[2].answer: found 4, allowed a string or null"),
    (put(*SOLUTION, "finished", 1), "[1].solutions[2].finished: found 1, allowed true or false"),
    (
        put(1, "solutions", 0, "answer", None),
        "[1].solutions[0].final_correct: found True, allowed false where answer is null",
    ),
    (put(*SOLUTION, "count", 0), "[1].solutions[2].count: found 0, allowed an integer, 1 or more"),
    (put(*SOLUTION, "count", True), "[1].solutions[2].count: found True"),
    (
        put(*SOLUTION, "chosen_by", ["me"]),
        "[1].solutions[2].chosen_by: found ['me'], allowed a list of process",
    ),
    (put(*SOLUTION, "chosen_by", ["process", "process"]), "[1].solutions[2].chosen_by: found"),
    (
        put(*SOLUTION, "solution_scores", {"process": float("-inf")}),
        "[1].solutions[2].solution_scores.process: found -inf",
    ),
    (
        put(*SOLUTION, "solution_scores", {"me": 0.1}),
        "[1].solutions[2].solution_scores: found 'me', allowed arms process",
    ),
    (put(*SOLUTION, "steps", None), "[1].solutions[2].steps: found None, allowed a list"),
    (put(*STEP, "text", 1), "[1].solutions[2].steps[0].text: found 1, allowed a string"),
    (put(*STEP, "oracle", 2), "[1].solutions[2].steps[0].oracle: found 2, allowed -1, 0, 1 or null"),
    (put(*STEP, "oracle", True), "[1].solutions[2].steps[0].oracle: found True"),
    (
        put(*STEP, "scores", {"process": 1.2}),
        "[1].solutions[2].steps[0].scores.process: found 1.2, allowed a probability",
    ),
    (put(*STEP, "scores", {"process": "1"}), "[1].solutions[2].steps[0].scores.process: found '1'"),
    (put(*STEP, "scores", []), "[1].solutions[2].steps[0].scores: found [], allowed an object"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_a_bad_item_is_refused(
    change: Callable[[Any], None], message: str, fresh_examples: Callable[[], Any]
) -> None:
    examples = fresh_examples()
    change(examples)
    with pytest.raises(ValueError) as raised:
        check_examples(examples, "examples.json")
    assert str(raised.value).startswith(f"examples.json: {message}") and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "found no JSON"), ("{}", "file: found {}, allowed a list of problems")]
)
def test_a_bad_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "examples.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_examples(path)


def test_what_nobody_judged_is_allowed(fresh_examples: Callable[[], Any]) -> None:
    examples = fresh_examples()
    put(*STEP, "oracle", None)(examples)
    put(*STEP, "scores", {})(examples)
    assert check_examples(json.loads(json.dumps(examples))) == examples
