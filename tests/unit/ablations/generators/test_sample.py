"""`ablations sample`: a pool of solutions, whatever happens meanwhile."""

import json
import time

import pytest
from processes import forked_command
from safetensors.torch import load_file, save_file

from ablations.commands import cli
from ablations.engine.store import Store
from ablations.formats.pool import read_pool
from ablations.generators.generator import find_generator
from ablations.generators.problem_files import read_problems
from ablations.generators.setup import GeneratorChoice, Sampling
from ablations.generators.transformers_engine import TransformersEngine
from ablations.grading.grader import Grader
from ablations.labelers.checkpoints import find_checkpoint
from ablations.steps import draw_completions
from ablations.steps.draw_completions import DrawCompletions
from lightning_modules.sampling import Completion


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """The store of a test: `runs/store` in the folder that its commands are run in."""
    monkeypatch.chdir(tmp_path)
    return Store(tmp_path / "runs" / "store")


def problems(path, count=4):
    rows = [
        {"question": f"{n} + {n}?", "answer": f"It is {2 * n}.\n#### {2 * n}"} for n in range(1, count + 1)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def words(source, folder, out, *more):
    return ["sample", str(source), "--generator", str(folder), "--out", str(out), *more]


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_pool_is_sampled(checkpoint, tmp_path, capsys):
    source, out, folder = (
        problems(tmp_path / "gsm8k.jsonl"),
        tmp_path / "new" / "pool.jsonl",
        checkpoint("qwen2"),
    )
    more = ("-n", "5", "--max-new-tokens", "30", "--seed", "2", "--stop", "e", "--dtype", "bfloat16")
    assert cli.main(words(source, folder, out, *more)) == 0
    said = capsys.readouterr()
    pool, rows = read_pool(out, None), read(out)
    assert [problem.text for problem in pool.problems] == ["1 + 1?", "2 + 2?", "3 + 3?", "4 + 4?"]
    assert [problem.answer for problem in pool.problems] == ["2", "4", "6", "8"]
    assert len(pool.solutions) == 20 and len({str(row["samples"]) for row in rows}) == 4
    revision = find_checkpoint(str(folder)).revision()
    first, second = said.out.splitlines()[:2]
    assert first == (
        f"{out}: 4 problems, 20 solutions sampled from {folder} (transformers, bfloat16, revision "
        f"{revision[:12]})"
    )
    share = sum(sample["finished"] for row in rows for sample in row["samples"]) / 20
    assert second.startswith(f"finished {share:.1%}, right 0.0% of those graded, ungraded 0; ")
    assert second.endswith(" tokens/s") and "shard 1 of 1" in said.err
    assert {path.name for path in out.parent.iterdir()} == {out.name}  # nothing else is left
    by = rows[0]["sampled_by"]
    assert all(row["sampled_by"] == by for row in rows)
    assert by.pop("template").startswith("<|im_start|>user\n{problem}\n\nSolve the problem step by step")
    assert set(by.pop("end_tokens")) == {"<|im_end|>", "<|endoftext|>"}
    assert by == {
        "generator": str(folder),
        "revision": revision,
        "engine": "transformers",
        "dtype": "bfloat16",
        "chat_template": True,
        "stop": ["e"],
        "stop_after_answer": False,
        "temperature": 1.0,
        "min_p": 0.0,
        "max_new_tokens": 30,
        "seed": 2,
        "device": "cpu",
        "max_batch": 256,
    }


def test_solutions_are_graded(checkpoint, tmp_path, monkeypatch, capsys):
    """Right, wrong, cut off, without an answer, with one that nobody can grade, empty."""
    texts = ["so\n\n#### 2\n", "#### 3", "#### 2", "well", "\\boxed{x}", "\n", "#### 4"]
    ends = [True, True, False, True, True, True, True]

    def draw(self, prompts, wanted, progress):
        progress(1.0)
        done = [("" if p == 1 else texts[number], ends[number] if p == 0 else True) for p, number in wanted]
        return [Completion(text=text, finished=end, tokens=10) for text, end in done]

    def grade(self, pairs, progress=None):
        return [None if answer == "x" else answer == reference for answer, reference in pairs]

    monkeypatch.setattr(TransformersEngine, "draw", draw)
    monkeypatch.setattr(Grader, "grade", grade)
    out = tmp_path / "pool.jsonl"
    argv = words(problems(tmp_path / "p.jsonl", 2), checkpoint("gpt2"), out, "-n", "6", "--temperature", "1")
    assert cli.main(argv) == 0
    (row,) = read(out)
    told = [(s["sample"], s["steps"], s["answer"], s["final_correct"], s["finished"]) for s in row["samples"]]
    assert told == [
        (0, ["so", "#### 2"], "2", True, True),
        (1, ["#### 3"], "3", False, True),
        (2, ["#### 2"], None, False, False),
        (3, ["well"], None, False, True),
        (4, ["\\boxed{x}"], "x", None, True),
        (6, ["#### 4"], "4", False, True),  # 5 had no step
    ]
    assert (row["problem_id"], row["empty"]) == ("problem-0", 1)
    # 7 completions of the first problem, 12 of the second, none of which has a step
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{out}: 1 problems, 6 solutions sampled from ")
    assert said[1].startswith("finished 83.3%, right 20.0% of those graded, ungraded 1; 190 tokens, ")
    assert said[2] == "2 of 6 solutions have no final answer (1 of them unfinished)"
    assert said[3].startswith("warning: 33.3% without a final answer count as not right; look at some, ")
    assert said[3].endswith("(--max-new-tokens)")
    assert said[4] == "completions without a step, in place of which others were drawn: 13"
    assert said[5].startswith("left out: 1 problems, of which too few completions had a step (problem-1)")
    assert read(tmp_path / "pool.jsonl.left_out.jsonl") == [{"problem_id": "problem-1"}]

    texts[:], ends[:] = [""] * 12, [True] * 12
    again = [*argv[:5], str(tmp_path / "none.jsonl"), *argv[6:], "--store", "another"]
    assert cli.main(again) == 2
    assert "generator: found fewer than 6 completions with a step for each of 2" in capsys.readouterr().err
    assert not (tmp_path / "none.jsonl").exists()


def test_interrupted_and_started_again(checkpoint, store, tmp_path, monkeypatch, capsys):
    """In the third of four shards; no shard is sampled again, and the pool is that of one go."""
    monkeypatch.setattr(draw_completions, "SHARD", 6)
    source, draw, drawn = problems(tmp_path / "p.jsonl", 8), TransformersEngine.draw, []
    more = ("-n", "3", "--max-new-tokens", "8")

    def counting(self, prompts, wanted, progress):
        drawn.append(prompts[0].text)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return draw(self, prompts, wanted, progress)

    monkeypatch.setattr(TransformersEngine, "draw", counting)
    out, folder = tmp_path / "pool.jsonl", checkpoint("llama")
    assert cli.main(words(source, folder, out, *more)) == 130
    assert len(store.addresses()) == 2 and not out.exists()
    capsys.readouterr()
    assert cli.main(words(source, folder, out, *more)) == 0
    assert "tasks: 2 to do, 2 done before" in capsys.readouterr().err
    assert len(drawn) == 5 and drawn[2] == drawn[3] and len(set(drawn)) == 4
    assert not list(tmp_path.glob("pool.jsonl.*"))
    whole, again, other = (tmp_path / f"{name}.jsonl" for name in ("whole", "again", "other"))
    assert cli.main(words(source, folder, whole, *more, "--store", "another")) == 0
    assert len(drawn) == 9 and whole.read_bytes() == out.read_bytes()
    assert cli.main(words(source, folder, again, *more)) == 0  # nothing is sampled twice
    assert len(drawn) == 9 and again.read_bytes() == out.read_bytes()
    assert cli.main(words(source, folder, other, *more, "--seed", "1")) == 0  # other settings, other shards
    assert len(drawn) == 13 and other.read_bytes() != out.read_bytes()


def begun(log):
    return log.exists() and '"event": "begin"' in log.read_text()


def made_by(log):
    """Shards that a command made itself, by what it told."""
    told = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        one["label"]
        for one in told
        if one["event"] == "ended" and one["label"].startswith("shard") and one["seconds"] is not None
    ]


