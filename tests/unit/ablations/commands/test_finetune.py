"""`ablations finetune`, link by link, as a user has it."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from paths import SHARED_DATA
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer

from ablations.commands import cli
from ablations.engine.ranks import Devices, RankFailed
from ablations.formats.pool import read_pool
from ablations.formats.questions import normalized
from ablations.labelers.checkpoints import find_checkpoint
from lightning_modules import training
from lightning_modules.backbones import load_causal

DATA = SHARED_DATA / "prm800k"
REAL = pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the PRM800K files in {DATA}")
SUMS = [(a, b) for a in range(2, 8) for b in range(2, 6)]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def text(tmp_path):
    rows = [{"question": f"{a}+{b}?", "answer": f"It is {a + b}."} for a, b in SUMS]
    return write(tmp_path / "text.jsonl", rows)


@pytest.fixture
def pool(tmp_path):
    """Three solutions per problem: right, wrong, right without an end."""
    rows = []
    for a, b in SUMS:
        samples = [
            {
                **{"sample": n, "steps": [f"{a}+{b}={a + b + slip}", f"#{a + b + slip}"]},
                **{"answer": str(a + b + slip), "final_correct": slip == 0 and ends, "finished": ends},
            }
            for n, (slip, ends) in enumerate(((0, True), (1, True), (0, False)))
        ]
        rows.append(
            {"problem_id": f"{a}{b}", "problem": f"{a}+{b}?", "answer": str(a + b), "samples": samples}
        )
    return write(tmp_path / "pool.jsonl", rows)


@pytest.fixture
def labels(tmp_path):
    """A right and a wrong solution a problem, and in one row no label."""
    rows = [
        {"problem": f"{a}+{b}?", "steps": [f"{a}+{b}={a + b + slip}", "So."], "ratings": ratings}
        for a, b in SUMS
        for slip, ratings in ((0, [1, 0]), (1, [-1, None]))
    ]
    return write(tmp_path / "labels.jsonl", [*rows, {"problem": "?", "steps": ["!"], "ratings": [None]}])


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """The store of a test: `runs/store` in the folder that its commands are run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs" / "store"


def finetune(*words, code=0):
    assert cli.main(["finetune", *map(str, words)]) == code


def states(store):
    """The states of trainings that are not finished."""
    return list(store.glob(".scratch/*/last.ckpt"))


def weights(folder):
    return load_file(folder / "model.safetensors")


def facts(folder):
    return json.loads((folder / "finetune.json").read_text())


