"""Which checkpoints are taken, and for what; what is refused."""

import json
import shutil

import pytest
import torch

from ablations.labelers.checkpoints import find_checkpoint, short_name
from ablations.labelers.choice import LabelerChoice
from ablations.labelers.families import FAMILIES, family_of
from ablations.labelers.labeler import load_labeler


@pytest.fixture
def copied(checkpoint, tmp_path):
    """A checkpoint's copy, to be changed, with other entries of its config."""

    def copy(kind, name="changed", **config):
        folder = tmp_path / name
        shutil.copytree(checkpoint(kind), folder)
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | config))
        return folder

    return copy


def refusal(folder, **more):
    with pytest.raises(ValueError) as caught:
        load_labeler(LabelerChoice(checkpoint=str(folder), **more))
    return str(caught.value)


@pytest.mark.parametrize("kind", ["rlhflow", "math-shepherd"])
def test_a_language_model_tells_no_family_but_by_its_name(kind, copied):
    told = refusal(copied(kind, "somebody's language model"))
    assert "LlamaForCausalLM" in told or "MistralForCausalLM" in told
    assert told.endswith(", ".join(FAMILIES))
    public = {"rlhflow": "RLHFlow-Llama3.1-8B-PRM", "math-shepherd": "math-shepherd-mistral-7b-prm"}[kind]
    assert family_of(find_checkpoint(str(copied(kind, public)))) == kind


def test_classes_of_other_names_tell_no_family(copied):
    folder = copied("token-classification", id2label={"0": "good", "1": "bad"})
    assert "with the classes good, bad" in refusal(folder)
    assert refusal(folder, family="nonsense") == f"family: found 'nonsense'; allowed: {', '.join(FAMILIES)}"


def test_another_family_than_the_weights_are_of(checkpoint):
    told = refusal(checkpoint("token-classification"), family="qwen-prm")
    assert "found missing score.0.bias, score.0.weight, score.2.bias (4 in all)" in told
    told = refusal(checkpoint("rlhflow"), family="token-classification")
    assert "found missing score.bias, score.weight (2 in all)" in told  # no head is drawn at random


def test_remote_code_is_not_run(copied, monkeypatch):
    folder = copied("token-classification", auto_map={"AutoModelForTokenClassification": "code.Model"})
    (folder / "code.py").write_text("raise SystemExit('it ran')\n")
    assert refusal(folder) == (
        f"labeler: found remote code (auto_map) in the config of {folder}; allowed: a family that needs "
        "no remote code (qwen-prm, skywork, reasoneval), or --trust-remote-code"
    )


def test_native_families_need_no_remote_code(checkpoint):
    folder = checkpoint("qwen-prm")  # its auto_map names files that are not even there
    assert find_checkpoint(str(folder)).remote
    assert load_labeler(LabelerChoice(checkpoint=str(folder))).identity.family == "qwen-prm"


def test_pickled_weights_alone_are_refused(copied):
    folder = copied("token-classification")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    assert refusal(folder).startswith(f"labeler: found weights only as pytorch_model.bin in {folder}; ")


def test_incomplete_checkpoints(copied, tmp_path):
    folder = copied("skywork")
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "found no model-00002-of-00002.safetensors" in refusal(folder)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    assert "found an adapter without its model" in refusal(adapter)
    assert refusal(tmp_path / "nowhere").startswith(f"labeler: found no folder {tmp_path / 'nowhere'}; ")


def test_by_name_on_the_hub(checkpoint, tmp_path, monkeypatch):
    """A hub's cache as huggingface_hub keeps it, and no way to the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    told = refusal("Owner/prm")
    assert told.startswith("labeler: found neither a folder Owner/prm nor such a checkpoint on the hub (")
    commit = "0123456789abcdef0123456789abcdef01234567"
    stored = tmp_path / "models--Owner--prm"
    shutil.copytree(checkpoint("token-classification"), stored / "snapshots" / commit)
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text(commit)
    found = find_checkpoint("Owner/prm")
    assert found.folder == stored / "snapshots" / commit
    assert short_name("Owner/prm@v1") == "prm"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Owner").mkdir()  # then it is a folder that is meant
    assert refusal("Owner/prm").startswith("labeler: found no folder Owner/prm; ")


def test_the_revision_is_of_all_that_decides_the_scores(copied):
    folders = [copied("token-classification", name) for name in "abc"]
    before = [find_checkpoint(str(folder)).revision() for folder in folders]
    assert len(set(before)) == 1
    with (folders[1] / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    (folders[2] / "tokenizer.json").write_text((folders[2] / "tokenizer.json").read_text() + " ")
    after = [find_checkpoint(str(folder)).revision() for folder in folders]
    assert after[0] == before[0] and len(set(after)) == 3


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"device": "tpu"}, "device: found 'tpu'; allowed: cpu, cuda"),
        ({"dtype": "int8"}, "dtype: found 'int8'; allowed: auto, float32, bfloat16, float16"),
        ({"max_length": 0}, "max_length: found 0; allowed: 1 or more"),
        (
            {"max_length": 513},
            "max_length: found 513; allowed: at most 512, the positions that the model",
        ),
    ],
)
def test_options(option, message, checkpoint):
    assert refusal(checkpoint("token-classification"), **option).startswith(message)


def test_half_precision(checkpoint):
    labeler = load_labeler(LabelerChoice(checkpoint=str(checkpoint("skywork")), dtype="bfloat16"))
    assert labeler.identity.dtype == "bfloat16"
    full = load_labeler(LabelerChoice(checkpoint=str(checkpoint("skywork"))))
    assert full.identity.dtype == "float32"
    solutions = [full.encode("a", [f"{n}", "b\nc"], "here") for n in range(5)]
    near, exact = (one.label(solutions).prob.values for one in (labeler, full))
    assert 0 < abs(near - exact).max() < 0.1
    torch.nn.init.constant_(labeler.model.v_head["summary"].bias, torch.nan)
    with pytest.raises(ValueError, match="found probabilities that are not numbers with bfloat16 weights"):
        labeler.label(solutions)
