"""One malformed pool for each rule of the format, each with its exact one-line error."""

import copy
import gzip
import json

import pytest

from ablations.formats.pool import read_pool

GOOD = [
    {
        "problem_id": f"p{p}",
        "problem": f"1 + {p} = x",
        "answer": "2",
        "samples": [
            {
                "sample": s,
                "steps": ["Add.", "It is 2."],
                "answer": "2",
                "final_correct": True,
                "finished": True,
                "step_scores": {"prm": [0.5, 1], "other": [0.0, 0.25]},
            }
            for s in range(2)
        ],
    }
    for p in range(2)
]
REMOVE = object()
SAMPLE = ("samples", 1)
SCORES = (*SAMPLE, "step_scores")


def edited(path, value):
    """The good pool with one place of its second line changed."""
    rows = copy.deepcopy(GOOD)
    place = rows[1]
    for key in path[:-1]:
        place = place[key]
    if value is REMOVE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return "\n".join(json.dumps(row) for row in rows) + "\n"


MISSING = "found nothing; allowed:"
CASES = {
    # name: (path to a place in the second line, new value, message after FILE:2:)
    "problem_id missing": (("problem_id",), REMOVE, f"field problem_id: {MISSING} a string, not empty"),
    "problem_id empty": (("problem_id",), "", 'field problem_id: found ""; allowed: a string, not empty'),
    "problem_id number": (
        ("problem_id",),
        True,
        "field problem_id: found true; allowed: a string, not empty",
    ),
    "problem_id twice": (
        ("problem_id",),
        "p0",
        'field problem_id: found "p0"; allowed: a new name (line 1 has it)',
    ),
    "problem missing": (("problem",), REMOVE, f"field problem: {MISSING} a string, not empty"),
    "problem empty": (("problem",), "", 'field problem: found ""; allowed: a string, not empty'),
    "answer missing": (("answer",), REMOVE, f"field answer: {MISSING} a string"),
    "answer boolean": (("answer",), True, "field answer: found true; allowed: a string"),
    "samples missing": (("samples",), REMOVE, f"field samples: {MISSING} an array, not empty"),
    "samples empty": (("samples",), [], "field samples: found []; allowed: an array, not empty"),
    "samples object": (("samples",), {}, "field samples: found {}; allowed: an array, not empty"),
    "sample not an object": (SAMPLE, 3, "field samples[1]: found 3; allowed: an object"),
    "number missing": (
        (*SAMPLE, "sample"),
        REMOVE,
        f"field samples[1].sample: {MISSING} an integer from 0 to 2147483647",
    ),
    "number negative": (
        (*SAMPLE, "sample"),
        -1,
        "field samples[1].sample: found -1; allowed: an integer from 0 to 2147483647",
    ),
    "number too large": (
        (*SAMPLE, "sample"),
        2**31,
        "field samples[1].sample: found 2147483648; allowed: an integer from 0 to 2147483647",
    ),
    "number a fraction": (
        (*SAMPLE, "sample"),
        1.5,
        "field samples[1].sample: found 1.5; allowed: an integer from 0 to 2147483647",
    ),
    "number a boolean": (
        (*SAMPLE, "sample"),
        True,
        "field samples[1].sample: found true; allowed: an integer from 0 to 2147483647",
    ),
    "number twice": (
        (*SAMPLE, "sample"),
        0,
        "field samples[1].sample: found 0; allowed: a number new in this problem",
    ),
    "steps missing": ((*SAMPLE, "steps"), REMOVE, f"field samples[1].steps: {MISSING} an array, not empty"),
    "steps empty": ((*SAMPLE, "steps"), [], "field samples[1].steps: found []; allowed: an array, not empty"),
    "steps a string": (
        (*SAMPLE, "steps"),
        "Add.",
        'field samples[1].steps: found "Add."; allowed: an array, not empty',
    ),
    "step empty": (
        (*SAMPLE, "steps", 1),
        "",
        'field samples[1].steps[1]: found ""; allowed: a string, not empty',
    ),
    "step null": (
        (*SAMPLE, "steps", 0),
        None,
        "field samples[1].steps[0]: found null; allowed: a string, not empty",
    ),
    "sample answer missing": (
        (*SAMPLE, "answer"),
        REMOVE,
        f"field samples[1].answer: {MISSING} a string or null",
    ),
    "sample answer number": (
        (*SAMPLE, "answer"),
        [2],
        "field samples[1].answer: found [2]; allowed: a string or null",
    ),
    "final_correct missing": (
        (*SAMPLE, "final_correct"),
        REMOVE,
        f"field samples[1].final_correct: {MISSING} true, false or null",
    ),
    "final_correct number": (
        (*SAMPLE, "final_correct"),
        1,
        "field samples[1].final_correct: found 1; allowed: true, false or null",
    ),
    "final_correct text": (
        (*SAMPLE, "final_correct"),
        "null",
        'field samples[1].final_correct: found "null"; allowed: true, false or null',
    ),
    "right without an answer": (
        (*SAMPLE, "answer"),
        None,
        "field samples[1].final_correct: found true; allowed: false where answer is null or white space",
    ),
    "finished a string": (
        (*SAMPLE, "finished"),
        "yes",
        'field samples[1].finished: found "yes"; allowed: true or false',
    ),
    "unfinished yet correct": (
        (*SAMPLE, "finished"),
        False,
        "field samples[1].final_correct: found true; allowed: false in an unfinished sample",
    ),
    "step_scores an array": (
        SCORES,
        [0.5, 1],
        "field samples[1].step_scores: found [0.5, 1]; allowed: an object: labeler name -> array",
    ),
    "labelers missing": (
        SCORES,
        REMOVE,
        "field samples[1].step_scores: found none; allowed: the same labelers in every sample (prm, other)",
    ),
    "one labeler missing": (
        (*SCORES, "other"),
        REMOVE,
        "field samples[1].step_scores: found prm; allowed: the same labelers in every sample (prm, other)",
    ),
    "one labeler more": (
        (*SCORES, "third"),
        [0, 0],
        "field samples[1].step_scores: found prm, other, third; "
        "allowed: the same labelers in every sample (prm, other)",
    ),
    "scores a number": (
        (*SCORES, "prm"),
        0.5,
        "field samples[1].step_scores.prm: found 0.5; allowed: an array of numbers",
    ),
    "scores too few": (
        (*SCORES, "prm"),
        [0.5],
        "field samples[1].step_scores.prm: found 1 scores; allowed: 2, one per step",
    ),
    "score above 1": (
        (*SCORES, "prm", 1),
        1.01,
        "field samples[1].step_scores.prm[1]: found 1.01; allowed: a number in [0, 1]",
    ),
    "score negative": (
        (*SCORES, "other", 0),
        -0.5,
        "field samples[1].step_scores.other[0]: found -0.5; allowed: a number in [0, 1]",
    ),
    "score NaN": (
        (*SCORES, "prm", 0),
        float("nan"),
        "field samples[1].step_scores.prm[0]: found NaN; allowed: a number in [0, 1]",
    ),
    "score null": (
        (*SCORES, "prm", 0),
        None,
        "field samples[1].step_scores.prm[0]: found null; allowed: a number in [0, 1]",
    ),
    "score null after a number above 0": (
        (*SCORES, "prm", 1),
        None,
        "field samples[1].step_scores.prm[1]: found null; allowed: a number in [0, 1], or null after a 0",
    ),
    "score a boolean": (
        (*SCORES, "prm", 0),
        True,
        "field samples[1].step_scores.prm[0]: found true; allowed: a number in [0, 1]",
    ),
    "long values are cut": (
        (*SAMPLE, "steps"),
        "x" * 500,
        f'field samples[1].steps: found "{"x" * 76}...; allowed: an array, not empty',
    ),
    "problem of another line": (
        ("problem",),
        " 1  + 0 = X",
        'field problem: found " 1  + 0 = X"; allowed: another problem than line 1\'s: '
        "equal ones would lie in several folds",
    ),
    "half a character": (
        (*SAMPLE, "steps", 0),
        "\ud800",
        "field samples[1]: found a lone surrogate; allowed: Unicode text",
    ),
    "half a character in the problem": (
        ("problem",),
        "\ud800",
        "field problem: found a lone surrogate; allowed: Unicode text",
    ),
}


