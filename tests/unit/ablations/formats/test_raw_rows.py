"""Files as they are found: byte order marks, JSON arrays, Parquet, numbers as floats, damage."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ablations.commands import cli
from ablations.formats.catalogue import FORMATS, recognized
from ablations.formats.labeled_solution import LabeledSolution, Probabilities, SolutionStep
from ablations.formats.pool import read_pool
from ablations.formats.rows import ReadHooks, read_rows, read_text

ROWS = [
    {"id": "a", "generator": "m", "problem": "1+1?", "steps": ["2", "3"], "label": 1},
    {"id": "b", "generator": None, "problem": "é\n?", "steps": ["4"], "label": -1},
]
ROWS[0]["final_answer_correct"], ROWS[1]["final_answer_correct"] = False, None
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def rows_of(path, reading=None):
    return list(read_rows(path, lambda row: [(row.line, row)], reading))


def as_parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("a.jsonl", b"\xef\xbb\xbf" + LINES, [1, 2]),
        ("a.jsonl.gz", gzip.compress(b"\xef\xbb\xbf" + LINES), [1, 2]),
        ("a.jsonl", LINES.replace(b"\n", b"\r\n"), [1, 2]),
        ("a.jsonl", b"\n\n" + LINES.removesuffix(b"\n"), [3, 4]),
        ("a.json", json.dumps(ROWS).encode(), [1, 1]),
        # line 1 is "[", the first row has 11 lines
        ("a.json", json.dumps(ROWS, indent=2).encode(), [2, 13]),
        ("a.json", b"\xef\xbb\xbf\r\n" + json.dumps(ROWS, indent=2).replace("\n", "\r\n").encode(), [3, 14]),
        ("a.json.gz", gzip.compress(json.dumps(ROWS, ensure_ascii=False).encode()), [1, 1]),
    ],
)
def test_rows_are_the_same_in_every_container(name, content, lines, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert rows_of(tmp_path / name) == list(zip(lines, ROWS, strict=True))
    assert recognized(tmp_path / name) is FORMATS["processbench"]


def test_parquet_has_rows_instead_of_lines(tmp_path):
    as_parquet(tmp_path / "a.parquet", ROWS)
    told = []
    assert rows_of(tmp_path / "a.parquet", ReadHooks(progress=told.append)) == [(1, ROWS[0]), (2, ROWS[1])]
    assert told == [(tmp_path / "a.parquet").stat().st_size] * 2
    as_parquet(tmp_path / "b.parquet", [{**ROWS[0], "label": 2}])
    with pytest.raises(ValueError, match=r"b.parquet:1: field label: found 2; allowed: -1, or an index from"):
        list(FORMATS["processbench"].read(tmp_path / "b.parquet"))


def test_a_pool_in_parquet_has_nulls_where_a_field_is_left_out(tmp_path):
    """Parquet gives every object of a column the same fields; floats stand for integers beside nulls."""
    samples = [
        {"sample": 0.0, "steps": ["a"], "answer": "2", "final_correct": True, "step_scores": {"prm": [0.5]}},
        {"sample": 1.0, "steps": ["b"], "answer": None, "final_correct": False, "finished": None},
    ]
    samples[1]["step_scores"] = {"prm": [0.25], "q": None}
    as_parquet(tmp_path / "a.parquet", [{"problem_id": 7, "problem": "?", "answer": "2", "samples": samples}])
    pool = read_pool(tmp_path / "a.parquet", "prm")
    assert pool.problems[0].problem_id == "7" and pool.labelers == ("prm",)
    assert [pool.solutions.row(i).sample for i in range(2)] == [0, 1]
    assert [pool.solutions.row(i).answer for i in range(2)] == ["2", None]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", LINES.decode().encode("utf-16"), ":1: field (line): found UTF-16 text; allowed: UTF-8"),
        ("a.jsonl", LINES.decode().encode("utf-16-le"), ":1: field (line): found UTF-16 text; allowed: UTF"),
        ("a.json", b'[\n{"a": "\xff"}]', ":2: field (line): found 'utf-8' codec can't decode byte 0xff in"),
        ("a.json", b'[\n{"a": 1},\n]', ":3: field (line): found malformed JSON (Expecting value); allowed"),
        ("a.json", b'[\n{"a": 1}\n{"a": 2}]', ":3: field (line): found malformed JSON (Expecting ',' delim"),
        ("a.json", b'[{"a": 1}', ":1: field (line): found malformed JSON (Expecting ',' delimiter); allow"),
        ("a.json", b'[{"a": 1}]\nx', ":2: field (line): found malformed JSON (text after the end of the ar"),
        ("a.json", b"[", ":1: field (line): found malformed JSON (Expecting value); allowed: one JSON obj"),
        ("a.json", b"[1]", ":1: field (line): found 1; allowed: one JSON object per line, or a file that"),
        ("a.json", b'{\n"a": 1}', ":1: field (line): found malformed JSON (Expecting property name enclose"),
        ("a.jsonl", b'{"a": 1, "a": 2}', ':1: field (line): found malformed JSON (the key "a" twice in one'),
        ("a.jsonl", b'{"a": ' + b"9" * 5000 + b"}", ":1: field (line): found malformed JSON (Exceeds the"),
        ("a.jsonl", b"[" * 100_000, ":1: field (line): found malformed JSON ("),
        ("a.jsonl", b'{"a":' * 100_000, ":1: field (line): found malformed JSON ("),
        ("a.parquet", LINES, ":1: field (line): found Parquet magic bytes not found in footer. Either the"),
        ("a.parquet", b"", ":1: field (line): found "),
    ],
)
def test_damage_is_one_line(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError) as caught:
        rows_of(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}{message}") and "\n" not in str(caught.value)


def test_an_array_of_nothing_has_no_rows(tmp_path):
    for content in (b"[]", b" [\n ]\n", b"", b"\xef\xbb\xbf"):
        (tmp_path / "a.json").write_bytes(content)
        assert rows_of(tmp_path / "a.json") == []


def test_malformed_items_are_set_aside_as_lines(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"problem": "?", "steps": [], "label": 0}, *ROWS], indent=1))
    aside = []
    found = list(FORMATS["processbench"].read(tmp_path / "a.json", ReadHooks(aside=aside.append)))
    assert len(found) == 2 and len(aside) == 1 and aside[0].count(b"\n") == 1
    assert json.loads(aside[0]) == {"problem": "?", "steps": [], "label": 0}


def test_text_without_its_byte_order_mark(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfabc")
    assert read_text(tmp_path / "a.txt") == "abc"
    (tmp_path / "a.txt").write_bytes("abc".encode("utf-16"))
    with pytest.raises(ValueError, match=r"a.txt: found UTF-16 text; allowed: UTF-8 text"):
        read_text(tmp_path / "a.txt")


def read_one(form, row, path):
    path.write_text(json.dumps(row))
    (found,) = FORMATS[form].read(path)
    return found


def test_numbers_are_read_as_tables_write_them(tmp_path):
    """1.0 is the rating 1 and the index 1; 7, 7.0 and 2.5 are the names "7", "7" and "2.5"."""
    path = tmp_path / "a.jsonl"
    rated = {"problem": "p", "steps": ["a", "b"], "ratings": [1.0, None], "ground_truth_answer": 2.0}
    found = read_one("prm800k_paths", rated, path)
    assert (found.labels, found.reference) == ((1, None), "2") and type(found.labels[0]) is int
    for number, name in ((7, "7"), (7.0, "7"), (2.5, "2.5"), ("7.0", "7.0")):
        found = read_one("processbench", ROWS[0] | {"id": number, "label": 1.0}, path)
        assert (found.solution_id, found.labels) == (name, (1, -1))
    found = read_one("math", {"problem": "p", "solution": "s", "answer": 204, "level": 5.0}, path)
    assert (found.reference, found.level) == ("204", 5)
    for label in (1.5, float("nan"), float("inf"), True, "1", None):
        with pytest.raises(ValueError, match="field label: found"):
            read_one("processbench", ROWS[0] | {"label": label}, path)
    for name in (True, None, float("nan"), float("inf"), [], {}):
        with pytest.raises(ValueError, match="field id: found"):
            read_one("processbench", ROWS[0] | {"id": name}, path)


def test_scores_next_to_rated_steps_are_read(tmp_path):
    row = ROWS[0] | {"step_scores": {"prm": [1, 0.25], "q": None}}
    assert read_one("processbench", row, tmp_path / "a").step_scores == {"prm": (1.0, 0.25)}
    with pytest.raises(ValueError, match=r"field step_scores.prm\[1\]: found 2; allowed: a number in"):
        read_one("processbench", row | {"step_scores": {"prm": [1, 2]}}, tmp_path / "a")


def test_labels_in_an_array_of_their_own(tmp_path):
    """OpenRLHF's rows: signs, soft labels, or numbers as TRL has them."""
    row = {"input": "Q? Step 1: a ки\nStep 2: b ки"}
    for values, labels in (
        (["+", "-"], (1, -1)),
        ([0.75, 0.0], (Probabilities.of_right(0.75), Probabilities.of_right(0.0))),
        ([1, 0], (1, -1)),
        ([True, None], (1, None)),
    ):
        steps = tuple(SolutionStep(text=text, label=label) for text, label in zip("ab", labels, strict=True))
        expected = LabeledSolution(problem="Q?", steps=steps)
        assert read_one("math_shepherd", row | {"value": values}, tmp_path / "a") == expected
        assert recognized(tmp_path / "a") is FORMATS["math_shepherd"]
    for values, message in (
        (["+"], "value: found 1 items; allowed: 2"),
        (["+", 0.5], r"value\[1\]: found 0.5; allowed: \+ or -"),
        (["+", "?"], r"value\[1\]: found \"\?\""),
        ([0.5, 2], r"value\[1\]: found 2; allowed: a number in"),
        (None, "value: found null; allowed: an array"),
    ):
        with pytest.raises(ValueError, match=message):
            read_one("math_shepherd", row | {"value": values}, tmp_path / "a")


def test_convert_reads_an_array_and_writes_lines(tmp_path, capsys):
    (tmp_path / "gsm8k.json").write_text(json.dumps(ROWS, indent=2))
    out = tmp_path / "out.jsonl"
    cli.main(["convert", "--from", "processbench", "--to", "trl", str(tmp_path / "gsm8k.json"), str(out)])
    assert [json.loads(line)["labels"] for line in out.read_text().splitlines()] == [[True, False], [True]]
    capsys.readouterr()