def language_loss(folder, path):
    """Mean cross-entropy of the tokens of a text file's rows, each read alone."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), load_causal(folder).eval()
    losses = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        ids = tokenizer(f"{row['question']}\n{row['answer']}\n", return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            losses.append(model(input_ids=ids, labels=ids).loss.item())
    return float(np.mean(losses))


@pytest.mark.parametrize("kind", ["qwen2", "llama"])
def test_the_chain(kind, base, text, pool, labels, tmp_path, capsys):
    fast = ("--learning-rate", "3e-3", "--log-format", "json")
    held = write(tmp_path / "held.jsonl", [{"problem": " 2+2? ", "solution": "4"}])
    mathmix = tmp_path / "mathmix"
    finetune(
        *("mathmix", base(kind), "--text", text, "--held-out", held, "--out", mathmix),
        *("--updates", 40, "--batch", 128, *fast),
    )
    said = capsys.readouterr()
    assert f"{mathmix}: mathmix of {base(kind)}" in said.out and "40 updates" in said.out
    assert "left out: 1 of held-out problems (text.jsonl, line 1)" in said.out
    told = [json.loads(line)["event"] for line in said.err.splitlines() if line.startswith("{")]
    assert {"begin", "started", "ended", "close"} <= set(told)
    assert language_loss(mathmix, text) < language_loss(base(kind), text) - 1
    told = facts(mathmix)
    assert told["counts"]["documents"] == len(SUMS) - 1
    assert told["base"]["revision"] == find_checkpoint(str(base(kind))).revision()
    assert told["course"]["updates"] == told["training"]["updates"] == 40
    assert [one["name"] for one in told["files"]["text"]] == ["text.jsonl"]

    generator = tmp_path / "generator"
    finetune(
        *("generator", mathmix, "--pool", pool, "--out", generator, "--batch", 64),
        *("--held-out", held, *fast),
    )
    told = facts(generator)
    assert told["counts"]["solutions"] == told["counts"]["problems"] == len(SUMS) - 1
    assert {why: one["count"] for why, one in told["left_out"].items()} == {
        **{"wrong": len(SUMS) - 1, "unfinished": len(SUMS) - 1},
        **{"of held-out problems": 3},
    }
    assert told["base"]["revision"] == find_checkpoint(str(mathmix)).revision()
    assert told["training"]["updates"] == told["training"]["updates_of_a_pass"] > 1  # one epoch
    assert AutoModelForCausalLM.from_pretrained(generator).config.model_type == kind

    prm = tmp_path / "prm"
    finetune(*("large-prm", mathmix, "--labels", labels, "--out", prm, "--batch", 8, *fast))
    said = capsys.readouterr().out
    assert "left out: 1 without a label (labels.jsonl, solution 49)" in said and "step AUROC" in said
    told = facts(prm)
    counts = told["counts"]
    assert counts["labels"] == 3 * len(SUMS) == counts["labels_learned"] + counts["labels_judged"]
    assert counts["problems_learned"] + counts["problems_held_out"] == len(SUMS)
    assert told["judged"]["labels"] == counts["labels_judged"] == 3 * counts["problems_held_out"] > 0
    assert told["training"]["rows"] == "trie" and told["course"]["epochs"] == 2

    assert (
        cli.main(["label", str(pool), "--labeler", str(prm), "--out", str(tmp_path / "labeled.jsonl")]) == 0
    )
    assert "(reward-model, float32, revision" in capsys.readouterr().out
    labeled = read_pool(tmp_path / "labeled.jsonl", "prm")
    assert len(labeled.solutions) == 3 * len(SUMS) and labeled.labels is not None
    assert not list(tmp_path.glob("runs/store/.scratch/*"))  # nothing is left of what was on the way


@pytest.fixture
def killed(monkeypatch):
    """Ends trainings at an update as Ctrl-C would, until it is told not to."""

    def at(update):
        class Killing(training.Progress):
            def on_train_batch_end(self, trainer, *args):
                if trainer.global_step == update:
                    raise KeyboardInterrupt

        monkeypatch.setattr(training, "Progress", Killing)

    yield at


@pytest.mark.usefixtures("every_state")
@pytest.mark.parametrize("kind", ["mathmix", "generator", "large-prm"])
def test_killed_and_started_again(kind, base, text, pool, labels, killed, store, tmp_path, monkeypatch):
    words = {
        "mathmix": ("mathmix", base("llama"), "--text", text, "--batch", 200),
        "generator": ("generator", base("llama"), "--pool", pool, "--batch", 100, "--epochs", 3),
        "large-prm": ("large-prm", base("llama"), "--labels", labels, "--batch", 8),
    }[kind]
    words = (*words, "--learning-rate", "1e-3", "--checkpoint-every", 2)
    whole, out = tmp_path / "whole", tmp_path / "out"
    finetune(*words, "--store", "other", "--out", whole)
    progress = training.Progress
    killed(5)
    finetune(*words, "--out", out, code=130)
    assert len(states(store)) == 1 and not out.exists()
    monkeypatch.setattr(training, "Progress", progress)
    finetune(*words, "--seed", 1, "--out", tmp_path / "seed")  # other words are another training
    assert len(states(store)) == 1
    shares = []
    monkeypatch.setattr(training, "Progress", lambda report: progress(shares.append))
    finetune(*words, "--out", out)
    updates = facts(whole)["training"]["updates"]
    assert shares == [done / updates for done in range(5, updates + 1)]  # on from the state after the fourth
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out"] and not states(store)
    expected, found = weights(whole), weights(out)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=0, rtol=0, msg=name)
    assert facts(out) == facts(whole)
    again = tmp_path / "again"
    finetune(*words, "--out", again)  # nothing is trained twice
    assert len(shares) == updates - 4 and weights(again).keys() == found.keys()
    before = weights(base("llama"))
    assert any(not torch.equal(before[name], expected[name]) for name in before.keys() & expected.keys())


def test_two_processes_train_what_one_trains(base, labels, tmp_path):
    words = ("large-prm", base("qwen2"), "--labels", labels, "--batch", 8, "--learning-rate", "1e-3")
    one, two = tmp_path / "one", tmp_path / "two"
    finetune(*words, "--out", one)
    finetune(*words, "--devices", 2, "--store", "other", "--out", two)
    assert facts(two)["judged"]["labels"] == facts(one)["judged"]["labels"] > 0
    for name, tensor in weights(one).items():
        torch.testing.assert_close(weights(two)[name], tensor, atol=1e-5, rtol=0, msg=name)


def test_a_process_that_died_is_told_and_the_state_is_kept(
    base, labels, store, tmp_path, monkeypatch, capsys
):
    execute = Devices.execute

    def die(self, step, out, context):
        if not step.spreads:
            return execute(self, step, out, context)
        (context.scratch / "last.ckpt").touch()
        raise RankFailed("rank 1 was ended by SIGKILL")

    monkeypatch.setattr(Devices, "execute", die)
    words = ("large-prm", base("qwen2"), "--labels", labels, "--devices", 2, "--out", tmp_path / "prm")
    finetune(*words, code=1)
    assert "ablations: rank 1 was ended by SIGKILL\nThe same command" in capsys.readouterr().err
    assert len(states(store)) == 1


def test_no_problem_of_a_split_file_is_ever_trained_on(base, labels, tmp_path):
    """As PRM800K's own split is given: rows of MATH."""
    test = write(tmp_path / "test.jsonl", [{"problem": f"{a}+{b}?", "solution": ""} for a, b in SUMS[:5]])
    out = tmp_path / "prm"
    finetune(
        *("large-prm", base("qwen2"), "--labels", labels, "--held-out", test, "--out", out, "--updates", 1)
    )
    told = facts(out)
    assert (told["counts"]["problems_held_out"], told["counts"]["problems_learned"]) == (5, len(SUMS) - 5)
    assert (told["counts"]["labels_judged"], told["judged"]["problems"]) == (15, 5)
    # without the rows of the test problems, the very same is learned, and nothing is judged
    named = {normalized(f"{a}+{b}?") for a, b in SUMS[:5]}
    rows = [json.loads(line) for line in labels.read_text().splitlines()]
    less = write(tmp_path / "less.jsonl", [row for row in rows if normalized(row["problem"]) not in named])
    again = tmp_path / "again"
    finetune(
        *("large-prm", base("qwen2"), "--labels", less, "--held-out", test, "--out", again, "--updates", 1)
    )
    assert facts(again)["judged"] is None
    assert all(torch.equal(weights(again)[name], tensor) for name, tensor in weights(out).items())


