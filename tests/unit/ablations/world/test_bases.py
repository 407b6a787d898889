import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from ablations.engine.step import Context, execute
from ablations.steps.base_model import CausalModel
from ablations.steps.draw import ShippedBase
from ablations.world import bases
from ablations.world.bases import Pretraining, read_manifest, shipped_base
from ablations.world.pretraining import pretrain
from ablations.world.text import build_tokenizer
from ablations.world.worlds import WORLDS
from lightning_modules.backbones import load_causal

RECIPE = Pretraining(preset="tiny", updates=30, batch_tokens=600)
SHIPPED = sorted(path.parent for path in bases.SHIPPED.glob("*/*/manifest.json"))


class Killed(Exception):
    pass


def make(out: Path, *, every: int = 10, progress: Callable[[float], None] | None = None) -> dict[str, Any]:
    return pretrain("dropped", RECIPE, out, revision="abc", checkpoint_every=every, progress=progress)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bases") / "dropped" / "tiny"
    make(out)
    return out


@pytest.fixture
def shipped(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped bases that holds dropped/tiny alone."""
    shutil.copytree(base, tmp_path / "shipped" / "dropped" / "tiny")
    monkeypatch.setattr(bases, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "shipped" / "dropped" / "tiny"


def sha256(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_a_killed_pretraining_goes_on_as_if_nothing_had_happened(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny"

    def progress(done: float) -> None:
        if done >= 17 / 30:
            raise Killed

    with pytest.raises(Killed):
        make(out, progress=progress)
    assert not (out / "manifest.json").exists()
    assert len(list(tmp_path.glob("tiny.*.state/last.ckpt"))) == 1
    done: list[float] = []
    manifest = make(out, progress=done.append)
    assert done[0] == pytest.approx(11 / 30), "it did not go on after the state of 10 updates"
    found, expected = load_file(out / "model.safetensors"), load_file(base / "model.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    whole = json.loads((base / "manifest.json").read_text())
    del whole["seconds_of_last_start"], manifest["seconds_of_last_start"]
    assert manifest == whole
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"], "the state was left"


def test_a_run_shorter_than_its_first_state_ends_well(tmp_path: Path) -> None:
    make(tmp_path / "tiny", every=31)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_the_manifest_says_how_the_base_was_made(base: Path) -> None:
    manifest = json.loads((base / "manifest.json").read_text())
    assert manifest["sha256"] == sha256(base)
    assert manifest["command"] == "ablations world pretrain --world dropped --size tiny"
    assert Pretraining(**manifest["recipe"]) == RECIPE
    assert manifest["revision"] == "abc"
    # 29 tokens * 32; a block: 4 * 32*32 attention, 3 * 32*64 feed-forward, 2 * 32 norms; 32: the last norm
    parameters = 29 * 32 + 2 * (4096 + 6144 + 64) + 32
    assert manifest["parameters"] == parameters
    assert manifest["tokens"] == 30 * 600
    assert manifest["compute_flop"] == 6 * parameters * 18000
    # A problem has about as many tokens as two steps, padding takes a little.
    assert 0.5 * 18000 < manifest["tokens_with_target"] < 0.9 * 18000
    # Guessing among 29 tokens costs log 29 = 3.37.
    assert 0.3 < manifest["held_out_loss"] < 3.2


def test_a_base_is_a_transformers_folder(base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    ids = tokenizer("a+8b-5:47\n", return_tensors="pt")["input_ids"]
    assert ids.shape == (1, 10)
    assert load_causal(base)(input_ids=ids).logits.shape == (1, 10, len(tokenizer))


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="world: found 'flat'; allowed: facts, other_facts, dropped"):
        pretrain("flat", RECIPE, tmp_path / "tiny", revision="")
    for wrong in ({"preset": "huge"}, {"updates": 0}, {"mathmix": 0.0}, {"mathmix": 1.0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}.*allowed: "):
            Pretraining(**{**asdict(RECIPE), **wrong})
    assert list(tmp_path.iterdir()) == []


def give(tmp_path: Path, expected: str, *, size: str = "tiny") -> Path:
    out = tmp_path / "out"
    out.mkdir()
    step = ShippedBase(world="dropped", size=size, sha256=expected)
    execute(step, out, Context(root=tmp_path, scratch=tmp_path / "scratch"))
    return CausalModel.read(out).folder


def test_the_step_gives_the_shipped_base(shipped: Path, tmp_path: Path) -> None:
    model = give(tmp_path, read_manifest("dropped", "tiny")["sha256"])
    assert sha256(model) == sha256(shipped)
    assert load_causal(model).config.vocab_size == len(build_tokenizer(WORLDS["dropped"]))


def test_a_damaged_base_is_refused(shipped: Path, tmp_path: Path) -> None:
    expected = read_manifest("dropped", "tiny")["sha256"]
    weights = shipped / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1  # one bit of the last weight
    weights.write_bytes(content)
    with pytest.raises(ValueError, match=f"model.safetensors: found sha256 .*; allowed: {expected}"):
        give(tmp_path, expected)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_not_shipped_is_refused(shipped: Path, tmp_path: Path) -> None:
    assert shipped_base("dropped", "tiny") == shipped
    message = r"base model dropped/large: not shipped; allowed: \['dropped/tiny'\]"
    for call in (shipped_base, read_manifest):
        with pytest.raises(ValueError, match=message):
            call("dropped", "large")
    with pytest.raises(ValueError, match=message):
        give(tmp_path, "", size="large")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("size", ["small", "large"])
def test_every_world_has_its_two_bases(world: str, size: str) -> None:
    assert read_manifest(world, size)["world"] == world


@pytest.mark.parametrize("folder", SHIPPED, ids=[f"{path.parent.name}/{path.name}" for path in SHIPPED])
def test_every_shipped_base_is_whole_and_reads_the_worlds_text(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["sha256"] == sha256(folder)
    assert manifest["world"] == folder.parent.name
    model = load_causal(folder)
    assert manifest["parameters"] == sum(p.numel() for p in model.parameters())
    world, rng = WORLDS[manifest["world"]], np.random.default_rng(0)
    problem = world.draw_problem(rng)
    text = "".join(f"{line}\n" for line in (problem, *world.write_solution(problem, rng))) + "<eos>"
    tokenizer, built = AutoTokenizer.from_pretrained(folder), build_tokenizer(world)
    assert tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"]) == built.convert_ids_to_tokens(
        built(text)["input_ids"]
    )
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (built.pad_token_id, built.eos_token_id)
    assert model.config.vocab_size == len(tokenizer)
