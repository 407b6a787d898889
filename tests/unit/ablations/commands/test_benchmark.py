"""`ablations benchmark`: pools that never change, and results that anyone can add to."""

import hashlib
import json

import numpy as np
import pytest
from paths import SHARED_DATA

from ablations.commands import cli
from ablations.engine.files import sha256_of
from ablations.evaluation.benchmark import FROZEN, content_sha256
from ablations.formats.pool import read_pool
from results.benchmark import ANY, MAJORITY, read_entries


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_an_embedded_pool_is_made_as_it_was_frozen(tmp_path, capsys):
    out = tmp_path / "facts.jsonl.gz"
    assert cli.main(["benchmark", "make", "facts", "--out", str(out)]) == 0
    assert "200 test problems" in capsys.readouterr().out
    assert content_sha256(out) == FROZEN["facts"].sha256
    pool = read_pool(out, "oracle")
    assert (len(pool.problems), len(pool.solutions)) == (200, 6400)

    assert cli.main(["benchmark", "add", str(out)]) == 0
    entries = {entry.name: entry for entry in read_entries(tmp_path / "benchmark.json")}
    assert set(entries) == {"oracle", MAJORITY, ANY}
    # with one solution there is nothing to choose: all are at pass@1
    right = pool.solutions.final_correct.mean()
    for entry in entries.values():
        assert entry.value_P(1).mean() == pytest.approx(right)
        assert (entry.most, len(entry.value_P(32))) == (32, 200)
    # the oracle is right whenever a solution without a wrong step is there, and nothing exceeds pass@N
    assert np.all(entries["oracle"].value_P(32) <= entries[ANY].value_P(32))
    assert entries["oracle"].value_P(32).mean() > entries[MAJORITY].value_P(32).mean()

    capsys.readouterr()
    assert cli.main(["benchmark", "rank"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("1 ") and "oracle" in line for line in lines)


def test_scores_in_other_files_and_a_content_that_differs(tmp_path, capsys):
    out = tmp_path / "dropped.jsonl"
    assert cli.main(["benchmark", "make", "dropped", "--out", str(out)]) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    scores = [
        {"problem_id": line["problem_id"], "sample": one["sample"], "scores": float(one["final_correct"])}
        for line in lines
        for one in line["samples"]
    ]
    mine = tmp_path / "mine.jsonl"
    mine.write_text("".join(json.dumps(row) + "\n" for row in scores))
    assert cli.main(["benchmark", "add", str(out), "--scores", str(mine), "--labeler", "mine"]) == 0
    entries = {entry.name: entry for entry in read_entries(tmp_path / "benchmark.json")}
    assert set(entries) == {"mine", MAJORITY, ANY}
    # a score that is the verdict chooses a right solution wherever there is one
    assert entries["mine"].value_P(32).tolist() == entries[ANY].value_P(32).tolist()
    assert entries["mine"].scoring == ""
    both = sha256_of(out) + sha256_of(mine)
    assert entries["mine"].scores_sha256 == hashlib.sha256(both.encode()).hexdigest()

    lines[0]["samples"][0]["final_correct"] ^= True
    out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    capsys.readouterr()
    assert cli.main(["benchmark", "add", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        f"{out}: found content" in line
        and "allowed: a pool of the benchmark: facts, dropped, gsm8k_100x32" in line
    )


def test_mistakes_are_one_line(tmp_path, capsys):
    def mistake(*argv):
        assert cli.main(["benchmark", *map(str, argv)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "pool: found 'gsm8k_100x32'; allowed: facts, dropped" in mistake(
        "make", "gsm8k_100x32", "--out", tmp_path / "out.jsonl"
    )
    assert "results: found no file" in mistake("rank", "--results", tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("[]")
    assert "bad.json: found no results" in mistake("rank", "--results", tmp_path / "bad.json")
    assert "scoring: found 'best'" in mistake("add", tmp_path / "pool.jsonl", "--scoring", "best")


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs real data, which are not part of the project")
def test_the_real_pool_is_the_frozen_one(tmp_path, capsys):
    source = SHARED_DATA / "bon_gsm8k" / "gsm8k_100x32.jsonl.gz"
    assert cli.main(["benchmark", "add", str(source), "--labeler", "qwen_prm"]) == 0
    entries = {entry.name: entry for entry in read_entries(tmp_path / "benchmark.json")}
    assert entries["qwen_prm"].value_P(32).mean() == pytest.approx(0.855, abs=5e-4)  # as `evaluate` shows
