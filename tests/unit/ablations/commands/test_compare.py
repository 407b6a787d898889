"""`ablations compare`: labelers of one file or of several, scores apart, rated steps, runs."""

import csv
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from paths import ROOT

from ablations.commands import cli
from ablations.evaluation.comparison import difference_rows
from ablations.evaluation.score_file import read_scored
from ablations.evaluation.summary import final_rows, step_rows

REFERENCE = ROOT / "results" / "reference"
PROBLEMS, SAMPLES = 24, 4


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def compare(*argv, code=0):
    assert cli.main(["compare", *map(str, argv)]) == code


def differences(out):
    with (out / "differences.csv").open() as file:
        return {(row["first"], row["second"], row["metric"], row["n"]): row for row in csv.DictReader(file)}


def pool(*labelers):
    """Every second solution is right, which `good` knows everywhere, `fair` on every third problem not."""
    rows = []
    for p in range(PROBLEMS):
        samples = []
        for i in range(SAMPLES):
            right = i % 2 == 0
            known = right if p % 3 else not right
            scores = {"good": [0.9 if right else 0.1], "fair": [0.8 if known else 0.2]}
            sample = {"sample": i, "steps": [f"{p}-{i}"], "answer": str(int(right)), "final_correct": right}
            samples.append(sample | {"step_scores": {name: scores[name] for name in labelers}})
        rows.append({"problem_id": f"p{p}", "problem": f"{p}?", "answer": "1", "samples": samples})
    return rows


def test_two_labelers_of_one_pool(tmp_path, capsys):
    """In best-of-4 `good` solves all, `fair` 2 of 3. Of six pairs of four solutions five have a right one;
    where `fair` errs it solves the pair of right ones alone."""
    compare(write(tmp_path / "pool.jsonl", pool("good", "fair")), "--out", tmp_path / "out")
    found = differences(tmp_path / "out")
    assert set(key[3] for key in found if key[2] == "best_of_n") == {"2", "4"}  # with 1 there is no choice
    four, two = (found["fair", "good", "best_of_n", n] for n in ("4", "2"))
    assert float(four["estimate"]) == pytest.approx(-1 / 3)
    assert float(two["estimate"]) == pytest.approx(-1 / 3 * (5 / 6 - 1 / 6))
    assert float(four["lower"]) < -1 / 3 < float(four["upper"]) < 0 and four["verdict"] == "below zero"
    # two values of N, and both are as sure: the p of a t test of the differences, twice
    gaps = np.array([-1.0 if p % 3 == 0 else 0.0 for p in range(PROBLEMS)])
    t = gaps.mean() / (gaps.std(ddof=1) / np.sqrt(PROBLEMS))
    from scipy.stats import t as student

    assert float(four["p"]) == pytest.approx(2 * 2 * student.sf(abs(t), PROBLEMS - 1))
    # within problems: 1 against 2 thirds of the pairs
    auroc = found["fair", "good", "auroc_within_problems", ""]
    assert float(auroc["estimate"]) == pytest.approx(-1 / 3) and float(auroc["upper"]) < 0
    told = capsys.readouterr().out
    assert (
        "Best-of-4\n" in told and "Solutions and steps" in told and (tmp_path / "out" / "table.txt").exists()
    )


def test_other_ways_to_say_the_same(tmp_path):
    """Scores in two files, in another order; in files of their own; two labelers of the same name."""
    whole = write(tmp_path / "both.jsonl", pool("good", "fair"))
    one, other = (write(tmp_path / f"{name}.jsonl", pool(name)[::-1]) for name in ("good", "fair"))
    apart = [
        write(
            tmp_path / f"apart-{name}.json",
            [
                {"problem_id": row["problem_id"], "sample": s["sample"], "scores": s["step_scores"][name]}
                for row in pool(name)
                for s in row["samples"]
            ],
        )
        for name in ("good", "fair")
    ]
    compare(whole, "--out", tmp_path / "a")
    compare(one, other, "--out", tmp_path / "b")
    compare(*apart, "--on", write(tmp_path / "bare.jsonl", pool()), "--out", tmp_path / "c")
    wanted = float(differences(tmp_path / "a")["fair", "good", "best_of_n", "4"]["estimate"])
    assert float(differences(tmp_path / "b")["good", "fair", "best_of_n", "4"]["estimate"]) == -wanted
    found = differences(tmp_path / "c")["apart-good", "apart-fair", "best_of_n", "4"]
    assert float(found["estimate"]) == -wanted
    compare(one, write(tmp_path / "again.jsonl", pool("good")), "--out", tmp_path / "d")
    same = differences(tmp_path / "d")["good", "again:good", "best_of_n", "4"]
    assert float(same["estimate"]) == 0 and same["lower"] == "" and same["verdict"] == "inconclusive"