def test_two_commands_and_two_devices_share_the_work(checkpoint, store, tmp_path):
    """Three processes in all: no shard is made twice, and the pool is that of one process."""
    source, folder, out = problems(tmp_path / "p.jsonl", 6), checkpoint("llama"), tmp_path / "pool.jsonl"
    more = ("-n", "1024", "--max-new-tokens", "2", "--log-format", "json")  # a problem is a shard
    alone = tmp_path / "alone.jsonl"
    assert cli.main(words(source, folder, alone, *more, "--store", "another")) == 0
    logs, outs = ([tmp_path / f"{name}.{end}" for name in ("one", "two")] for end in ("log", "out"))
    processes = []
    sampling = Sampling(samples=1024, max_new_tokens=2)
    generator = find_generator(GeneratorChoice(checkpoint=str(folder)), sampling, ())
    prompts = generator.prompts(read_problems(source, None))
    *_, last = DrawCompletions.shards(generator.identity, generator.setup_for(prompts), prompts)
    with store.lock(last.key):  # so that none is done before both have begun
        for said, log, devices in zip(outs, logs, ("1", "2"), strict=True):
            argv = words(source, folder, out, *more, "--devices", devices)
            processes.append(forked_command(argv, out=said, log=log))
        while not all(map(begun, logs)):
            assert all(process.is_alive() for process in processes), [log.read_text() for log in logs]
            time.sleep(0.01)
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0], [log.read_text() for log in logs]
    assert sorted(made_by(logs[0]) + made_by(logs[1])) == [f"shard {n} of 6" for n in range(1, 7)]
    assert out.read_bytes() == alone.read_bytes()
    assert sum("written by another command" in one.read_text() for one in outs) == 1
    assert {path.name for path in tmp_path.glob("pool.jsonl*")} == {"pool.jsonl"}


