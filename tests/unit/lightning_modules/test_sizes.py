import warnings

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import (
    GPT2Config,
    LlamaConfig,
    MixtralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    T5Config,
)

from lightning_modules.backbones import build_causal, load_classifier
from lightning_modules.peak import measure_peak
from lightning_modules.presets import PRESETS
from lightning_modules.sizes import size_of

VOCABULARY = {token: i for i, token in enumerate(["<pad>", "<eos>", "a", "b", "c"])}
TOKENIZER = PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.WordLevel(VOCABULARY, unk_token="<pad>")),
    pad_token="<pad>",
    eos_token="<eos>",
)
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 5,
}


def numel(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameters_of_a_preset_by_hand_and_of_the_real_model(tmp_path):
    size = size_of("tiny", vocabulary=5)
    # A block: four 32 x 32 of attention, three 32 x 64, two norms of 32.
    block = 4 * 32 * 32 + 3 * 32 * 64 + 2 * 32
    assert block == 4096 + 6144 + 64 == 10_304
    # Two of them and the last norm; the 5 x 32 of the tied embeddings multiply as the head alone.
    assert size.reward == 2 * 10_304 + 32 == 20_640
    assert size.language == size.parameters == 20_640 + 160
    assert (size.layers, size.width) == (2, 32)

    real = build_causal(PRESETS["tiny"], TOKENIZER, seed=0)
    assert numel(real) == size.parameters
    real.save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier = load_classifier(tmp_path, num_labels=2, seed=0)
    # It has embeddings that do not multiply, and a head of 2 x 32 weights and 2 biases that is left out.
    assert numel(classifier) == size.reward + 5 * 32 + 2 * 32 + 2


@pytest.mark.parametrize(("preset", "parameters"), [("small", 203_072), ("large", 1_865_120)])
def test_the_shipped_bases_have_these_sizes(preset, parameters):
    assert size_of(preset, vocabulary=28).parameters == parameters


def test_a_checkpoint_with_a_head_of_its_own_and_fewer_keys(tmp_path):
    Qwen2Config(**SIZES, num_key_value_heads=1, tie_word_embeddings=False).save_pretrained(
        tmp_path / "folder"
    )
    size = size_of(str(tmp_path / "folder"), vocabulary=999)
    # Keys and values are 32 x 16 now; queries, keys and values have biases of 32, 16 and 16.
    block = 2 * 32 * 32 + 2 * 32 * 16 + (32 + 16 + 16) + 3 * 32 * 64 + 2 * 32
    assert size.reward == 2 * block + 32
    assert size.language == size.reward + 160
    assert size.parameters == size.reward + 2 * 160
    assert (size.name, size.layers, size.width) == ("folder", 2, 32)


def test_width_is_that_of_the_heads_and_position_tables_do_not_multiply(tmp_path):
    LlamaConfig(**SIZES, num_key_value_heads=2, head_dim=24).save_pretrained(tmp_path / "wide")
    assert size_of(str(tmp_path / "wide"), vocabulary=0).width == 48
    GPT2Config(vocab_size=5, n_positions=7, n_embd=32, n_layer=2, n_head=2).save_pretrained(tmp_path / "gpt2")
    size = size_of(str(tmp_path / "gpt2"), vocabulary=0)
    assert size.parameters == size.reward + 5 * 32 + 7 * 32
    assert size.language == size.reward + 5 * 32


def test_what_is_no_dense_causal_language_model_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    MixtralConfig(**SIZES).save_pretrained(tmp_path / "moe")
    T5Config().save_pretrained(tmp_path / "t5")
    for name, message in (
        (
            "no/such-model",
            "allowed: tiny, small, small_qwen2, large, shallow, shallow_large, a folder with a",
        ),
        (
            str(tmp_path / "empty"),
            "allowed: tiny, small, small_qwen2, large, shallow, shallow_large, a folder",
        ),
        (str(tmp_path / "moe"), "a mixture of experts; allowed: tiny, .* of a dense model"),
        (str(tmp_path / "t5"), "a t5; allowed: tiny, .* of a causal language model"),
    ):
        with pytest.raises(ValueError, match=message):
            size_of(name, vocabulary=5)


def test_the_peak_is_a_rate_that_no_other_product_of_these_exceeds_by_far():
    threads = torch.get_num_threads()
    peak = measure_peak(seconds=0.05)
    assert 1e8 < peak < 1e14
    assert torch.get_num_threads() == threads