def test_against_one_or_majority(tmp_path):
    file = write(tmp_path / "pool.jsonl", pool("good", "fair"))
    compare(file, "--against", "good", "--out", tmp_path / "a")
    found = differences(tmp_path / "a")
    assert {key[:2] for key in found} == {("fair", "good"), ("good", "majority")}
    compare(file, "--labeler", "good", "--against", "majority", "--out", tmp_path / "b")
    found = differences(tmp_path / "b")
    assert {key[:2] for key in found} == {("good", "majority")}
    # votes of 2 right and 2 wrong solutions tie
    assert float(found["good", "majority", "best_of_n", "4"]["estimate"]) == pytest.approx(0.5)


RATED = [
    {"problem": f"{n}?", "steps": ["a", "b"], "ratings": [1, -1 if n % 2 else 1]}
    | {"step_scores": {"sharp": [0.9, 0.2 if n % 2 else 0.9], "blunt": [0.9, 0.2 if n % 4 else 0.9]}}
    for n in range(16)
]


def test_rated_steps_are_resampled_together(tmp_path, capsys):
    """The difference is that of the two metrics; its interval is that of the resampled differences."""
    file = write(tmp_path / "rated.jsonl", RATED)
    compare(file, "--threshold", "0.5", "--out", tmp_path / "out")
    found = differences(tmp_path / "out")
    scored = read_scored(file)
    rows = step_rows(scored, ["product"], {"sharp": 0.5, "blunt": 0.5})
    held = {(row["labeler"], row["metric"]): row["found"] for row in rows}
    for metric in ("step_auroc", "first_error_f1", "step_f1", "solution_auroc"):
        row = found["blunt", "sharp", metric, ""]
        one, other = held["blunt", metric], held["sharp", metric]
        assert float(row["estimate"]) == pytest.approx(one.estimate - other.estimate)
        ends = np.nanpercentile(one.draws - other.draws, [2.5, 97.5])
        np.testing.assert_allclose([float(row["lower"]), float(row["upper"])], ends, atol=1e-12)
    assert "first error f1" in capsys.readouterr().out
    assert [row for row in difference_rows(rows) if row["metric"] == "calibration"] == []
    assert scored.finals is None and final_rows


def test_runs_are_paired_by_problem_and_seed(tmp_path, capsys):
    """One whose process supervision solves every problem that was left half as often."""
    shutil.copytree(REFERENCE / "supervision-quick", tmp_path / "better")
    table = pq.read_table(tmp_path / "better" / "records.parquet")
    rows = table.to_pylist()
    for row in rows:
        if row["arm"] == "process" and row["metric"] == "best_of_n":
            row["problem_values"] = [one + 0.5 * (1 - one) for one in row["problem_values"]]
            row["value"] = float(np.mean(row["problem_values"]))
    pq.write_table(
        type(table).from_pylist(rows, schema=table.schema), tmp_path / "better" / "records.parquet"
    )
    compare(tmp_path / "better", REFERENCE / "supervision-quick")
    told = capsys.readouterr().out
    lines = [line for line in told.splitlines() if line.startswith("process supervision")]
    assert len(lines) == 3 and all("better" in line and "supervision-quick" in line for line in lines)
    assert all("  +" in line for line in lines) and "above zero" in lines[-1]  # with three seeds, little is
    others = [line for line in told.splitlines() if line.startswith(("PRM-derived", "final-answer"))]
    assert len(others) == 6 and all("+0.0" in line for line in others)


def test_mistakes_are_one_line(tmp_path, capsys):
    file = write(tmp_path / "pool.jsonl", pool("good"))
    apart = write(tmp_path / "prm.json", [{"id": "a", "scores": [1]}])
    others = [row | {"problem_id": "x" + row["problem_id"]} for row in pool("fair")[1:]]
    other = write(tmp_path / "other.jsonl", others)
    for argv, told in (
        ([tmp_path / "none"], "source: found no file"),
        ([file], "source: found scores of good; allowed: of 2 labelers or more"),
        ([file, "--against", "majority", "--scoring", "sum"], "scoring: found 'sum'"),
        ([file, "--against", "x"], "source: found scores of good; allowed: of 2 labelers"),
        ([file, other], "found no scores of it in"),
        ([apart, file], "source: found scores apart from what they score in"),
        ([file, REFERENCE / "supervision-quick"], "source: found the run"),
        ([REFERENCE / "supervision-quick"], "source: found supervision-quick; allowed: two different runs"),
        (
            [REFERENCE / "supervision-quick", REFERENCE / "supervision-small"],
            "source: found 100 problems of facts and 250 problems of facts in supervision-quick and",
        ),
        (
            [REFERENCE / "supervision-small", REFERENCE / "large_scale-small"],
            "source: found no arm and data scale in two runs",
        ),
        ([file, "--out", tmp_path], "out: found"),
    ):
        compare(*argv, code=2)
        said = capsys.readouterr()
        assert told in said.err and said.err.count("\n") == 1 and said.out == ""


def test_no_torch(tmp_path):
    file = write(tmp_path / "pool.jsonl", pool("good", "fair"))
    code = (
        "import sys; from ablations.commands.cli import main; "
        f"assert main(['compare', {str(file)!r}]) == 0; print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"
