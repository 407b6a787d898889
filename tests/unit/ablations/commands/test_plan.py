"""`plan` with devices or backbones: what it prints, computed from the experiments' own tasks."""

import json

import pytest
from defaults import settings_of
from transformers import LlamaConfig

from ablations.commands import cli
from ablations.engine.store import Store
from ablations.experiments import EXPERIMENTS

PLAN = ["plan", "supervision", "--scale=smoke"]


@pytest.fixture
def plan(tmp_path, capsys):
    """Runs it with an empty store; returns lines."""

    def run(*flags, experiment="supervision", scale="smoke"):
        argv = ["plan", experiment, f"--scale={scale}", f"--store={tmp_path / 'store'}", *flags]
        assert cli.main(argv) == 0
        return capsys.readouterr().out.splitlines()

    return run


def row(lines, what):
    """Cells of a row, without its name."""
    (found,) = [line for line in lines if line.startswith(f"{what}  ")]
    return found.removeprefix(what).split()


def test_tokens_of_scale_smoke_by_hand(plan):
    lines = plan("--world=dropped", "--devices", "1", "8")
    assert lines[0].startswith("H100 SXM in bfloat16: 989 TFLOP/s, of which 0.4 are reached in training")
    assert "students and selectors: small, 203,136 parameters, 4 layers" in lines
    assert "labeler and other large models: large, 1,865,280 parameters, 6 layers" in lines
    (header,) = [line for line in lines if line.startswith("work ")]
    assert header.split()[1:4] == ["tasks", "tokens", "FLOP"] and header.endswith("hours on 1  hours on 8")
    # at most all few-shot solutions are learned from, 2 each to 16 training problems
    assert row(lines, "finetuning of the generator")[:2] == ["1", f"{32 * 70:,}"]
    # these problems behind two shots of 33; then 16 training, 8 test, 6 validation and 12 of the labeler's
    # problems; 2, 8, 4 and 2 solutions each
    sampled = 16 * 83 + 32 * 54 + 42 * 17 + (32 + 64 + 24 + 24) * 54
    assert row(lines, "sampling")[:2] == ["5", f"{sampled:,}"]
    # one pass over 24 solutions, each up to its first error
    assert row(lines, "training of large PRMs")[:2] == ["1", f"{24 * 49:,}"]
    # 2 solutions share so much that they are as 2 to the power of 0.77, 1.705; 8 are as 4.959
    shared = round(16 * 1.7053 * 70), round(8 * 4.9588 * 70)
    assert row(lines, "labeling and scoring by large models")[:2] == ["2", f"{sum(shared):,}"]
    assert row(lines, "scoring by students")[:2] == ["6", f"{6 * shared[1]:,}"]
    # 4 updates are 4 passes over 16 or 32 solutions; two arms of three learn all tokens; twice 6 validation
    # problems are read, of 4 solutions each, which are as 2.908
    learned = 4 * (16 + 32) * (49 + 70 + 70)
    assert row(lines, "training of students")[:2] == ["6", f"{learned + 6 * round(2 * 6 * 2.9079 * 70):,}"]
    tasks = len(EXPERIMENTS["supervision"].plan(settings_of("supervision", "smoke", "dropped")).tasks)
    assert row(lines, "in total")[0] == str(tasks)
    assert lines[-1].startswith(f"{tasks} tasks, 0 cached, {tasks} to do: ")
    assert not any(line.startswith("timed before") for line in lines)


def test_numbers_of_devices_may_be_given_again_and_have_a_default(plan):
    (header,) = [line for line in plan("--devices=2", "--devices", "4", "6") if line.startswith("work ")]
    assert header.endswith("hours on 2  hours on 4  hours on 6")
    (header,) = [line for line in plan("--device-kind=a100") if line.startswith("work ")]
    assert header.endswith("hours on 1  hours on 8  hours on 64")


def test_the_paper_s_grid_with_other_backbones(plan, tmp_path):
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    LlamaConfig(vocab_size=5, num_key_value_heads=2, tie_word_embeddings=True, **sizes).save_pretrained(
        tmp_path / "own"
    )
    flags = (
        "--world=dropped",
        "--devices=1",
        "--peak-tflops=0.001",
        "--utilization=0.5",
        "--sampling-utilization=0.1",
    )
    lines = plan(*flags, f"--backbone={tmp_path / 'own'}", "--large-backbone=small", scale="paper")
    assert "students and selectors: own, 20,800 parameters, 2 layers" in lines
    assert "generator: small, 203,136 parameters, 4 layers" in lines
    # 2 passes over 16 solutions to each of 12,000 problems, each 70 x 0.7 tokens in rows of 115
    tokens = 2 * 16 * 12_000 * 49
    flop = tokens * (6 * 201_280 + 12 * 4 * 64 * 115)
    tasks, *found = row(lines, "training of large PRMs")
    assert found == [f"{tokens:,}", f"{flop:.2e}", f"{flop / (0.5 * 1e9) / 3600:.1f}"]
    # three learning rates tried, and three seeds: 3 arms x 8 scales x 6
    assert row(lines, "training of students")[0] == "144"
    first = lines.index(next(line for line in lines if line.startswith("longest path")))
    path = ("few-shot solutions", "generator", "sample 1000 solutions of problems train")
    for label, line in zip(path, lines[first + 1 :], strict=False):
        assert line.endswith(f"  {label}")
    assert any("do not fill a GPU" in line for line in lines)