def test_the_prompt_is_shown(checkpoint, tmp_path, capsys):
    source, folder = problems(tmp_path / "p.jsonl"), str(checkpoint("mistral"))
    shots = tmp_path / "shots.jsonl"
    solved = [
        {"question": q, "answer": f"So <<{a}={a}>>{a}.\n#### {a}"} for q, a in (("1 + 1?", 2), ("9?", 9))
    ]
    shots.write_text("".join(json.dumps(row) + "\n" for row in solved))
    argv = ["sample", str(source), "--generator", folder, "--show-prompt"]
    assert cli.main([*argv, "--shots", str(shots), "-k", "1", "--instruction", "Go."]) == 0
    # the first solved problem is to be solved itself
    assert capsys.readouterr().out == ("<s>Go.\n\n9?\nSo 9.\nThe final answer is \\boxed{9}.\n\n1 + 1?\n\n")


def test_mistakes_are_one_line(checkpoint, tmp_path, capsys):
    source, out, folder = problems(tmp_path / "p.jsonl"), tmp_path / "out.jsonl", checkpoint("gpt2")

    def mistake(*more, at=source, to=out, who=folder):
        assert cli.main(words(at, who, to, "-n", "1", *more)) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert not out.exists() and not list(tmp_path.glob("out.jsonl*"))
        return line

    assert "problems: found no file" in mistake(at=tmp_path / "nothing.jsonl")
    assert "out: found" in mistake(to=source)
    assert "engine: found vllm, which is not installed" in mistake("--engine", "vllm", "--device", "cuda")
    assert "device: found cuda, but no such device" in mistake("--device", "cuda")
    assert "chat_template: found 'always'; allowed: auto, never" in mistake("--chat-template", "always")
    assert "dtype: found 'int4'" in mistake("--dtype", "int4")
    assert "k: found --shots or -k without the other" in mistake("-k", "2")
    assert "from: found 'csv'" in mistake("--from", "csv")
    assert "stop: found an empty text" in mistake("--stop", "")
    assert "log_format" in mistake("--log-format", "loud")
    assert "generator: found no config.json" in mistake(who=tmp_path)
    long = tmp_path / "long.jsonl"
    long.write_text(json.dumps({"question": "1 + 1? " * 40, "answer": "x\n#### 2"}))
    assert "problems: found a prompt of" in mistake(at=long)
    assert cli.main(["sample", str(source), "--generator", str(folder), "--out", str(out)]) == 2
    assert "samples: found none; allowed: one, unless --show-prompt" in capsys.readouterr().err


def changed(folder, to, **config):
    """A copy of a checkpoint with other things in its config."""
    to.mkdir()
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    held = json.loads((to / "config.json").read_text()) | config
    (to / "config.json").write_text(json.dumps(held))
    return to


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"auto_map": {"AutoModelForCausalLM": "code.Model"}}, "generator: found remote code (auto_map)"),
        (
            {"architectures": ["LlamaForTokenClassification"]},
            "generator: found a LlamaForTokenClassification",
        ),
    ],
)
def test_checkpoints_that_are_refused(config, said, checkpoint, tmp_path, capsys):
    folder = changed(checkpoint("llama"), tmp_path / "other", **config)
    assert cli.main(words(problems(tmp_path / "p.jsonl"), folder, tmp_path / "out.jsonl", "-n", "1")) == 2
    assert said in capsys.readouterr().err


def test_weights_that_are_missing_are_not_drawn_at_random(checkpoint, tmp_path, capsys):
    folder = changed(checkpoint("llama"), tmp_path / "other")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    out = tmp_path / "out.jsonl"
    argv = words(problems(tmp_path / "p.jsonl"), folder, out, "-n", "1", "--devices", "2")
    assert cli.main(argv) == 2
    assert "found missing model.layers.1.mlp.up_proj.weight" in capsys.readouterr().err
