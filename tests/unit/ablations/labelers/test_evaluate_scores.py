"""`ablations evaluate` on scores of other kinds: apart from solutions, of whole solutions, several files."""

import csv
import json

import pytest

from ablations.commands import cli

BENCH = [
    {"id": "a", "problem": "1?", "steps": ["x", "y"], "label": 1, "final_answer_correct": False},
    {"id": "b", "problem": "2?", "steps": ["x", "y"], "label": -1, "final_answer_correct": True},
    {"id": "c", "problem": "3?", "steps": ["x"], "label": 0, "final_answer_correct": False},
    {"id": "d", "problem": "4?", "steps": ["x"], "label": -1, "final_answer_correct": True},
]
RIGHT = {"a": [0.75, 0.25], "b": [1.0, 0.5], "c": [0.375], "d": [0.875]}
"""P(right) of the steps: P(wrong) exceeds 0.5 at exactly the errors."""


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def evaluate(*argv, code=0):
    assert cli.main(["evaluate", *map(str, argv)]) == code


def metrics(out):
    with (out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {(row["file"], row["labeler"], row["metric"], row["n"]): row for row in rows}


def value(row):
    return float(row["estimate"])


def classes(right):
    """Of what is not right, half is neutral where it is less than half."""
    wrong = 1 - right
    return [wrong, 0.0, right] if wrong > 0.5 else [wrong / 2, wrong / 2, right]


@pytest.mark.parametrize("kind", ["steps", "classes"])
def test_scores_are_joined_by_name(kind, tmp_path, capsys):
    """In another order than the solutions', and with one that is of none of them."""
    made = {name: values if kind == "steps" else [*map(classes, values)] for name, values in RIGHT.items()}
    rows = [{"id": name, "scores": made[name]} for name in ("d", "b", "a", "c")]
    scores = write(tmp_path / "prm.jsonl", [*rows, {"id": "e", "scores": made["a"]}])
    bench = write(tmp_path / "bench.jsonl", BENCH)
    evaluate(scores, "--on", bench, "--threshold", "0.5", "--out", tmp_path / "out")
    found = metrics(tmp_path / "out")
    for metric in ("first_error_f1", "step_auroc", "solution_auroc", "step_f1"):
        assert value(found[str(bench), "prm", metric, ""]) == 1.0
    told = capsys.readouterr().out
    assert f"Scores in {scores} of solutions not in {bench}: 1.\n" in told
    facts = json.loads((tmp_path / "out" / "facts.json").read_text())
    assert facts["scores"]["file"] == str(scores) and facts["files"][0]["labelers"] == ["prm"]


def test_three_classes_beside_human_ratings(tmp_path):
    """Neutral counts as right: P(wrong) 0.25 and 0.5, whatever the rest is."""
    rated = {"problem": "1?", "steps": ["a", "b"], "ratings": [0, -1], "step_scores": {"other": [0.5, 0.5]}}
    pool = [{**rated, "problem": f"{n}?"} for n in range(3)]
    bench = [{"id": n, "problem": f"{n}?", "steps": ["a", "b"], "label": 1} for n in range(3)]
    rows = [{"id": str(n), "scores": [[0.25, 0.75, 0.0], [0.5, 0.0, 0.5]]} for n in range(3)]
    scores = write(tmp_path / "three.jsonl", rows)
    evaluate(
        scores, "--on", write(tmp_path / "b.jsonl", bench), "--threshold", "0.4", "--out", tmp_path / "o"
    )
    found = metrics(tmp_path / "o")
    assert value(found[str(tmp_path / "b.jsonl"), "three", "step_auroc", ""]) == 1.0
    assert found[str(tmp_path / "b.jsonl"), "three", "first_error_found", ""]["estimate"] == "1.0"
    evaluate(scores, "--on", write(tmp_path / "paths.jsonl", pool), "--threshold", "0.4", code=2)  # no names


def samples(*right):
    return [
        {"sample": i, "steps": ["a", "b"], "answer": str(int(one)), "final_correct": one}
        for i, one in enumerate(right)
    ]


POOL = [
    {"problem_id": "p0", "problem": "0?", "answer": "1", "samples": samples(True, False)},
    {"problem_id": "p1", "problem": "1?", "answer": "1", "samples": samples(False, True, True)},
]
LOGITS = {("p0", 0): 3.5, ("p0", 1): -2.0, ("p1", 0): 0.5, ("p1", 1): -7.0, ("p1", 2): 1.5}


@pytest.mark.parametrize("apart", [True, False])
def test_scores_of_whole_solutions(apart, tmp_path):
    """p0: the right one is best. p1: of the pairs {0,1}, {0,2} and {1,2} the last two choose a right one."""
    rows = json.loads(json.dumps(POOL))
    if apart:
        held = [{"problem_id": p, "sample": i, "scores": score} for (p, i), score in LOGITS.items()]
        argv = [write(tmp_path / "orm.json", held), "--on", write(tmp_path / "pool.jsonl", rows)]
    else:
        for row in rows:
            for sample in row["samples"]:
                sample["solution_scores"] = {"orm": LOGITS[row["problem_id"], sample["sample"]]}
        argv = [write(tmp_path / "pool.jsonl", rows)]
    evaluate(*argv, "--scoring", "product", "--scoring", "minimum", "--out", tmp_path / "out")
    found, file = metrics(tmp_path / "out"), str(tmp_path / "pool.jsonl")
    assert value(found[file, "orm", "best_of_n", "2"]) == pytest.approx((1 + 2 / 3) / 2)
    assert found[file, "orm", "best_of_n", "2"]["scoring"] == "as given"
    # p0: 1 of 1 pair in order; p1: of 2 pairs 1
    assert value(found[file, "orm", "auroc_within_problems", ""]) == pytest.approx(2 / 3)
    assert (file, "orm", "weighted_vote", "2") not in found  # negative scores are no weights


PRMBENCH = [
    {"idx": n, "modified_question": f"{n}?", "modified_process": ["a", "b", "c"], "error_steps": [2]}
    | {"step_scores": {"prm": [0.9, 0.1, 0.9 if n else 0.1]}}
    for n in range(4)
]


def test_all_steps_count_as_in_prmbench(tmp_path, capsys):
    """Of 12 steps 4 are wrong and found, and 1 right one after an error is called wrong.

    Right: precision 7/7, recall 7/8, F1 14/15. Wrong: precision 4/5, recall 1, F1 8/9.
    """
    file = write(tmp_path / "a.jsonl", PRMBENCH)
    evaluate(file, "--threshold", "0.5", "--out", tmp_path / "out")
    found = metrics(tmp_path / "out")
    right, wrong = (value(found[str(file), "prm", f"{kind}_step_f1", ""]) for kind in ("right", "wrong"))
    assert (right, wrong) == (pytest.approx(14 / 15), pytest.approx(8 / 9))
    mean = found[str(file), "prm", "step_f1", ""]
    assert value(mean) == pytest.approx((14 / 15 + 8 / 9) / 2) and mean["count"] == "12"
    assert found[str(file), "prm", "step_auroc", ""]["count"] == "8"  # up to the first error
    assert "All labeled steps" in capsys.readouterr().out


def test_the_mean_over_files(tmp_path, capsys):
    """F1 1 and, where the threshold finds no error, 0: their mean is 1/2, with half the one interval."""
    good = [row | {"step_scores": {"prm": RIGHT[row["id"]]}} for row in BENCH]
    bad = [row | {"step_scores": {"prm": [0.75] * len(row["steps"])}} for row in BENCH]
    files = [write(tmp_path / f"{name}.json", rows) for name, rows in (("one", good), ("two", bad))]
    evaluate(*files, "--threshold", "0.5", "--out", tmp_path / "out")
    found = metrics(tmp_path / "out")
    assert [value(found[str(file), "prm", "first_error_f1", ""]) for file in files] == [1.0, 0.0]
    mean = found["", "prm", "first_error_f1", ""]
    assert (value(mean), mean["problems"], mean["count"]) == (0.5, "8", "8")
    auroc = [found[file, "prm", "step_auroc", ""] for file in (*map(str, files), "")]
    assert value(auroc[2]) == (value(auroc[0]) + value(auroc[1])) / 2
    told = capsys.readouterr().out
    assert f"# {files[0]}\n" in told and "# Mean over 2 files\n" in told
    assert len(json.loads((tmp_path / "out" / "facts.json").read_text())["files"]) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"id": "a", "scores": [1.5, 1]}],
            "{file}:1: field scores[0]: found 1.5; allowed: a number in [0, 1]",
        ),
        ([{"id": "a", "scores": []}], "{file}:1: field scores: found []; allowed: one score or more"),
        ([{"id": "a", "scores": None}], "{file}:1: field scores: found null; allowed: an array with an item"),
        ([{"id": "a", "scores": [[0.5, 0.5]]}], "{file}:1: field scores[0]: found [0.5, 0.5]; allowed: prob"),
        ([{"id": "a", "scores": [1]}] * 2, "{file}:2: field id: found ['a']"),
        (
            [{"id": "a", "scores": [1]}, {"id": "b", "scores": 1}],
            "{file}:2: field scores: found solutions; allowed: steps, as in the rows before",
        ),
        (
            [{"id": "a", "scores": [1, 1]}],
            "{bench}: solution 2 (problem '2?'): found no scores of b in {file}",
        ),
        (
            [{"id": "a", "scores": [1]}],
            "{bench}: solution 1 (problem '1?'): found 1 scores in {file}; allowed: 2",
        ),
        ([{"problem_id": "a", "sample": -1, "scores": [1]}], "{file}:1: field sample: found -1; allowed: an"),
    ],
)
def test_mistakes_are_one_line(rows, message, tmp_path, capsys):
    file, bench = write(tmp_path / "prm.jsonl", rows), write(tmp_path / "bench.jsonl", BENCH)
    evaluate(file, "--on", bench, "--threshold", "0.5", code=2)
    (line,) = capsys.readouterr().err.splitlines()
    message = message.format(file=file, bench=bench).replace("['a']", '["a"]')
    assert line.startswith(f"ablations: {message}")


def test_scores_apart_need_their_solutions(tmp_path, capsys):
    scores = write(tmp_path / "prm.jsonl", [{"id": "a", "scores": [1]}])
    bench = write(tmp_path / "bench.jsonl", BENCH)
    for argv, told in (
        ([scores], f"source: found scores apart from what they score in {scores}; allowed: with --on FILE"),
        (
            [bench, "--on", bench],
            f"on: found it next to {bench}, a file of scores; allowed: with a checkpoint",
        ),
        ([scores, scores, "--on", bench], "source: found 2 with --on; allowed: one checkpoint"),
        ([bench, "--on", scores], f"on: found scores apart from what they score in {scores}"),
    ):
        evaluate(*argv, code=2)
        assert told in capsys.readouterr().err
