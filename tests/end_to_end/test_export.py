"""`ablations export`: a trained model as transformers and its users have it, scoring as it did in the run."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from pool_files import write_pool
from toy_steps import Text
from transformers import AutoModelForTokenClassification, pipeline

from ablations.commands import cli
from ablations.commands.trained import Selection, find_model
from ablations.data.artifacts import Samples
from ablations.data.step_scores import StepScores
from ablations.engine.run import make_here
from ablations.engine.step import Step
from ablations.engine.store import Store
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from ablations.formats.pool import read_pool
from ablations.steps.train_student import TrainStudent
from results.records import read_records


def export(*argv, code=0):
    assert cli.main(["export", *map(str, argv)]) == code


@pytest.fixture(scope="module")
def exported(smoke, tmp_path_factory):
    """Folder of each arm's model at the largest data scale."""
    root = tmp_path_factory.mktemp("exported")
    for arm in ("process", "final_answer"):
        export(smoke.out, root / arm, "--arm", arm, "--data-scale", 2, "--seed", 0, "--license", "mit")
    return root


def cell_of(smoke, arm):
    """Inputs of a cell, and its samples and scores as the run had them."""
    records = read_records(smoke.out / "records.parquet")
    own = records[(records["arm"] == arm) & (records["data_scale"] == 2) & records["cell"].notna()]
    manifest = json.loads((smoke.store / "cell" / own["cell"].iloc[0] / "manifest.json").read_text())
    (samples,), (scores,) = manifest["inputs"]["samples"], manifest["inputs"]["scores"]
    return Samples.read(smoke.store / samples), StepScores.read(smoke.store / scores), own


def blocks(folder):
    return re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("arm", ["process", "final_answer"])
def test_the_code_sample_scores_as_the_run_did(arm, exported, smoke, monkeypatch, capsys):
    monkeypatch.chdir(exported / arm)
    sample: dict = {}
    exec(blocks(exported / arm)[0], sample)
    printed = capsys.readouterr().out
    samples, scores, _ = cell_of(smoke, arm)
    whole = SCORINGS[SCORING_OF[arm]](scores)
    for row, (problem, steps) in enumerate(zip(samples.prompts(), samples.steps(), strict=True)):
        found = sample["scores"](problem.removesuffix("\n"), steps)
        np.testing.assert_allclose(found, scores.prob.row(row)[:, 1], atol=1e-5)
        solution = np.log(found).sum() if arm == "process" else found[-1]
        np.testing.assert_allclose(solution, whole[row], atol=1e-4)
    assert ("steps:" in printed) == (arm == "process") and "solution:" in printed
    assert len(sample["found"]) == len(sample["steps"]) > 3


def test_each_block_runs_as_written(exported):
    """In the model's folder, each for itself, with this project out of reach."""
    code = (
        "import re\n"
        "for block in re.findall(r'```python\\n(.*?)```', open('README.md').read(), re.DOTALL):\n"
        "    exec(block, {})\n"
        "    print('ran')\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=exported / "process",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ran\n") == 2 and "solution: 0." in done.stdout and "positive" in done.stdout


def test_the_pipeline_judges_where_steps_end(exported, monkeypatch, capsys):
    monkeypatch.chdir(exported / "process")
    sample: dict = {}
    exec(blocks(exported / "process")[0], sample)
    capsys.readouterr()
    text = "\n".join([sample["problem"], *sample["steps"]]) + "\n"
    tokens = pipeline("token-classification", model=".")(text)
    right = [t["score"] if t["entity"] == "positive" else 1 - t["score"] for t in tokens if t["word"] == "\n"]
    np.testing.assert_allclose(right[1:], sample["found"], atol=1e-5)  # the first one ends the problem


def test_what_the_folder_holds(exported, smoke):
    model = AutoModelForTokenClassification.from_pretrained(exported / "process")
    assert model.config.id2label == {0: "negative", 1: "positive"} and model.dtype == torch.float32
    text = (exported / "process" / "README.md").read_text()
    head, body = text.removeprefix("---\n").split("\n---\n", 1)
    metadata = yaml.safe_load(head)
    assert metadata["library_name"] == "transformers" and metadata["license"] == "mit"
    assert metadata["pipeline_tag"] == "token-classification" and "process-reward-model" in metadata["tags"]
    _, _, own = cell_of(smoke, "process")
    best = own[own["metric"] == "best_of_n"].set_index("n")["value"]
    step = own[own["metric"] == "step_auroc"]["value"].iloc[0]
    hub = {one.metric_type: one.metric_value for one in ModelCard(text).data.eval_results}
    assert hub["best_of_4"] == round(best[4], 4) and hub["step_auroc"] == round(step, 4)
    row = next(line for line in body.splitlines() if line.startswith("| step AUROC |"))
    assert re.fullmatch(rf"\| step AUROC \| {step:.3f} \[0\.\d+, [01]\.\d+\] \| .*", row)
    row = next(line for line in body.splitlines() if line.startswith("| best-of-4 |"))
    assert row.count("[") == 4 and f"{100 * best[4]:.1f} [" in row  # model, labeler, majority voting, pass@1
    facts = own.iloc[0]
    assert f"`{facts['solutions_hash']}`" in body and "32 (2 per problem, uniform)" in body
    assert "| data set | facts |" in body and "scale smoke" in body and "exceeds | 0.2 |" in body
    assert not re.search(r"[{}]{2}|\| None|\bnan\b", body)
    outcome = (exported / "final_answer" / "README.md").read_text()
    assert "outcome-reward-model" in outcome and "exceeds" not in outcome