def test_a_base_from_scratch(labels, tmp_path):
    """Its tokenizer has not seen what a PRM with the same share and seed is judged on."""
    words = ("scratch", "--text", labels, "--preset", "tiny", "--vocabulary", 300)
    finetune(*words, "--held-out-share", 0.5, "--seed", 3, "--out", tmp_path / "base")
    told = facts(tmp_path / "base")
    assert told["counts"]["tokens"] == len(AutoTokenizer.from_pretrained(tmp_path / "base")) <= 300
    finetune(
        *("large-prm", tmp_path / "base", "--labels", labels, "--held-out-share", 0.5, "--seed", 3),
        *("--updates", 1, "--out", tmp_path / "prm"),
    )
    counts = facts(tmp_path / "prm")["counts"]
    unlabeled = 1  # a text like others; its problem "?" may be on either side
    learned = told["counts"]["texts"] - counts["solutions_learned"]
    assert learned in (0, unlabeled) and counts["solutions_held_out"] > 0


def test_mistakes_are_one_line(base, text, pool, labels, tmp_path, capsys):
    out = tmp_path / "out"

    def mistake(*words, out=out):
        finetune(*words, "--out", out, code=2)
        (line,) = capsys.readouterr().err.splitlines()[-1:]
        assert not out.exists() or out == tmp_path
        return line

    mathmix = ("mathmix", base("qwen2"), "--text", text)
    assert "text: found no file" in mistake("mathmix", base("qwen2"), "--text", tmp_path / "none.jsonl")
    assert "base: found no folder" in mistake("mathmix", tmp_path / "none", "--text", text)
    assert "base: found no config.json" in mistake("mathmix", tmp_path, "--text", text)
    assert "out: found" in mistake(*mathmix, out=tmp_path)
    assert "learning_rate: found 0.0; allowed: above 0" in mistake(*mathmix, "--learning-rate", 0)
    assert "batch: found 0; allowed: 1 or more" in mistake(*mathmix, "--batch", 0)
    assert "precision: found 'half'; allowed: 32-true, bf16" in mistake(*mathmix, "--precision", "half")
    assert "device: found 'tpu'; allowed: cpu, cuda" in mistake(*mathmix, "--device", "tpu")
    assert "max_length: found 257; allowed: at most 256" in mistake(*mathmix, "--max-length", 257)
    assert "checkpoint_every: found 0" in mistake(*mathmix, "--checkpoint-every", 0)
    assert "held_out_share: found 1.0; allowed" in mistake(*mathmix, "--held-out-share", 1)
    assert "most: found 0" in mistake("generator", base("qwen2"), "--pool", pool, "--most", 0)
    assert "vocabulary: found 9" in mistake("scratch", "--text", text, "--vocabulary", 9)
    assert "threshold: found none" in mistake(
        *("large-prm", base("qwen2"), "--labels", scores(tmp_path, [0.5, 0.5]))
    )