def refusal(path, labeler="prm"):
    with pytest.raises(ValueError) as caught:
        read_pool(path, labeler)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("labeler", ["prm", None])
def test_field(case, labeler, tmp_path):
    place, value, message = CASES[case]
    path = tmp_path / "pool.jsonl"
    path.write_text(edited(place, value), encoding="utf-8")
    assert refusal(path, labeler) == f"{path}:2: {message}"


LINES = {
    # name: (bytes of the file, file name, message after FILE)
    "empty file": (
        b"",
        "p.jsonl",
        ":1: field problem_id: found an empty file; allowed: at least one problem",
    ),
    "blank lines": (
        b"\n \n",
        "p.jsonl",
        ":1: field problem_id: found an empty file; allowed: at least one problem",
    ),
    "malformed": (
        json.dumps(GOOD[0]).encode() + b'\n\n{"problem_id": }\n',
        "p.jsonl",
        ":3: field (line): found malformed JSON (Expecting value: line 1 column 16 (char 15)); "
        "allowed: one JSON object per line, or a file that is one JSON array of objects",
    ),
    "an array of no objects": (
        b"[1]\n",
        "p.jsonl",
        ":1: field (line): found 1; allowed: one JSON object per line, or a file that is one JSON array of "
        "objects",
    ),
    "not UTF-8": (
        b"\xff\n",
        "p.jsonl",
        ":1: field (line): found 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte; "
        "allowed: UTF-8 text, gzipped if the name ends in .gz, of zstd if in .zst",
    ),
    "not gzipped": (
        json.dumps(GOOD[0]).encode(),
        "p.jsonl.gz",
        ":1: field (line): found Not a gzipped file (b'{\"'); "
        "allowed: UTF-8 text, gzipped if the name ends in .gz, of zstd if in .zst",
    ),
    "cut off": (
        gzip.compress(json.dumps(GOOD[0]).encode())[:-20],
        "p.jsonl.gz",
        ":1: field (line): found Compressed file ended before the end-of-stream marker was reached; "
        "allowed: UTF-8 text, gzipped if the name ends in .gz, of zstd if in .zst",
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_line(case, tmp_path):
    content, name, message = LINES[case]
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal(path) == f"{path}{message}"


def test_unknown_labeler(tmp_path):
    path = tmp_path / "pool.jsonl"
    path.write_text(edited(("problem",), "2 + 2 = ?"), encoding="utf-8")
    allowed = "a labeler of this pool (prm, other)"
    assert refusal(path, "qwen") == f'{path}:1: field labeler: found "qwen"; allowed: {allowed}'
    bare = copy.deepcopy(GOOD[0])
    for sample in bare["samples"]:
        del sample["step_scores"]
    path.write_text(json.dumps(bare), encoding="utf-8")
    message = f'{path}:1: field labeler: found "prm"; allowed: a labeler of this pool (it has none)'
    assert refusal(path) == message


def test_nothing_is_graded(tmp_path):
    path = tmp_path / "pool.jsonl"
    rows = copy.deepcopy(GOOD)
    for row in rows:
        for sample in row["samples"]:
            sample["final_correct"] = None
    path.write_text("".join(json.dumps(row | {"problem": row["problem_id"]}) + "\n" for row in rows))
    assert refusal(path) == (
        f"{path}: field final_correct: found more than half of them null in every problem; allowed: a "
        "problem with more of them true or false"
    )


def test_the_unedited_pool_is_accepted(tmp_path):
    path = tmp_path / "pool.jsonl"
    path.write_text(edited(("problem",), "2 + 2 = ?"), encoding="utf-8")
    assert len(read_pool(path, "prm").solutions) == 4
