"""`ablations label`: a pool gets the scores of a checkpoint, whatever happens meanwhile."""

import gzip
import json
import signal
import time

import numpy as np
import pytest
import torch
from processes import forked_command
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from ablations.commands import cli
from ablations.engine.store import Store
from ablations.formats.pool import read_pool
from ablations.labelers.choice import LabelerChoice
from ablations.labelers.labeler import load_labeler

KILL_PROBLEMS, KILL_SAMPLES = 12, 130
"""So many that a shard holds one problem."""


def rows(problems=3, samples=2):
    """Lines of a pool, with what no reader of pools knows of."""
    return [
        {
            "problem_id": f"p{p}",
            "problem": f"What is {p} + 1?",
            "answer": "2",
            "source": "made up",
            "samples": [
                {
                    "sample": i,
                    "steps": [f"{p} + 1 is {i + n}" for n in range(1 + (p + i) % 3)],
                    "answer": str(i),
                    "final_correct": i == p + 1,
                    "step_scores": {"other": [0.5] * (1 + (p + i) % 3)},
                    "note": f"{p}-{i} é",
                }
                for i in range(samples)
            ],
        }
        for p in range(problems)
    ]


def write(path, lines):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.write("\n\n".join(json.dumps(line) for line in lines))
    return path


def read(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def label(source, folder, out, *more):
    return cli.main(["label", str(source), "--labeler", str(folder), "--out", str(out), *more])


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
@pytest.mark.parametrize("kind", ["token-classification", "reasoneval"])
def test_a_pool_gets_scores(suffix, kind, checkpoint, tmp_path, capsys):
    source, out = write(tmp_path / f"pool{suffix}", rows()), tmp_path / "new" / f"out{suffix}"
    assert label(source, checkpoint(kind), out, "--name", "mine") == 0
    said = capsys.readouterr()
    labeler = load_labeler(LabelerChoice(checkpoint=str(checkpoint(kind))))
    revision = labeler.identity.revision[:12]
    assert said.out == (
        f"{out}: 3 problems, 6 solutions, 12 steps labeled by mine ({kind}, float32, revision {revision})\n"
    )
    assert "shard 1 of 1" in said.err
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name]  # nothing else is left
    pool = read_pool(out, "mine")
    assert pool.labelers == ("other", "mine")
    found, told = read(out), rows()
    for line in told:
        line["labelled_by"] = {"mine": labeler.identity.as_dict()}
        encoded = [labeler.encode(line["problem"], one["steps"], "here") for one in line["samples"]]
        scores = labeler.label(encoded).prob
        for i in range(len(encoded)):
            given = found[int(line["problem_id"][1:])]["samples"][i]["step_scores"].pop("mine")
            np.testing.assert_allclose(given, scores.row(i)[:, 1:].sum(axis=1), atol=1e-6)  # neutral is right
    for line in found:
        assert all(sample["step_scores"].keys() == {"other"} for sample in line["samples"])
    assert found == told  # all else is as it was

    # a second labeler beside the first, of the default name
    assert label(out, checkpoint("skywork"), tmp_path / "both.jsonl", "--log-format", "json") == 0
    assert {json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()} >= {"begin", "ended"}
    assert read_pool(tmp_path / "both.jsonl", "skywork").labelers == ("other", "mine", "skywork")
    assert read(tmp_path / "both.jsonl")[2]["labelled_by"].keys() == {"mine", "skywork"}


