"""What is learned from as text, and what is left out of it."""

import gzip
import json

import pyarrow as pa
import pytest

from ablations.data.left_out import NAMED, LeftOut
from ablations.formats.held_out import HeldOut
from ablations.formats.texts import about, filter_texts, read_any, read_texts


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_of_each_kind(tmp_path):
    rows = [
        {"question": "2+2?", "answer": "4\n#### 4", "id": 1},
        {"problem": "3+3?", "solution": "6"},
        {"text": "Sums are commutative."},
        {"problem": "1?", "solution": "1", "text": "not this: the problem is told apart"},
    ]
    found = list(read_texts(write(tmp_path / "a.jsonl", rows)))
    assert [(one.problem, one.text) for one in found] == [
        ("2+2?", "2+2?\n4\n#### 4\n"),
        ("3+3?", "3+3?\n6\n"),
        (None, "Sums are commutative."),
        ("1?", "1?\n1\n"),
    ]
    assert [one.name for one in found] == [f"a.jsonl, line {n}" for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.txt.zst"])
def test_plain_text_is_one_text(name, tmp_path):
    text = "Théorème 1.\n\nLet x be 2.\n"
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    elif name.endswith(".zst"):
        path.write_bytes(pa.compress(text.encode(), "zstd", asbytes=True))
    else:
        path.write_text(text)
    (found,) = read_texts(path)
    assert (found.problem, found.text, found.name) == (None, text, name)
    if name != "a.txt":
        path.write_bytes(path.read_bytes()[:-6])
        with pytest.raises(ValueError, match=rf"{name}: found .*; allowed: UTF-8 text, gzipped"):
            read_texts(path)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"question": "2+2?"}, r"field \(line\): found the fields question; allowed: text, question and"),
        ({"question": "", "answer": "4"}, "field question: found .*not empty"),
        ({"problem": "2", "solution": 4}, "field solution: found 4; allowed: a string"),
        ({"text": ""}, "field text: found"),
    ],
)
def test_malformed_rows_are_named(row, told, tmp_path):
    path = write(tmp_path / "a.jsonl", [{"text": "good"}, row])
    with pytest.raises(ValueError, match=f"a.jsonl:2: {told}"):
        list(read_texts(path))


def test_a_tokenizer_learns_from_any_format(tmp_path):
    rated = {"problem": "2+2?", "steps": ["It is 5.", "So 5."], "ratings": [-1, None]}
    (found,) = read_any(write(tmp_path / "a.jsonl", [rated]))
    assert (found.problem, found.text) == ("2+2?", "2+2?\nIt is 5.\nSo 5.\n")
    (found,) = read_any(write(tmp_path / "b.jsonl", [{"question": "2+2?", "answer": "4"}]))
    assert found.text == "2+2?\n4\n"  # an answer of GSM8K need not end as that format has it
    with pytest.raises(ValueError, match="allowed: text, question and answer"):
        list(read_any(write(tmp_path / "c.jsonl", [{"nothing": 1}])))


def test_held_out_problems_are_left_out_and_named(tmp_path):
    rows = [
        {"question": "What is  2+2?\n", "answer": "4"},  # white space and case aside
        {"question": "What is 2+2? Say why.", "answer": "4"},  # another problem
        {"text": "Q: WHAT IS\n2+2? A: 4"},  # does not say what it solves, but holds it
        {"text": "What is 2 + 2?"},
    ]
    held_out = HeldOut(named={"whatis22": "what is 2+2?"})
    left_out = LeftOut()
    texts = list(read_texts(write(tmp_path / "a.jsonl", rows)))
    assert [about(text, held_out) for text in texts] == [True, False, True, False]
    assert list(filter_texts(texts, held_out, left_out)) == [texts[1].text, texts[3].text]
    assert left_out.counts == {"of held-out problems": 2}
    assert left_out.first == {"of held-out problems": ["a.jsonl, line 1", "a.jsonl, line 3"]}


def test_the_first_few_are_named_and_all_are_counted():
    left_out = LeftOut()
    for number in range(NAMED + 4):
        left_out.add("wrong", f"number {number}")
    left_out.add("dropped")
    assert left_out.counts == {"wrong": NAMED + 4, "dropped": 1}
    assert left_out.first == {"wrong": [f"number {n}" for n in range(NAMED)], "dropped": []}
    assert str(left_out) == f"{NAMED + 4} left out (wrong), 1 left out (dropped)"
