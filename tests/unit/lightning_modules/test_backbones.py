from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from lightning_modules.backbones import build_causal, load_causal, load_classifier
from lightning_modules.presets import PRESETS, Preset

VOCABULARY = {token: i for i, token in enumerate(["<pad>", "<eos>", "a", "b", "c"])}
TOKENIZER = PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.WordLevel(VOCABULARY, unk_token="<pad>")),
    pad_token="<pad>",
    eos_token="<eos>",
)
TOY = PRESETS["tiny"]
ARCHITECTURES = ("llama", "qwen2")


def toy(architecture: Any = "llama", seed: int = 0) -> Any:
    return build_causal(replace(TOY, architecture=architecture), TOKENIZER, seed=seed)


def weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_preset_is_built_with_tied_embeddings(architecture: str) -> None:
    model = toy(architecture)
    assert model.config.model_type == architecture
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert model.get_input_embeddings().weight.shape == (5, 32)
    config = model.config
    assert (config.num_hidden_layers, config.num_attention_heads, config.intermediate_size) == (2, 2, 64)
    assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (0, None, 1)
    logits = model(input_ids=torch.tensor([[2, 3, 4]])).logits
    assert logits.shape == (1, 3, 5)
    assert torch.isfinite(logits).all()


def test_parameters_of_a_preset_by_hand() -> None:
    # 5*32 embeddings; a block: 4 * 32*32 attention, 3 * 32*64 feed-forward, 2 * 32 norms; 32: the last norm
    assert sum(p.numel() for p in toy().parameters()) == 160 + 2 * (4096 + 6144 + 64) + 32


def test_large_has_about_ten_times_the_parameters_of_small() -> None:
    small, large = (
        sum(p.numel() for p in build_causal(PRESETS[name], TOKENIZER, seed=0).parameters())
        for name in ("small", "large")
    )
    assert 8 < large / small < 12


def test_weights_belong_to_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = weights(toy(seed=5))
    state = torch.get_rng_state()
    torch.manual_seed(2)
    assert equal(weights(toy(seed=5)), one)
    assert not equal(weights(toy(seed=6)), one)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state), "the caller's random numbers were used up"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_saved_model_reads_back(architecture: str, tmp_path: Path) -> None:
    model = toy(architecture)
    model.save_pretrained(tmp_path)
    read = load_causal(tmp_path)
    assert equal(weights(read), weights(model))
    assert read.get_input_embeddings().weight is read.get_output_embeddings().weight
    ids = torch.tensor([[2, 3, 4]])
    assert torch.equal(read.eval()(input_ids=ids).logits, model.eval()(input_ids=ids).logits)


def test_a_half_precision_checkpoint_is_read_in_float32(tmp_path: Path) -> None:
    toy().to(torch.bfloat16).save_pretrained(tmp_path)
    assert {p.dtype for p in load_causal(tmp_path).parameters()} == {torch.float32}
    assert {p.dtype for p in load_classifier(tmp_path, num_labels=2, seed=0).parameters()} == {torch.float32}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("num_labels", [2, 3])
def test_a_classifiers_head_belongs_to_the_seed_and_its_body_to_the_checkpoint(
    architecture: str, num_labels: int, tmp_path: Path
) -> None:
    model = toy(architecture)
    model.save_pretrained(tmp_path)
    torch.manual_seed(1)
    one: Any = load_classifier(tmp_path, num_labels=num_labels, seed=5)
    state = torch.get_rng_state()
    torch.manual_seed(2)
    same = load_classifier(tmp_path, num_labels=num_labels, seed=5)
    other = load_classifier(tmp_path, num_labels=num_labels, seed=6)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state), "the caller's random numbers were used up"
    head, body = one.get_parameter("score.weight"), weights(model)
    assert head.shape == (num_labels, 32)
    assert float(head.detach().std()) > 0
    assert equal(weights(same), weights(one))
    assert not torch.equal(other.get_parameter("score.weight"), head)
    for classifier in (one, other):
        found = weights(classifier)
        shared = found.keys() & body.keys()
        assert len(shared) == len(body) - 1  # all but the output embeddings
        assert all(torch.equal(found[name], body[name]) for name in shared)
    assert one(input_ids=torch.tensor([[2, 3, 4]])).logits.shape == (1, 3, num_labels)


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ValueError, match="found no config.json; allowed: a transformers checkpoint"):
            load_causal(folder)
        with pytest.raises(ValueError, match="found no config.json; allowed: a transformers checkpoint"):
            load_classifier(folder, num_labels=2, seed=0)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="architecture: found 'gpt'; allowed: "):
        replace(TOY, architecture="gpt")  # type: ignore[arg-type]
    # 30 is not a multiple of 2 * 2, as the halves of a head that are rotated together need
    with pytest.raises(ValueError, match="hidden: found 30; allowed: multiples of 2 \\* heads = 4"):
        Preset(hidden=30, layers=1, heads=2, intermediate=8)
