"""`supervision` on a pool with heads on a frozen trunk: what is computed once, and what the heads are."""

import json
from pathlib import Path

import numpy as np
import pytest
from sums_pool import arguments, write_sums
from tiny_checkpoints import write_checkpoint

from ablations.commands import cli
from ablations.data.artifacts import Samples
from ablations.data.states import States
from ablations.data.step_scores import StepScores
from lightning_modules.encoding import encode_all
from lightning_modules.reward_model import RewardModel
from lightning_modules.scoring import score
from lightning_modules.tokenization import load_tokenizer
from results.records import read_records


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with two layers and two learning rates to choose from."""
    folder = tmp_path_factory.mktemp("frozen")
    write_sums(folder / "sums.jsonl.gz")
    write_checkpoint("qwen2", folder / "tiny")
    assert cli.main(argv("run", folder)) == 0
    return folder


def argv(command: str, folder: Path, loss: str = "last_token", **students: object) -> list[str]:
    of_pool = arguments(command, folder / "sums.jsonl.gz", "sharp", folder, folds=3, max_length=256)
    given = {
        "checkpoint": folder / "tiny",
        "frozen.layers": "[1,2]",
        "outcome_loss": loss,
        "learning_rates": "[0.01,0.03]",
        "max_updates": 20,
        "evaluations": 2,
        **students,
    }
    return [*of_pool, *(f"--settings.students.{name}={value}" for name, value in given.items())]


def test_states_are_computed_once_for_all_folds_and_heads(run):
    (states,) = (run / "store" / "states").iterdir()
    found = States.read(states)
    assert found.layers == (1, 2) and found.width == 32
    assert found.table(2).shape == (found.rows, 32)
    (whole,) = (run / "store" / "pool").iterdir()
    assert len(found.index) == len(Samples.read(whole).solutions)
    assert not (run / "store" / "scratch_base").exists()
    trained = list((run / "store" / "train").glob("*/model/*.safetensors"))
    assert trained and all(path.stat().st_size < 10_000 for path in trained)


def test_layer_and_rate_are_chosen_on_validation_problems(run):
    frame = read_records(run / "out" / "records.parquet")
    assert {"process", "prm_outcome", "final_answer"} <= set(frame["arm"])
    configs = [json.loads(config) for config in frame["config"].unique()]
    chosen = [one for config in configs for one in config.get("chosen", [])]
    assert len(chosen) == 3 * 3  # arms, folds
    for one in chosen:
        assert one["layer"] in (1, 2) and one["learning_rate"] in (0.01, 0.03)
        tried = {(point["learning_rate"], point["layer"]) for point in one["grid"]}
        assert tried == {(rate, layer) for rate in (0.01, 0.03) for layer in (1, 2)}
        best = max(one["grid"], key=lambda point: point["validation"])
        assert (one["learning_rate"], one["layer"]) == (best["learning_rate"], best["layer"])
        assert one["checkpoint"]["chat_template"] is True


@pytest.mark.parametrize("arm", ["process", "final_answer"])
def test_an_exported_model_scores_as_its_head_does(run, tmp_path, arm):
    """As a whole token classifier, on the test problems of its fold."""
    out = tmp_path / "exported"
    words = ["export", str(run / "out"), str(out), "--arm", arm, "--data-scale", "1", "--fold", "0"]
    assert cli.main(words) == 0
    manifest = json.loads((out / "config.json").read_text())
    assert manifest["architectures"] == ["Qwen2ForTokenClassification"]
    store, found = run / "store", 0
    model = RewardModel.from_folder(out).eval()
    tokenizer = load_tokenizer(out)
    for folder in (store / "scores").iterdir():
        inputs = json.loads((folder / "manifest.json").read_text())["inputs"]
        training = json.loads((store / inputs["model"] / "manifest.json").read_text())
        samples = Samples.read(store / inputs["samples"])
        if training["config"]["arm"] != arm:
            continue
        encoded = encode_all(tokenizer, samples.prompts(), samples.steps())
        known, again = StepScores.read(folder), score(model, encoded)
        found += np.allclose(known.prob.values, again.prob, atol=0.02)
    assert found == 1  # of the three folds


def test_again_only_what_is_new_is_computed(run, capsys):
    capsys.readouterr()
    assert cli.main(argv("plan", run, "mean_logit")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all("cached" in line for line in lines if line.startswith(("states of", "train process")))
    assert any("to do" in line for line in lines if line.startswith("train prm_outcome"))


@pytest.mark.parametrize(
    ("students", "message"),
    [
        ({"loss": "every_token"}, "students.outcome_loss: found every_token; allowed with students.frozen: "),
        ({"frozen.layers": "[0]"}, "students.frozen.layers: found [0]; allowed: one or more, ascending"),
        ({"frozen.layers": "[9]"}, "students.frozen.layers: found [9]; allowed: 1 to 2, the layers of "),
        (
            {"frozen.heads": "2"},
            "students.frozen.heads: found 2; allowed: 0, or a divisor of frozen.hidden (0)",
        ),
        ({"frozen.hidden": "-1"}, "students.frozen.hidden: found -1; allowed: 0 or more"),
        ({"lora.rank": "2"}, "students.lora: found one with students.frozen; allowed: one of the two"),
        ({"checkpoint": "null"}, "students.frozen: found one without students.checkpoint; allowed with a "),
    ],
)
def test_mistakes_are_told_in_one_line(run, capsys, students, message):
    assert cli.main(argv("plan", run, **students)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert message in error


def test_in_a_world_each_set_of_samples_has_its_states(tmp_path, capsys):
    words = ["run", "supervision", "--scale=smoke", "--workers=1", f"--store={tmp_path / 'store'}"]
    frozen = ["--settings.students.frozen.layers=[1]", "--settings.students.outcome_loss=mean_logit"]
    frozen += ["--settings.students.frozen.hidden=8", "--settings.students.frozen.heads=2"]
    assert cli.main([*words, *frozen, f"--out={tmp_path / 'out'}"]) == 0
    assert len(list((tmp_path / "store" / "states").iterdir())) == 3
    frame = read_records(tmp_path / "out" / "records.parquet")
    assert {"process", "prm_outcome", "final_answer"} <= set(frame["arm"])
