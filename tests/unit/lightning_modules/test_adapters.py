from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_checkpoints import write_checkpoint
from transformers import AutoModelForTokenClassification

from lightning_modules.adapters import add_adapters, linear_layers
from lightning_modules.backbones import load_classifier
from lightning_modules.encoding import encode_all
from lightning_modules.reward_data import RewardData, RewardDataset
from lightning_modules.reward_model import RewardModel
from lightning_modules.row_choice import choose_rows
from lightning_modules.scoring import score
from lightning_modules.sharding import gather_weights, shard
from lightning_modules.tokenization import load_tokenizer
from lightning_modules.training import fit

STEPS = [["12 + 30 = 42", "The answer is 42"], ["12 + 30 = 43", "The answer is 43"], ["12 + 30 = 42"]]
LAYERS = {
    "qwen2": ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
    "gpt2": ["c_attn", "c_fc", "c_proj"],  # layers that hold their weights the other way round
    "gpt-neox": ["dense", "dense_4h_to_h", "dense_h_to_4h", "query_key_value"],
}


@pytest.fixture(scope="module", params=list(LAYERS))
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    name = request.param
    return name, write_checkpoint(name, tmp_path_factory.mktemp("checkpoints") / name)


def adapted(folder: Path, dtype: str = "float32", dropout: float = 0.0, **more: object) -> RewardModel:
    plain = load_classifier(folder, num_labels=2, seed=0, dtype=dtype)  # type: ignore[arg-type]
    lora = {"rank": 3, "alpha": 6.0, "targets": None, "dropout": dropout, "seed": 1} | more
    return RewardModel(add_adapters(plain, **lora), learning_rate=1e-2, total_updates=6)  # type: ignore[arg-type]


def data_of(folder: Path, model: RewardModel) -> tuple[RewardData, list]:
    encoded = encode_all(load_tokenizer(folder), ["Ann has 12 eggs, buys 30.\n"] * 3, STEPS)
    data = RewardDataset.from_encoded(
        encoded, step_targets=[[1, 1], [0, 0], [1]], rows=choose_rows(model.backbone)
    )
    return RewardData(data, batch_size=3), encoded


def test_adapters_and_head_alone_are_trained_and_kept(family: tuple[str, Path], tmp_path: Path) -> None:
    name, folder = family
    model = adapted(folder)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    data, encoded = data_of(folder, model)
    fresh = score(RewardModel(load_classifier(folder, num_labels=2, seed=0)), encoded)
    assert np.array_equal(score(model, encoded).prob, fresh.prob)  # at first they add nothing
    fit(model, data, updates=6)
    moved = {key for key, tensor in model.state_dict().items() if not torch.equal(before[key], tensor)}
    assert moved and all(".lora_" in key or ".modules_to_save." in key for key in moved)
    for layer in LAYERS[name]:
        assert any(f".{layer}.lora_B." in key for key in moved)

    found = score(model, encoded)
    assert np.abs(found.prob - fresh.prob).max() > 0.01
    model.export(tmp_path, load_tokenizer(folder), gather_weights(model))
    weights = {path.name: path.stat().st_size for path in tmp_path.glob("*.safetensors")}
    assert list(weights) == ["adapter_model.safetensors"]
    assert not list(tmp_path.glob("*.md"))

    again = RewardModel.from_folder(tmp_path, base=folder)
    assert np.array_equal(score(again, encoded).prob, found.prob)
    assert {n for n, p in again.named_parameters() if p.requires_grad} == {
        n for n, p in model.named_parameters() if p.requires_grad
    }
    with pytest.raises(ValueError, match="has adapters only; allowed: with the folder of their base"):
        RewardModel.from_folder(tmp_path)

    whole = again.backbone.merge_and_unload()
    whole.save_pretrained(tmp_path / "merged")
    read = AutoModelForTokenClassification.from_pretrained(tmp_path / "merged")
    np.testing.assert_allclose(score(read, encoded).prob, found.prob, atol=1e-5, rtol=0)


def test_a_training_of_adapters_goes_on_as_if_it_had_not_been_killed(
    family: tuple[str, Path], tmp_path: Path
) -> None:
    folder = family[1]

    def trained(state: Path | None = None, stop: float = 2.0) -> dict[str, torch.Tensor]:
        model = adapted(folder, dropout=0.2)

        def progress(share: float) -> None:
            if share > stop:
                raise InterruptedError

        data = data_of(folder, model)[0]
        fit(model, data, updates=6, checkpoint_folder=state, checkpoint_every=1, progress=progress)
        return model.state_dict()

    wanted = trained()
    with pytest.raises(InterruptedError):
        trained(tmp_path, stop=0.4)
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert kept and all(".lora_" in key or ".modules_to_save." in key for key in kept)
    found = trained(tmp_path)
    assert all(torch.equal(tensor, found[key]) for key, tensor in wanted.items())


def test_adapters_beside_half_precision(family: tuple[str, Path], tmp_path: Path) -> None:
    folder = family[1]
    model = adapted(folder, dtype="bfloat16")
    kinds = {p.dtype for n, p in model.named_parameters() if ".lora_" in n}
    assert kinds == {torch.float32} and model.backbone.dtype == torch.bfloat16
    data, encoded = data_of(folder, model)
    fit(model, data, updates=2)
    model.export(tmp_path)
    again = RewardModel.from_folder(tmp_path, base=folder)
    assert again.backbone.dtype == torch.bfloat16
    assert np.array_equal(score(again, encoded).prob, score(model, encoded).prob)


def test_the_seed_decides_adapters(family: tuple[str, Path]) -> None:
    folder = family[1]
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one, same, other = (adapted(folder, seed=seed).state_dict() for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, same[name]) for name, tensor in one.items())
    assert not all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_targets(family: tuple[str, Path]) -> None:
    name, folder = family
    assert linear_layers(load_classifier(folder, num_labels=2, seed=0)) == LAYERS[name]
    first = LAYERS[name][0]
    given = adapted(folder, targets=(first,))
    assert all(f".{first}.lora_" in key for key in given.state_dict() if ".lora_" in key)
    message = f"lora.targets: found score, up; allowed for .*: {', '.join(LAYERS[name])}$"
    with pytest.raises(ValueError, match=message):
        adapted(folder, targets=("up", first, "score"))


def test_adapters_are_not_split(family: tuple[str, Path]) -> None:
    with pytest.raises(ValueError, match="strategy: found fsdp with lora; allowed with adapters: auto, ddp"):
        shard(adapted(family[1]).backbone, None)
