import pytest
import torch
from transformers import GraniteConfig, GraniteForCausalLM, LlamaConfig, LlamaForCausalLM, LlamaModel

from lightning_modules.judging_heads import WordJudge
from lightning_modules.row_choice import choose_rows, tolerance

SIZES = dict(
    vocab_size=20,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    initializer_range=0.5,
)


@pytest.mark.parametrize("tied", [True, False])
def test_a_word_judge_has_the_logits_of_two_words(tied: bool) -> None:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(tie_word_embeddings=tied, **SIZES)).eval()
    judge = WordJudge(model, negative=7, positive=3)
    ids = torch.arange(12)[None]
    with torch.inference_mode():
        found = judge(input_ids=ids, use_cache=False).logits
        wanted = model(input_ids=ids).logits[..., [7, 3]]
    torch.testing.assert_close(found, wanted)
    assert judge.config.num_labels == 2
    assert choose_rows(judge.eval()) == "trie"


def test_logits_that_are_scaled_are_refused() -> None:
    model = GraniteForCausalLM(GraniteConfig(logits_scaling=4.0, **SIZES)).eval()
    with pytest.raises(ValueError, match="found logits that are more than its output layer's product"):
        WordJudge(model, negative=7, positive=3)


def test_a_model_without_an_output_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="LlamaModel: found no output layer"):
        WordJudge(LlamaModel(LlamaConfig(**SIZES)), negative=7, positive=3)


def test_tolerance_is_as_fine_as_the_weights() -> None:
    # 8 units in the last place: 8 * 2 ** -7, 8 * 2 ** -10; of float32 far below a ten thousandth
    assert tolerance(torch.bfloat16) == 0.0625
    assert tolerance(torch.float16) == 0.0078125
    assert tolerance(torch.float32) == 1e-4