@pytest.mark.parametrize("kind", ["mathmix", "generator", "large-prm"])
def test_a_training_that_diverges_leaves_nothing(kind, base, text, pool, labels, tmp_path, capsys):
    words = {
        "mathmix": ("--text", text, "--batch", 100),
        "generator": ("--pool", pool, "--batch", 100),
        "large-prm": ("--labels", labels, "--batch", 8),
    }[kind]
    fast = ("--learning-rate", "1e30", "--checkpoint-every", 1, "--out", tmp_path / "out")
    finetune(kind, base("llama"), *words, *fast, code=2)
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.match(
        r"ablations: learning_rate: found 1e\+30, with which the loss is not finite from update [23] of "
        r"\d+ on"
        r"; allowed: a lower learning rate",
        line,
    )
    assert not list(tmp_path.glob("out*"))


def test_a_base_that_cannot_be_trained_is_refused_at_once(base, text, labels, tmp_path, capsys):
    def changed(name, change):
        shutil.copytree(base("qwen2"), tmp_path / name)
        tokenizer = AutoTokenizer.from_pretrained(tmp_path / name)
        change(tokenizer)
        tokenizer.save_pretrained(tmp_path / name)
        return tmp_path / name

    out = tmp_path / "out"
    more = changed("more", lambda tokenizer: tokenizer.add_tokens(["eggs"]))
    finetune("mathmix", more, "--text", text, "--out", out, code=2)
    said = capsys.readouterr().err
    assert "base: found a tokenizer of " in said and "with no row for " in said and "'eggs'; allowed" in said
    template = "{{ raise_exception('System role not supported') }}"
    mute = changed("mute", lambda tokenizer: setattr(tokenizer, "chat_template", template))
    finetune("large-prm", mute, "--labels", labels, "--out", out, code=2)
    said = capsys.readouterr().err
    assert (
        f"chat_template: found that of {mute}, which rejects the turns user with 'System role not supported'"
        in said
    )
    finetune("mathmix", base("qwen2"), "--text", text, "--device", "cuda", "--out", out, code=2)
    assert "device: found cuda, but no such device; allowed: cpu" in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))


def test_a_batch_script_without_srun_is_told_at_once(base, text, tmp_path, monkeypatch, capsys):
    job = {"NTASKS": 2, "JOB_NAME": "job", "PROCID": 0, "LOCALID": 0, "NODEID": 0, "JOB_ID": 1}
    for name, value in job.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS", raising=False)
    finetune("mathmix", base("qwen2"), "--text", text, "--out", tmp_path / "out", code=2)
    assert "launcher: found SLURM_NTASKS=2, but this process is the only one" in capsys.readouterr().err