def test_every_task_that_runs_a_model_says_so():
    """By the steps: those that load a backbone have work, in every experiment, and no others have."""
    running = {"generator", "samples", "rollouts", "large_prm", "train", "scores", "opinion", "mathmix"}
    for experiment in EXPERIMENTS.values():
        for task in experiment.plan(experiment.settings("paper", None, None, None)).tasks:
            assert bool(task.work) == (task.name in running), task.label
            assert all(work.tokens > 0 and work.context > 0 for work in task.work)


def test_large_orms_and_selectors_are_told_apart(plan):
    lines = plan("--devices=1", experiment="large_scale")
    assert row(lines, "training of large ORMs")[0] == "1"
    assert not any(line.startswith(("training of students", "students and selectors")) for line in lines)
    lines = plan("--devices=1", experiment="active_learning")
    assert int(row(lines, "opinions of selectors")[0]) > 0


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--devices=0", "devices: found 0; allowed: 1 or more"),
        ("--device-kind=tpu", "device_kind: found 'tpu'; allowed: h100, h200, a100, cpu"),
        ("--utilization=2", "utilization: found 2; allowed: above 0, to 1"),
        (
            "--backbone=nope/nope",
            "backbone: found 'nope/nope'; allowed: tiny, small, small_qwen2, large, shallow, shallow_large",
        ),
        (
            "--large-backbone=nope/nope",
            "backbone: found 'nope/nope'; allowed: tiny, small, small_qwen2, large, shallow, shallow_large",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, capsys, flag, message):
    assert cli.main([*PLAN, f"--store={tmp_path}", flag]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"ablations: {message}")


def test_run_does_not_take_the_flags_of_plan(capsys):
    assert cli.main(["run", "supervision", "--scale=smoke", "--device-kind=cpu"]) == 2
    assert "--device-kind" in capsys.readouterr().err


def test_the_devices_of_a_run_ask_plan_for_nothing(tmp_path, capsys):
    """A run's configuration says on how many devices it computes one model."""
    (tmp_path / "run.yaml").write_text("devices: 2\nnodes: 1\nstrategy: ddp\nlogger: none\nworkers: 1\n")
    assert cli.main([*PLAN, f"--config={tmp_path / 'run.yaml'}", f"--store={tmp_path / 'store'}"]) == 0
    said = capsys.readouterr().out
    assert "hours on" not in said and "with 1 worker" in said


def test_what_was_timed_stands_beside_what_is_predicted(plan, tmp_path):
    supervision = EXPERIMENTS["supervision"]
    tasks = supervision.plan(settings_of("supervision", "smoke", "dropped")).tasks
    (tmp_path / "store" / "timings").mkdir(parents=True)

    def timed(task, seconds):
        content = {"step": task.name, "weight": 1.0, "seconds": seconds, "resumed": False}
        content |= {"device": "cpu x86_64", "finished": "2026-01-01"}
        (tmp_path / "store" / "timings" / f"{task.key}.json").write_text(json.dumps(content))

    labeler = next(task for task in tasks if task.name == "large_prm")
    # 24 x 49 tokens in rows of 115 at 1e9 FLOP/s, half of it reached
    predicted = 24 * 49 * (6 * 1_860_640 + 12 * 6 * 160 * 115) / 0.5e9
    flags = ("--world=dropped", "--device-kind=cpu", "--peak-tflops=0.001", "--utilization=0.5")
    timed(labeler, 1.5 * predicted)
    lines = plan(*flags)
    start = next(i for i, line in enumerate(lines) if line.startswith("timed before"))
    assert lines[start + 1].split()[-1] == lines[start + 2].split()[-1] == "yes"
    assert lines[start + 1].split()[-2] == "1.50"
    assert lines[start + 3] == "To agree is to be within a factor of 2: all do."
    timed(labeler, 2.5 * predicted)
    lines = plan(*flags)
    assert lines[start + 3].endswith("not so: training of large PRMs, in total.")
    # Measured with other backbones, or elsewhere, it says nothing.
    for others in (("--backbone=large", *flags), ("--devices=1",)):
        assert not any(line.startswith("timed before") for line in plan(*others))
    assert not Store(tmp_path / "store").addresses()
