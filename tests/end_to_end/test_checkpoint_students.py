"""`supervision` on a pool with a checkpoint as the student: from the command line to figure and report."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sums_pool import SAMPLES, arguments, write_sums
from tiny_checkpoints import write_checkpoint
from transformers import AutoModelForTokenClassification, AutoTokenizer

from ablations.commands import cli
from ablations.data.artifacts import Samples
from ablations.data.step_scores import StepScores
from results.records import read_records


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sums(tmp_path_factory.mktemp("pools") / "sums.jsonl.gz")


@pytest.fixture(scope="module")
def qwen2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint("qwen2", tmp_path_factory.mktemp("checkpoints") / "tiny-qwen2")


def argv(command: str, pool: Path, checkpoint: object, folder: Path, **students: object) -> list[str]:
    """At one learning rate, on three folds, for whole texts in the tokens of the checkpoint."""
    given = [f"--settings.students.{name}={value}" for name, value in students.items()]
    of_pool = arguments(command, pool, "sharp", folder, folds=3, max_length=256)
    return [*of_pool, f"--settings.students.checkpoint={checkpoint}", "--settings.arms=[process]", *given]


def test_a_checkpoint_is_finetuned(pool, qwen2, tmp_path, capsys):
    assert cli.main(argv("run", pool, qwen2, tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "process supervision" in printed
    frame = read_records(tmp_path / "out" / "records.parquet")
    rows = frame[(frame["arm"] == "process") & (frame["metric"] == "best_of_n")]
    assert set(rows["n"]) == {1, 2, 4, SAMPLES}
    (chosen, *_) = json.loads(rows["config"].iloc[0])["chosen"]
    assert chosen["checkpoint"]["name"] == str(qwen2) and chosen["checkpoint"]["chat_template"] is True
    assert chosen["cut_steps"] == 0 and "untaught" not in chosen
    report = (tmp_path / "out" / "report.html").read_text()
    assert "students are finetuned" in report and "trained from scratch" not in report
    assert f"The students start from the checkpoint {qwen2} (qwen2, revision " in report
    assert "read problems through its chat template." in report
    assert list((tmp_path / "out" / "figures").glob("*.png"))
    store = tmp_path / "store"
    (base,) = (store / "checkpoint").iterdir()  # one for all folds, and no weights in it
    assert {path.name for path in base.iterdir()} == {"checkpoint.json", "manifest.json"}
    assert not (store / "scratch_base").exists()

    # the report is made again where the checkpoint is not
    config = (tmp_path / "out" / "run.yaml").read_text()
    (tmp_path / "out" / "run.yaml").write_text(config.replace(str(qwen2), "/nowhere/qwen2"))
    assert cli.main(["report", str(tmp_path / "out")]) == 0
    capsys.readouterr()


def score_exported(folder: Path, text: str) -> np.ndarray:
    """Probabilities of the classes at every token, as whoever has the folder gets them."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return model(**tokenizer(text, return_tensors="pt")).logits[0].float().softmax(-1).numpy()


def test_adapters_of_a_checkpoint(pool, qwen2, tmp_path, capsys):
    """In bfloat16, an update in two batches, gradients recomputed, problems read as plain text."""
    more = {"chat_template": "never", "dtype": "bfloat16", "accumulate": 2, "gradient_checkpointing": "true"}
    lora = {"lora": '{"rank": 2, "targets": ["q_proj", "v_proj"]}'}
    assert cli.main(argv("run", pool, qwen2, tmp_path, **more, **lora)) == 0
    capsys.readouterr()
    report = (tmp_path / "out" / "report.html").read_text()
    assert "as plain text. Only adapters of rank 2 and the head are trained." in report
    (train, *_) = (tmp_path / "store" / "train").iterdir()
    names = {path.name for path in (train / "model").iterdir()}
    assert "adapter_model.safetensors" in names and "model.safetensors" not in names

    # taken out, they are in the weights, and plain transformers scores as the run did
    words = ["export", f"train/{train.name}", str(tmp_path / "model"), f"--store={tmp_path / 'store'}"]
    assert cli.main(words) == 0
    capsys.readouterr()
    card = (tmp_path / "model" / "README.md").read_text()
    assert "of rank 2, added to the weights" in card and str(qwen2) in card
    assert not (tmp_path / "model" / "adapter_config.json").exists()
    (scored, *_) = (
        path.parent
        for path in (tmp_path / "store" / "scores").glob("*/manifest.json")
        if f"train/{train.name}" in json.loads(path.read_text())["inputs"].get("model", "")
    )
    samples = json.loads((scored / "manifest.json").read_text())["inputs"]["samples"]
    read = Samples.read(tmp_path / "store" / samples)
    stored = StepScores.read(scored).prob
    found = score_exported(tmp_path / "model", read.prompts()[0] + "".join(f"{s}\n" for s in read.steps()[0]))
    assert found[-1] == pytest.approx(stored.row(0)[-1], abs=2e-2)  # of the last step; bfloat16


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--settings.students.checkpoint={tmp_path}/absent"], "students.checkpoint: found no folder"),
        (
            ["--settings.source.max_length=1024"],
            "source.max_length: found 1024; allowed: up to 512",
        ),
        (["--settings.students.lora.rank=0"], "students.lora.rank: found 0; allowed: 1 or more"),
        (["--settings.students.chat_template=always"], "chat_template"),
    ],
)
def test_mistakes_are_told_in_one_line(pool, qwen2, tmp_path, capsys, flags, message):
    given = [flag.format(tmp_path=tmp_path) for flag in flags]
    assert cli.main([*argv("run", pool, qwen2, tmp_path), *given]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and message in said
    assert not (tmp_path / "store").exists()