def scores(folder, labels):
    row = {"prompt": "1+1?", "completions": [str(n) for n in range(len(labels))], "labels": labels}
    return write(folder / "trl.jsonl", [row])


def test_a_base_must_be_a_language_model(base, labels, tmp_path, capsys):
    prm = tmp_path / "prm"
    finetune("large-prm", base("qwen2"), "--labels", labels, "--updates", 1, "--out", prm)
    capsys.readouterr()
    finetune("large-prm", prm, "--labels", labels, "--out", tmp_path / "again", code=2)
    assert "base: found a Qwen2ForTokenClassification in" in capsys.readouterr().err


def test_a_head_on_a_frozen_layer(base, labels, tmp_path, capsys):
    """Only the head is trained; the states are computed once, for all learning rates."""
    words = ("large-prm", base("qwen2"), "--labels", labels, "--frozen-layer", 1, "--batch", 8)
    for rate in ("0.01", "0.1"):
        out = ("--updates", 20, "--learning-rate", rate, "--out", tmp_path / rate)
        finetune(*words, *out, "--held-out-share", 0.5, "--store", tmp_path / "store")
    assert len(list((tmp_path / "store" / "rated_states").iterdir())) == 1
    assert facts(tmp_path / "0.1")["frozen_layer"] == 1 and facts(tmp_path / "0.1")["judged"] is not None
    slow, fast = (
        AutoModelForTokenClassification.from_pretrained(tmp_path / rate) for rate in ("0.01", "0.1")
    )
    whole = AutoModelForCausalLM.from_pretrained(base("qwen2"))
    assert (slow.config.num_hidden_layers, slow.config.num_labels) == (1, 3)
    for name, weight in slow.model.layers[0].state_dict().items():
        assert torch.equal(weight, whole.model.layers[0].state_dict()[name])
    assert not torch.equal(slow.score.weight, fast.score.weight)
    finetune(*words, "--devices", 2, "--out", tmp_path / "two", code=2)
    assert "frozen_layer: found it with 2 devices; allowed: one" in capsys.readouterr().err
    finetune(*words[:5], 3, "--out", tmp_path / "deep", code=2)
    assert "layers: found 3; allowed: 1 to 2" in capsys.readouterr().err


def test_a_head_needs_a_branch_to_learn_from(base, tmp_path, capsys):
    words = ("large-prm", base("qwen2"), "--labels", scores(tmp_path, [None]), "--frozen-layer", 1)
    finetune(*words, "--out", tmp_path / "out", code=2)
    assert "labels: found none to learn from" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@REAL
def test_a_prm_learns_from_all_real_labels(tmp_path):
    """All 1818 PRM800K solutions, split by problem; a few updates of a tiny model, which say nothing yet."""
    file = DATA / "validation1818_decoded.jsonl"
    finetune(
        *("scratch", "--text", file, "--preset", "tiny", "--vocabulary", 500, "--out", tmp_path / "base")
    )
    finetune(
        *("large-prm", tmp_path / "base", "--labels", file, "--batch", 8, "--updates", 5),
        *("--learning-rate", "1e-3", "--out", tmp_path / "prm"),
    )
    told = facts(tmp_path / "prm")
    counts, auroc = told["counts"], told["judged"]["step_auroc"]
    assert counts["labels"] == 10_801
    assert counts["labels_learned"] + counts["labels_judged"] + counts["labels_cut"] == 10_801
    assert counts["solutions_learned"] + counts["solutions_held_out"] == 1818
    assert counts["problems_learned"] + counts["problems_held_out"] == 216
    assert counts["problems_held_out"] == told["judged"]["problems"] > 10
    assert auroc["lower"] < auroc["estimate"] < auroc["upper"]
    # Of 432 solutions of one problem, which is held out here, 9 are distinct.
    assert told["judged_distinct"]["problems"] == told["judged"]["problems"]
    assert told["judged_distinct"]["labels"] < 0.6 * told["judged"]["labels"]