def test_an_outcome_reward_model_scores_solutions(checkpoint, tmp_path, capsys):
    """Its scores are the logits that transformers' class gives; the file can be evaluated."""
    folder, out = checkpoint("sequence-classification"), tmp_path / "out.jsonl"
    assert label(write(tmp_path / "pool.jsonl", rows()), folder, out, "--name", "orm") == 0
    assert (
        f"{out}: 3 problems, 6 solutions labeled by orm (sequence-classification" in capsys.readouterr().out
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for line in read(out):
        assert list(line["labelled_by"]) == ["orm"]
        for sample in line["samples"]:
            assert list(sample["step_scores"]) == ["other"]
            text = line["problem"] + "\n" + "\n".join(sample["steps"])
            ids = [tokenizer.bos_token_id, *tokenizer(text)["input_ids"]]
            with torch.no_grad():
                wanted = float(model(torch.tensor([ids])).logits)
            assert sample["solution_scores"] == {"orm": pytest.approx(wanted, abs=1e-5)}
    assert cli.main(["evaluate", str(out), "--labeler", "orm"]) == 0
    assert "as given" in capsys.readouterr().out
    assert label(out, folder, tmp_path / "again.jsonl", "--name", "orm") == 2
    assert "name: found 'orm', whose scores" in capsys.readouterr().err


def test_what_does_not_fit_is_left_out_and_named(checkpoint, tmp_path, capsys):
    lines = rows()
    lines[1]["samples"][1]["steps"][0] = "3 + 4 " * 100
    source, out = write(tmp_path / "pool.jsonl", lines), tmp_path / "out.jsonl"
    assert label(source, checkpoint("qwen-prm"), out) == 0
    said = capsys.readouterr().out
    assert "3 problems, 5 solutions" in said
    assert (
        "left out: 1 of 6 solutions, which are longer than 512 tokens (p1 sample 1), and 0 problems that no "
        "other solution solves; all are in" in said
    )
    (named,) = read(tmp_path / "out.jsonl.left_out.jsonl")
    assert (named["problem_id"], named["sample"]) == ("p1", 1) and named["tokens"] > 512
    found = [(line["problem_id"], [one["sample"] for one in line["samples"]]) for line in read(out)]
    assert found == [("p0", [0, 1]), ("p1", [0]), ("p2", [0, 1])]
    # the others have the scores that they have alone
    labeler = load_labeler(LabelerChoice(checkpoint=str(checkpoint("qwen-prm"))))
    for line in read(out):
        for one in line["samples"]:
            alone = labeler.label([labeler.encode(line["problem"], one["steps"], "here")]).prob.values[:, 1]
            np.testing.assert_allclose(one["step_scores"]["qwen-prm"], alone, atol=1e-5)
    assert label(source, checkpoint("qwen-prm"), tmp_path / "none.jsonl", "--max-length", "20") == 2
    assert "max_length: found 6 solutions longer than 20 tokens" in capsys.readouterr().err


def test_a_problem_whose_solutions_all_are_too_long_is_left_out(checkpoint, tmp_path, capsys):
    lines = rows()
    for sample in lines[0]["samples"]:
        sample["steps"][0] = "3 + 4 " * 100
    source, out = write(tmp_path / "pool.jsonl", lines), tmp_path / "out.jsonl"
    assert label(source, checkpoint("qwen-prm"), out) == 0
    said = capsys.readouterr().out
    assert "2 problems, 4 solutions" in said and "(p0 sample 0, p0 sample 1), and 1 problems that no" in said
    assert [line["problem_id"] for line in read(out)] == ["p1", "p2"]


def test_a_mistake_leaves_nothing_behind(checkpoint, tmp_path, capsys):
    """So that the corrected command may have the same out."""
    source, out = write(tmp_path / "pool.jsonl", rows()), tmp_path / "out.jsonl"
    folder = checkpoint("token-classification")
    before = sorted(tmp_path.iterdir())
    assert label(source, folder, out, "--separator", "") == 2
    assert "separator: found an empty text; allowed: one character or more" in capsys.readouterr().err
    assert label(source, folder, out, "--max-length", "2") == 2
    assert sorted(tmp_path.iterdir()) == before
    assert label(source, folder, out) == 0


def test_a_separator_as_a_shell_passes_it(checkpoint, tmp_path):
    source, folder = write(tmp_path / "pool.jsonl", rows(1, 1)), checkpoint("token-classification")
    outs = {typed: tmp_path / f"{n}.jsonl" for n, typed in enumerate(("\\n\\n", "\n\n"))}
    for typed, out in outs.items():
        assert label(source, folder, out, "--separator", typed, "--name", "it") == 0
    typed, meant = (read(out) for out in outs.values())
    assert typed == meant and typed[0]["labelled_by"]["it"]["separator"] == "\n\n"


def test_a_solution_that_cannot_be_placed_is_named_before_any_is_scored(checkpoint, tmp_path, capsys):
    lines = rows()
    lines[2]["samples"][1]["steps"][0] = "so <extra_0>"
    source, out = write(tmp_path / "pool.jsonl", lines), tmp_path / "out.jsonl"
    assert label(source, checkpoint("qwen-prm"), out) == 2
    assert capsys.readouterr().err.startswith("ablations: problem p2, sample 1: found 2 separators for 1 ")
    assert not out.exists() and not Store("runs/store").addresses()


def test_mistakes_are_one_line(checkpoint, tmp_path, capsys):
    source, out = write(tmp_path / "pool.jsonl", rows()), tmp_path / "out.jsonl"
    folder = checkpoint("token-classification")

    def mistake(*more, at=source, to=out):
        assert label(at, folder, to, *more) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "solutions: found no file" in mistake(at=tmp_path / "nothing.jsonl")
    assert "name: found 'other', whose scores" in mistake("--name", "other")
    assert "out: found" in mistake(to=source)
    assert "family: found 'prm'; allowed: token-classification, qwen-prm," in mistake("--family", "prm")
    assert "max_tokens: found 0" in mistake("--max-tokens", "0")
    assert "log_format" in mistake("--log-format", "loud")
    assert cli.main(["label", str(source), "--out", str(out)]) == 2
    assert "labeler" in capsys.readouterr().err


def test_killed_and_started_again(checkpoint, tmp_path, capsys):
    source = write(tmp_path / "pool.jsonl", rows(KILL_PROBLEMS, KILL_SAMPLES))
    folder, out = checkpoint("rlhflow"), tmp_path / "out.jsonl.gz"
    words = ["label", str(source), "--labeler", str(folder), "--family", "rlhflow", "--out", str(out)]
    store, log = Store("runs/store"), tmp_path / "log"
    process = forked_command(words, out=tmp_path / "said", log=log)
    while process.is_alive() and len(store.addresses()) < 2:
        time.sleep(0.001)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert log.read_text().startswith(f"tasks: {KILL_PROBLEMS} to do, 0 done before\n")  # nothing before it
    finished = store.addresses()
    assert 2 <= len(finished) < KILL_PROBLEMS and not out.exists()

    assert cli.main(words) == 0
    said = capsys.readouterr()
    assert f"tasks: {KILL_PROBLEMS - len(finished)} to do, {len(finished)} done before" in said.err
    whole, other = tmp_path / "whole.jsonl.gz", tmp_path / "other.jsonl.gz"
    assert cli.main([*words[:-1], str(whole), "--store", "another"]) == 0
    assert whole.read_bytes() == out.read_bytes()
    assert label(source, checkpoint("skywork"), other) == 0  # another labeler does not go on from these
    assert "0 done before" in capsys.readouterr().err
    found = read(out)
    assert [line["problem_id"] for line in found] == [f"p{p}" for p in range(KILL_PROBLEMS)]
    assert {len(line["samples"]) for line in found} == {KILL_SAMPLES}


def test_two_commands_share_the_work(checkpoint, tmp_path):
    """No shard is made twice, and the pool is that of one command."""
    source, folder = write(tmp_path / "pool.jsonl", rows(6, KILL_SAMPLES)), checkpoint("rlhflow")
    alone, out = tmp_path / "alone.jsonl", tmp_path / "out.jsonl"
    assert label(source, folder, alone, "--family=rlhflow", "--store=another") == 0
    argv = ["label", source, "--labeler", folder, "--family=rlhflow", "--log-format=json", "--out", out]
    logs, outs = ([tmp_path / f"{name}.{end}" for name in ("one", "two")] for end in ("log", "out"))
    (last,) = Store("another").addresses()[-1:]
    store = Store("runs/store")
    with store.lock(last.rpartition("/")[2]):  # so that none is done before both have begun
        processes = [forked_command(argv, out=one, log=log) for one, log in zip(outs, logs, strict=True)]
        while not all(log.is_file() and '"started"' in log.read_text() for log in logs):
            assert all(process.is_alive() for process in processes), [log.read_text() for log in logs]
            time.sleep(0.01)
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0], [log.read_text() for log in logs]
    said = [one.read_text() for one in outs]
    assert out.read_bytes() == alone.read_bytes()
    assert sum("written by another command, which shared the work" in words for words in said) == 1
    assert {path.name for path in tmp_path.glob("out.jsonl*")} == {"out.jsonl"}
