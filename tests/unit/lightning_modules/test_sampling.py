from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.cache_utils import DynamicCache

from lightning_modules import sampling
from lightning_modules.device_copies import Download
from lightning_modules.roomy_cache import RoomyLayer
from lightning_modules.sampling import Completion, Sampler, entropy_of, sample
from lightning_modules.single_query import NAME, fast_decoding

CHARACTERS = "abcdefg\n"
PROMPTS = ["abc\n", "d\n", "abcabc\n", "gg\n"]


def build_tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {token: index for index, token in enumerate(["<s>", "</s>", *CHARACTERS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<s>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    inner.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")


def build(name: str = "llama") -> torch.nn.Module:
    torch.manual_seed(0)
    sizes = {
        "vocab_size": 10,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "initializer_range": 0.4,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }
    if name == "llama":
        return LlamaForCausalLM(LlamaConfig(**sizes)).eval()
    if name == "mistral":  # its window is shorter than the prompts
        return MistralForCausalLM(MistralConfig(sliding_window=4, **sizes)).eval()
    if name == "gpt2":
        return GPT2LMHeadModel(GPT2Config(n_positions=64, **sizes)).eval()
    return Qwen2ForCausalLM(Qwen2Config(**sizes)).eval()


@pytest.mark.parametrize("name", ["llama", "qwen2", "mistral", "gpt2"])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_the_likeliest_tokens_are_those_of_generate(name: str, batch_size: int) -> None:
    model, tokenizer = build(name), build_tokenizer()
    found = sample(model, tokenizer, PROMPTS, 2, temperature=0, max_new_tokens=20, batch_size=batch_size)
    cold = sample(model, tokenizer, PROMPTS, 2, temperature=1e-4, max_new_tokens=20, batch_size=batch_size)
    for prompt, completions, cold_completions in zip(PROMPTS, found, cold, strict=True):
        ids = torch.tensor([[0, *tokenizer(prompt)["input_ids"]]])
        with torch.inference_mode():
            wanted = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=20
            )[0, ids.shape[1] :]
        for completion in completions + cold_completions:
            assert completion.text == tokenizer.decode(wanted, skip_special_tokens=True)
            assert completion.finished == (wanted[-1].item() == 1)


def test_samples_depend_on_seed_and_prompt_alone() -> None:
    model, tokenizer = build(), build_tokenizer()
    together = sample(model, tokenizer, PROMPTS, 5, max_new_tokens=12, seed=3, batch_size=20)
    assert sample(model, tokenizer, PROMPTS, 5, max_new_tokens=12, seed=3, batch_size=3) == together
    assert [sample(model, tokenizer, [p], 5, max_new_tokens=12, seed=3)[0] for p in PROMPTS] == together
    assert [row[:2] for row in together] == sample(model, tokenizer, PROMPTS, 2, max_new_tokens=12, seed=3)
    assert sample(model, tokenizer, PROMPTS, 5, max_new_tokens=12, seed=4) != together
    first, second = sample(model, tokenizer, [PROMPTS[0]] * 2, 5, max_new_tokens=12, seed=3)
    assert first == together[0]
    assert second != first


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_frequencies_follow_the_softmax(temperature: float) -> None:
    model, tokenizer = build(), build_tokenizer()
    count = 3000
    # A longer prompt in the same batch: the shorter one is padded.
    drawn = sample(
        model,
        tokenizer,
        ["d\n", "abcabcabc\n"],
        count,
        temperature=temperature,
        max_new_tokens=2,
        batch_size=2 * count,
    )
    for prompt, completions in zip(["d\n", "abcabcabc\n"], drawn, strict=True):
        ids = [0, *tokenizer(prompt)["input_ids"]]
        token_BT = torch.tensor([[*ids, token] for token in range(10)])
        with torch.inference_mode():
            logits = model(input_ids=token_BT).logits.double() / temperature
        first = logits[0, -2].softmax(-1).numpy()
        second = logits[:, -1].softmax(-1).numpy()
        # Texts of two characters (no special token): joint probability of the pair.
        joint = (first[:, None] * second)[2:, 2:].flatten()
        texts = [c.text for c in completions]
        pairs = [a + b for a in CHARACTERS for b in CHARACTERS]
        seen = np.array([texts.count(pair) for pair in pairs])
        rest = count - seen.sum()
        likely = joint * count >= 5
        observed = np.append(seen[likely], rest + seen[~likely].sum())
        expected = np.append(joint[likely], 1 - joint[likely].sum()) * count
        assert chisquare(observed, expected).pvalue > 0.01


def test_what_is_unlikely_beside_the_likeliest_is_never_drawn() -> None:
    model, tokenizer, least = build(), build_tokenizer(), 0.9
    ids = torch.tensor([[0, *tokenizer("d\n")["input_ids"]]])
    with torch.inference_mode():
        prob = model(input_ids=ids).logits[0, -1].double().softmax(-1)
    allowed = {CHARACTERS[token - 2] for token in range(2, len(prob)) if prob[token] >= least * prob.max()}
    assert 0 < len(allowed) < len(CHARACTERS)
    (free,) = sample(model, tokenizer, ["d\n"], 400, max_new_tokens=1)
    (cut,) = sample(model, tokenizer, ["d\n"], 400, min_p=least, max_new_tokens=1)
    assert {c.text for c in cut} - {""} == allowed < {c.text for c in free}
    assert sample(model, tokenizer, ["d\n"], 9, min_p=1, max_new_tokens=5) == sample(
        model, tokenizer, ["d\n"], 9, temperature=0, max_new_tokens=5
    )


def test_a_stop_string_ends_the_text_and_is_cut_off() -> None:
    model, tokenizer = build(), build_tokenizer()
    free = sample(model, tokenizer, PROMPTS, 30, max_new_tokens=15)
    for stop in ("a", "\n", "cb"):
        stopped = sample(model, tokenizer, PROMPTS, 30, max_new_tokens=15, stop=stop)
        called = sample(model, tokenizer, PROMPTS, 30, max_new_tokens=15, stop=lambda text, s=stop: s in text)
        held = 0
        for row in zip(sum(free, []), sum(stopped, []), sum(called, []), strict=True):
            long, short, short_called = row
            assert short.text == long.text.split(stop)[0]
            assert short.finished == (long.finished or stop in long.text)
            if stop in long.text:
                held += 1
                assert short_called.text == short.text + stop
                assert short_called.finished
        assert held > 0


def test_rows_that_all_end_at_once_are_not_decoded_for_a_stop_function() -> None:
    (found,) = sample(build(), build_tokenizer(), ["abc\n"], 30, max_new_tokens=16, stop=lambda text: False)
    (alone,) = sample(
        build(), build_tokenizer(), ["abc\n"], 30, max_new_tokens=16, batch_size=1, stop=lambda text: False
    )
    assert alone == found and any(completion.finished for completion in alone)


def test_what_runs_into_the_limit_is_not_finished() -> None:
    model, tokenizer = build(), build_tokenizer()
    completions = sum(sample(model, tokenizer, PROMPTS, 20, max_new_tokens=4), [])
    assert {completion.finished for completion in completions} == {False, True}
    for completion in completions:
        assert completion.finished or len(completion.text) <= 4
        assert not completion.finished or len(completion.text) < 4


def test_positions_end_what_comes_to_their_end() -> None:
    """The longer prompt has 8 tokens and room for 4 more of 12 positions, the shorter one for 9."""
    model, tokenizer = build("gpt2"), build_tokenizer()
    model.transformer.wpe = torch.nn.Embedding.from_pretrained(model.transformer.wpe.weight.data[:12])
    prompts = ["abcabc\n", "d\n"]
    ids = [[0, *tokenizer(prompt)["input_ids"]] for prompt in prompts]
    sampler = Sampler(model, tokenizer, temperature=1.0, max_new_tokens=9, positions=12)
    wanted = [(p, number) for p in range(2) for number in range(50)]
    found = sampler.draw(ids, entropy_of(0, prompts), wanted, batch_size=100)
    free = sum(sample(build("gpt2"), tokenizer, prompts, 50, max_new_tokens=9), [])
    for (p, _), completion, long in zip(wanted, found, free, strict=True):
        if long.tokens > (4, 9)[p]:
            assert (completion.tokens, completion.finished) == ((4, 9)[p], False)
            assert long.text.startswith(completion.text)
        else:
            assert completion == long
    assert {completion.tokens for completion in found} >= {4, 9}


LIMITS = {
    "free": {},
    "likeliest": {"temperature": 0.0},
    "unlikely tokens cut": {"min_p": 0.3},
    "stop text": {"stop": "a"},
    "stop function": {"stop": lambda text: text.count("b") >= 2, "stop_characters": "b"},
    "further ends": {"ends": [3, 4]},
    "one token": {"max_new_tokens": 1},
    "two tokens": {"max_new_tokens": 2},
    "all over at the first token": {"stop": lambda text: True},
    "all over at the third token": {"stop": lambda text: len(text) == 3, "temperature": 100.0},
    "positions": {"positions": 12},
    "positions of the prompts and one more": {"positions": 9},
    "no compaction": {"share": 2.0},
    "compaction whenever a row is over": {"share": 1e-9},
}


def draw_in_batches(name: str, batch_size: int, *, share: float = 0.02, **options: Any) -> list[Completion]:
    settings = {"temperature": 1.0, "max_new_tokens": 16, **options}
    sampler = Sampler(build(name), build_tokenizer(), **settings)
    assert sampler.lag == (not sampling.SYNCHRONOUS)
    assert sampler.takes_mask == (sampler.lag and name != "mistral")  # its window needs a mask of its own
    if name == "gpt2" and "positions" in options:  # there are no others
        wpe = sampler.model.transformer.wpe
        wpe.weight = torch.nn.Parameter(wpe.weight.data[: options["positions"]])
    ids = [[0, *sampler.tokenizer(prompt)["input_ids"]] for prompt in PROMPTS]
    wanted = [(prompt, number) for prompt in range(len(PROMPTS)) for number in range(15)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "_COMPACT_SHARE", share)
        return sampler.draw(ids, entropy_of(0, PROMPTS), wanted, batch_size=batch_size)


@pytest.mark.parametrize("limits", LIMITS)
def test_tokens_may_be_read_one_step_late(limits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is over has one more token drawn, which is dropped."""
    for name in ("llama", "mistral", "gpt2"):
        for batch_size in (7, 60):
            monkeypatch.setattr(sampling, "SYNCHRONOUS", ("cpu",))
            at_once = draw_in_batches(name, batch_size, **LIMITS[limits])
            monkeypatch.setattr(sampling, "SYNCHRONOUS", ())
            assert draw_in_batches(name, batch_size, **LIMITS[limits]) == at_once


def test_a_pass_is_on_its_way_when_tokens_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "SYNCHRONOUS", ())
    events: list[str] = []

    class Logged(Download):
        def __init__(self, tensor: torch.Tensor) -> None:
            super().__init__(tensor)
            self.name = f"read {events.count('pass')}"

        def numpy(self) -> np.ndarray:
            events.append(self.name)
            return super().numpy()

    monkeypatch.setattr(sampling, "Download", Logged)
    model = build()
    model.register_forward_hook(lambda *_: events.append("pass"))
    settings = {"temperature": 1.0, "max_new_tokens": 4, "stop": lambda text: False}
    sampler = Sampler(model, build_tokenizer(), **settings)
    events.clear()  # the passes that showed that it takes masks
    sampler.draw([[0, 2]], entropy_of(0, ["a"]), [(0, number) for number in range(9)], batch_size=9)
    # the tokens of pass 1 are read when pass 2 is on its way; no pass follows the last token
    assert events == ["pass", "pass", "read 1", "pass", "read 2", "pass", "read 3", "read 4"]


SINGLE, DOUBLE = torch.float32, torch.float64


@pytest.mark.parametrize(("rows", "tokens", "most"), [(200, 150_000, 1), (20_000, 1_000, 5)])
@pytest.mark.parametrize(("prob_type", "sum_type"), [(SINGLE, DOUBLE), (SINGLE, SINGLE)])
def test_draws_in_float32_are_those_in_float64(
    rows: int, tokens: int, most: int, prob_type: torch.dtype, sum_type: torch.dtype
) -> None:
    sampler = Sampler(build(), build_tokenizer(), temperature=1.0, max_new_tokens=1)
    random = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(rows, tokens, generator=random)
    uniform = torch.rand(rows, generator=random, dtype=DOUBLE)
    exact = sampler._draw(logits, uniform)
    sampler.prob_type, sampler.sum_type = prob_type, sum_type
    found = sampler._draw(logits, uniform.to(sum_type))
    assert (found != exact).sum() <= most


@pytest.mark.parametrize(("prob_type", "sum_type"), [(DOUBLE, DOUBLE), (SINGLE, DOUBLE), (SINGLE, SINGLE)])
def test_draws_in_float32_have_the_right_frequencies(prob_type: torch.dtype, sum_type: torch.dtype) -> None:
    count = 200_000
    sampler = Sampler(build(), build_tokenizer(), temperature=2.0, min_p=0.01, max_new_tokens=1)
    sampler.prob_type, sampler.sum_type = prob_type, sum_type
    random = torch.Generator().manual_seed(1)
    logits = 4 * torch.randn(60, generator=random)
    logits[[0, 7, 8, 59]] = -torch.inf
    prob = (logits.double() / 2).softmax(-1)
    prob[prob < 0.01 * prob.max()] = 0
    assert 5 < (prob == 0).sum() < 50
    uniform = torch.rand(count, generator=random, dtype=sum_type)
    uniform[:2] = torch.tensor([0, 1 - 2**-24])
    drawn = sampler._draw(logits.expand(count, -1), uniform).bincount(minlength=60)
    assert (drawn[prob == 0] == 0).all()
    assert chisquare(drawn[prob > 0], count * prob[prob > 0] / prob.sum()).pvalue > 0.01


def test_progress_and_bad_arguments() -> None:
    model, tokenizer = build(), build_tokenizer()
    calls: list[tuple[int, int]] = []
    sample(
        model,
        tokenizer,
        PROMPTS,
        2,
        max_new_tokens=1,
        batch_size=3,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(3, 8), (6, 8), (8, 8)]
    assert sample(model, tokenizer, [], 2, max_new_tokens=1) == []
    for name in ("num_samples", "max_new_tokens", "batch_size"):
        arguments = {"num_samples": 1, "max_new_tokens": 1, "batch_size": 1, name: 0}
        with pytest.raises(ValueError, match=f"{name} is 0"):
            sample(model, tokenizer, PROMPTS, **arguments)
    with pytest.raises(ValueError, match="temperature is -1"):
        sample(model, tokenizer, PROMPTS, 1, max_new_tokens=1, temperature=-1)
    with pytest.raises(ValueError, match="min_p is 2"):
        sample(model, tokenizer, PROMPTS, 1, max_new_tokens=1, min_p=2)
    tokenizer.bos_token = None
    with pytest.raises(ValueError, match="prompt 1 is '' and has no token"):
        sample(model, tokenizer, ["a", ""], 1, max_new_tokens=1)


@pytest.mark.parametrize("name", ["llama", "qwen2", "mistral", "gpt2"])
def test_a_single_query_attends_as_in_sdpa(name: str) -> None:
    model = build(name)
    token_BT = torch.randint(2, 10, (3, 6), generator=torch.Generator().manual_seed(0))
    seen = torch.ones(3, 6, dtype=torch.bool)
    seen[1, :2] = False  # padding on the left
    logits = {}
    for kind in ("sdpa", NAME):
        model.set_attn_implementation(kind)
        cache = DynamicCache(config=model.config)
        with torch.inference_mode():
            model(input_ids=token_BT[:, :5], attention_mask=seen[:, :5], past_key_values=cache)
            logits[kind] = model(input_ids=token_BT[:, 5:], attention_mask=seen, past_key_values=cache).logits
    assert torch.allclose(logits["sdpa"], logits[NAME], atol=1e-5)
    assert not torch.equal(logits["sdpa"], logits[NAME])  # it was used


def test_fast_decoding_leaves_the_model_as_it_was() -> None:
    model = build()
    with pytest.raises(KeyError), fast_decoding(model):
        assert model.config._attn_implementation == NAME
        raise KeyError
    assert model.config._attn_implementation == "sdpa"
    with fast_decoding(model.bfloat16()):  # its products would be rounded more than sdpa's
        assert model.config._attn_implementation == "sdpa"


def test_a_cache_moves_the_last_rows_into_the_holes() -> None:
    layer = RoomyLayer()
    states = torch.arange(5.0)[:, None, None, None].expand(5, 2, 3, 4)
    layer.update(states, -states)
    layer.repeat(torch.tensor([0, 1, 2, 3, 4, 4]))
    layer.shrink(3, torch.tensor([1]), torch.tensor([4]))  # rows 1, 3 and the copy of 4 are over
    keys, values = layer.update(torch.full((3, 2, 1, 4), 9.0), torch.full((3, 2, 1, 4), 8.0))
    assert keys[:, 0, :, 0].tolist() == [[0, 0, 0, 9], [4, 4, 4, 9], [2, 2, 2, 9]]
    assert values[:, 1, :, 2].tolist() == [[0, 0, 0, 8], [-4, -4, -4, 8], [-2, -2, -2, 8]]
