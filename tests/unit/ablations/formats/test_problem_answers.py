"""Problems with their answers, as public test sets spell them."""

import json

import pytest

from ablations.formats.catalogue import FORMATS, recognized
from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.overlap import held_out_problems
from ablations.formats.texts import read_any
from ablations.generators.problem_files import read_problems

PUBLIC = {
    # what the row is like: (row, name, reference)
    "problem and answer": ({"problem": "1+1?", "answer": "2"}, None, "2"),
    "question and answer": ({"question": "1+1?", "answer": "2"}, None, "2"),
    "a number": ({"problem": "1+1?", "answer": 2}, None, "2"),
    "a number with a decimal point": ({"problem": "1+1?", "answer": 142.0, "url": "u"}, None, "142"),
    "a fraction": ({"problem": "1+1?", "answer": 0.5}, None, "0.5"),
    "capital letters": (
        {"ID": "2024-II-4", "Problem": "1+1?", "Solution": "s", "Answer": 33},
        "2024-II-4",
        "33",
    ),
    "a number for a name": ({"problem_idx": 3, "problem": "1+1?", "answer": 70}, "3", "70"),
    "an array": ({"id": 1, "question": "1+1?", "solution": ["s"], "final_answer": ["2"]}, "1", "2"),
    "an array of two": ({"question": "1+1?", "final_answer": ["2", "3"], "context": None}, None, "2, 3"),
    "a proof": ({"question": "1+1?", "final_answer": None, "solution": ["s"]}, None, None),
    "a long answer and a final one": (
        {"question": "1+1?", "answer": "Count.", "final_answer": "2"},
        None,
        "2",
    ),
    "another's answer": ({"problem": "1+1?", "expected_answer": "2", "generated_solution": "s"}, None, "2"),
    "input and target": ({"input": "1+1?", "target": "2"}, None, "2"),
    "prompt alone": ({"prompt": "1+1?"}, None, None),
    "null for a solution": ({"problem": "1+1?", "solution": None, "answer": "2"}, None, "2"),
}


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("like", PUBLIC)
def test_public_spellings(like, tmp_path):
    row, name, reference = PUBLIC[like]
    path = write(tmp_path / "a.jsonl", row)
    assert recognized(path) is FORMATS["problems"]
    (found,) = FORMATS["problems"].read(path)
    assert found == LabeledSolution(problem="1+1?", problem_id=name, reference=reference)
    if reference is not None:
        assert read_problems(path)[0].answer == reference
    assert list(held_out_problems([path])) == ["11"]


def test_other_formats_are_still_recognized(tmp_path):
    for row, form in (
        ({"question": "1+1?", "answer": "Count.\n#### 2"}, "gsm8k"),
        ({"question": "1+1?", "answer": "Count. #### 2"}, "gsm8k"),
        ({"problem": "1+1?", "solution": "\\boxed{2}", "answer": 2}, "math"),
        ({"problem": "1+1?", "steps": ["a"], "label": 0, "answer": "2"}, "processbench"),
    ):
        path = write(tmp_path / "a.jsonl", row)
        assert recognized(path) is FORMATS[form]
        if form in ("gsm8k", "math"):
            assert read_problems(path)[0].answer == "2"


def test_the_last_step_may_share_a_line_with_the_answer(tmp_path):
    path = write(tmp_path / "a.jsonl", {"question": "1+1?", "answer": "Count.\nTwo. #### 2"})
    (found,) = FORMATS["gsm8k"].read(path)
    assert (found.texts, found.reference) == (("Count.", "Two."), "2")


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "1+1?", "completions": ["a"], "label": [True]},  # a field of TRL's misspelled
        {"problem": "1+1?", "steps": ["a"]},
        {"prompt": [{"role": "user", "content": "1+1?"}]},
        {"problem": None, "answer": "2"},
        {"data": [{"problem": "1+1?", "answer": "2"}]},
    ],
)
def test_rows_of_no_format(row, tmp_path):
    with pytest.raises(ValueError, match="a.jsonl:1: found fields .*; allowed: those of a row of prm800k, "):
        recognized(write(tmp_path / "a.jsonl", row))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"Body": "Ann has 2.", "Question": "How many?", "Answer": 2.0}, "field body: found .*one text"),
        ({"question": "Which?", "choices": ["1", "2"], "answer": 0}, "field choices: found .*one text"),
        ({"problem": "1+1?", "answer": True}, "field answer: found true"),
        ({"problem": "1+1?", "answer": {"value": 2}}, "field answer: found {"),
        ({"problem": "", "answer": "2"}, 'field problem: found ""; allowed: a string, not empty'),
        ({"problem": "1+1?", "answer": float("nan")}, "field answer: found NaN"),
        ({"problem": "1+1?", "answer": "\ud800"}, "field answer: found a lone surrogate"),
    ],
)
def test_malformed_rows(row, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_problems(write(tmp_path / "a.jsonl", row))


def test_a_file_without_answers_is_no_file_to_sample_from(tmp_path):
    with pytest.raises(ValueError, match="problems: found no reference answer for 1 of 1"):
        read_problems(write(tmp_path / "a.jsonl", {"question": "1+1?"}))


def test_questions_with_short_answers_are_text_to_learn_from(tmp_path):
    path = write(tmp_path / "a.jsonl", {"question": "1+1?", "answer": "2"})
    assert [text.text for text in read_any(path)] == ["1+1?\n2\n"]