def test_label_and_evaluate_take_the_folder(exported, smoke, tmp_path, capsys):
    samples, scores, _ = cell_of(smoke, "process")
    write_pool(tmp_path / "pool.jsonl", samples.problems, samples.solutions)
    words = ["--labeler", str(exported / "process"), "--out", str(tmp_path / "labeled.jsonl")]
    assert cli.main(["label", str(tmp_path / "pool.jsonl"), *words]) == 0
    assert "(reward-model, float32" in capsys.readouterr().out
    labels = read_pool(tmp_path / "labeled.jsonl", "process").labels
    np.testing.assert_allclose(labels.prob.values, scores.prob.values, atol=1e-5)
    assert cli.main(["evaluate", str(exported / "process"), "--on", str(tmp_path / "pool.jsonl")]) == 0
    own = read_records(smoke.out / "records.parquet")
    own = own[(own["arm"] == "process") & (own["data_scale"] == 2) & (own["metric"] == "best_of_n")]
    value = own.set_index("n")["value"][8]
    line = next(
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("process ") and "inconclusive" in line
    )
    assert line.split()[2] == f"{100 * value:.1f}"


def test_by_address_and_by_folder(exported, smoke, tmp_path, capsys):
    text = (exported / "process" / "README.md").read_text()
    address = re.search(r"`(train/\w+)`", text)[1]
    cell = re.search(r"\w+$", str(cell_of(smoke, "process")[2]["cell"].iloc[0]))[0]
    export(address, tmp_path / "a", "--store", smoke.store)
    export(smoke.store / "cell" / cell, tmp_path / "b")
    capsys.readouterr()
    for name in ("a", "b"):
        weights = (tmp_path / name / "model.safetensors").read_bytes()
        assert weights == (exported / "process" / "model.safetensors").read_bytes()
        found = (tmp_path / name / "README.md").read_text()
        assert "None are known: it was exported without its run" in found and "model-index" not in found
        assert "embedded world | facts" in found
        assert blocks(tmp_path / name) == blocks(exported / "process")


@dataclass(frozen=True, kw_only=True, eq=False)
class Train(Step[Text], name="train"):
    seed: int

    def run(self, context):
        return Text("weights")


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell(Step[Text], name="cell"):
    trains: tuple[Step[Text], ...]

    def run(self, context):
        return Text("rows")


def test_of_several_folds_the_one_that_is_asked_for(tmp_path):
    trains = tuple(Train(seed=seed) for seed in range(2))
    cell = Cell(trains=trains)
    make_here(cell, Store(tmp_path))
    for fold, train in enumerate(trains):
        found = find_model(cell.address, Selection(fold=fold), tmp_path)
        assert (found.address, found.folds) == (train.address, 2)
        assert found.config == TrainStudent.defaults() | {"seed": fold}
    for fold in (None, 2, -1):
        with pytest.raises(ValueError, match=r"fold: found (none|2|-1); allowed: 0 to 1, the cell's models"):
            find_model(cell.address, Selection(fold=fold), tmp_path)
    (tmp_path / trains[1].address / "text.txt").write_text("heights")
    with pytest.raises(ValueError, match=r"text.txt has another checksum; allowed: a whole artifact"):
        find_model(cell.address, Selection(fold=1), tmp_path)


def test_mistakes_are_one_line_and_leave_nothing(exported, smoke, tmp_path, capsys, monkeypatch):
    def mistake(*argv):
        export(*argv, code=2)
        said = capsys.readouterr()
        (line,) = said.err.splitlines()
        assert said.out == ""
        return line.removeprefix("ablations: ")

    out = tmp_path / "out"
    assert mistake(smoke.out, out) == "arm: found none; allowed: final_answer, prm_outcome, process"
    assert mistake(smoke.out, out, "--arm", "orm").startswith("arm: found orm; allowed: final_answer")
    scale = ("--arm", "process", "--data-scale")
    assert mistake(smoke.out, out, *scale, 3) == "data_scale: found 3; allowed: 1, 2"
    assert mistake(smoke.out, out, *scale, 2, "--seed", 5) == "seed: found 5; allowed: 0"
    assert mistake(smoke.out, out, *scale, 2, "--fold", 1).startswith("fold: found 1; allowed: 0 to 0")
    assert "acquisition: found best; allowed: uniform" in mistake(
        smoke.out, out, *scale, 2, "--acquisition", "best"
    )
    assert mistake("train/0", out, "--store", smoke.store).startswith(
        "source: found no train/0; allowed: a run's"
    )
    assert "source: found no" in mistake(next(smoke.store.glob("scores/*")), out)
    address = next(smoke.store.glob("train/*"))
    assert "allowed: with a run's out folder" in mistake(address, out, "--seed", 0)
    assert "fold: found 0; allowed: with a run's out folder, or a cell" in mistake(address, out, "--fold", 0)
    assert f"out: found {exported / 'process'}; allowed: a new one" in mistake(address, exported / "process")

    def fails(card):
        raise ValueError("card: found a fault; allowed: none")

    monkeypatch.setattr("results.model_card.model_card", fails)
    assert mistake(address, out) == "card: found a fault; allowed: none"
    assert list(tmp_path.iterdir()) == []
