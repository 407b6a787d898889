"""Engines against plain references: one solution at a time, transformers' own `generate`."""

import importlib.util
import sys
from collections import Counter
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import AutoModelForCausalLM, AutoTokenizer

from ablations.generators.generator import find_generator
from ablations.generators.setup import GeneratorChoice, Sampling
from ablations.generators.transformers_engine import TransformersEngine
from ablations.generators.vllm_engine import VllmEngine
from lightning_modules.sampling import Sampler

PROBLEMS = ("12 + 30?", "Ann has 12 eggs and buys 30. How many?", "4?")


def prepared(folder, choice=None, **sampling):
    sampling = {"samples": 1, "max_new_tokens": 24} | sampling
    asked = GeneratorChoice(checkpoint=str(folder), **{"instruction": "", **(choice or {})})
    generator = find_generator(asked, Sampling(**sampling), ())
    return generator.setup, [generator.prompter.prompt(problem) for problem in PROBLEMS]


def drawn(engine, prompts, wanted):
    shares = []
    found = engine.draw(prompts, wanted, shares.append)
    assert shares == sorted(shares) and shares[-1] == 1
    return found


def reference(folder, prompt, setup):
    """Tokens after one prompt, the likeliest each time."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = torch.tensor([prompt.ids])
    room = min(setup.sampling.max_new_tokens, setup.positions - len(prompt.ids))
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=room,
            pad_token_id=0,
            eos_token_id=list(setup.end_tokens),
        )
    return out[0, len(prompt.ids) :].tolist()


@pytest.mark.parametrize("kind", ["qwen2", "llama", "mistral", "gpt2"])
def test_the_likeliest_solution_is_that_of_generate(kind, checkpoint):
    """Left padding, shared keys and values, windows, absolute positions and their end, several end tokens."""
    folder = checkpoint(kind)
    setup, prompts = prepared(folder, temperature=0.0, max_new_tokens=60)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    wanted = [(2, 0), (0, 0), (1, 0), (0, 1)]
    found = drawn(TransformersEngine(setup), prompts, wanted)
    plain = [reference(folder, prompt, setup) for prompt in prompts]
    for (p, _), completion in zip(wanted, found, strict=True):
        assert completion.text == tokenizer.decode(plain[p], skip_special_tokens=True)
        assert completion.tokens == len(plain[p])
        assert completion.finished == (plain[p][-1] in setup.end_tokens)
    assert len({completion.text for completion in found}) == 3
    if kind == "gpt2":  # 64 positions: what has more before it has less room
        at_limit = [
            c for (p, _), c in zip(wanted, found, strict=True) if len(prompts[p].ids) + c.tokens == 64
        ]
        assert at_limit and not any(completion.finished for completion in at_limit)


def test_all_end_tokens_are_known(checkpoint):
    names = AutoTokenizer.from_pretrained(checkpoint("qwen2")).convert_ids_to_tokens
    assert set(names(list(prepared(checkpoint("qwen2"))[0].end_tokens))) == {"<|im_end|>", "<|endoftext|>"}
    setup, _ = prepared(checkpoint("qwen2"), {"stop": ("<|im_start|>", "\n")})
    assert "<|im_start|>" in names(list(setup.end_tokens)) and "\n" in setup.stops.strings


def test_first_tokens_follow_the_softmax(checkpoint):
    folder, count = checkpoint("llama"), 3000
    setup, prompts = prepared(folder, temperature=1.5, max_new_tokens=1, seed=5)
    found = drawn(TransformersEngine(setup), prompts, [(1, number) for number in range(count)])
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompts[1].ids])).logits[0, -1]
    share = Counter()
    for token, prob in enumerate((logits.double() / 1.5).softmax(-1).tolist()):
        share[tokenizer.decode([token], skip_special_tokens=True)] += prob
    seen = Counter(completion.text for completion in found)
    assert seen.keys() <= share.keys()
    likely = [text for text, prob in share.items() if prob * count >= 5]
    observed = np.array([seen[text] for text in likely])
    expected = np.array([share[text] for text in likely]) * count
    observed, expected = (
        np.append(observed, count - observed.sum()),
        np.append(expected, count - expected.sum()),
    )
    assert len(likely) > 20 and chisquare(observed, expected).pvalue > 0.01


def test_solutions_depend_on_seed_prompt_and_number_alone(checkpoint):
    setup, prompts = prepared(checkpoint("qwen2"), seed=3)
    engine = TransformersEngine(setup)
    wanted = [(p, number) for p in range(3) for number in range(4)]
    together = drawn(engine, prompts, wanted)
    alone = drawn(TransformersEngine(prepared(checkpoint("qwen2"), seed=3, max_batch=1)[0]), prompts, wanted)
    assert alone == together and len({completion.text for completion in together}) > 9
    assert drawn(engine, prompts[1:], [(0, 3), (1, 0)]) == [together[7], together[8]]
    assert drawn(TransformersEngine(prepared(checkpoint("qwen2"), seed=4)[0]), prompts, wanted) != together


def test_stop_rules_end_what_is_written(checkpoint):
    """At the first token that completes one, and cut where the whole text would be."""
    folder = checkpoint("gpt2")
    free_setup, prompts = prepared(folder, max_new_tokens=30)
    wanted = [(p, number) for p in range(3) for number in range(40)]
    free = drawn(TransformersEngine(free_setup), prompts, wanted)
    setup, _ = prepared(folder, {"stop": ("1", "é", "e")}, max_new_tokens=30)
    held = 0
    for long, short in zip(free, drawn(TransformersEngine(setup), prompts, wanted), strict=True):
        assert short.text == setup.stops.apply(long).text
        if any(string in long.text for string in setup.stops.strings):
            held += 1
            assert short.finished and short.tokens <= long.tokens
        else:
            assert short == long
    assert 20 < held < len(wanted)


def test_a_token_may_end_a_text_by_a_part_of_a_character(checkpoint):
    """One byte of two tokens' é; where a text begins, a decoder may take a space off."""
    folder = checkpoint("gpt2")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)

    def may_stop(stop):
        return Sampler(model, tokenizer, temperature=1.0, max_new_tokens=1, stop=stop).may_stop

    ids = tokenizer("é1")["input_ids"]
    assert len(ids) == 3 and may_stop("xé")[ids].tolist() == [True, True, False]
    assert (
        may_stop("1")[ids].tolist() == [True, True, True] and not may_stop("1")[tokenizer("2")["input_ids"]]
    )
    assert may_stop("2 ").all()


class FakeVllm(ModuleType):
    """vLLM's documented calls, each request answered by transformers' `generate`."""

    def __init__(self):
        super().__init__("vllm")
        self.SamplingParams = lambda **given: SimpleNamespace(**given)
        self.LLM, self.loaded, self.asked = self._load, {}, []
        self.__spec__ = importlib.util.spec_from_loader("vllm", loader=None)

    def _load(self, **given):
        self.loaded = given
        self.tokenizer = AutoTokenizer.from_pretrained(given["model"])
        return self

    def generate(self, prompts, params, *, use_tqdm):
        assert not use_tqdm
        self.asked += params
        return [self._answer(prompt, asked) for prompt, asked in zip(prompts, params, strict=True)]

    def _answer(self, prompt, asked):
        model = AutoModelForCausalLM.from_pretrained(self.loaded["model"])
        ids = torch.tensor([prompt["prompt_token_ids"]])
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=asked.max_tokens,
            pad_token_id=0,
            eos_token_id=asked.stop_token_ids,
            stop_strings=asked.stop,
            tokenizer=self.tokenizer,
        )[0, ids.shape[1] :].tolist()
        text = self.tokenizer.decode(out, skip_special_tokens=True)
        stopped = out[-1] in asked.stop_token_ids or any(stop in text for stop in asked.stop or ())
        reason = "stop" if stopped else "length"
        return SimpleNamespace(outputs=[SimpleNamespace(text=text, token_ids=out, finish_reason=reason)])


def test_vllm_is_asked_as_it_documents(checkpoint, monkeypatch):
    """Its answers then are those of the other engine."""
    monkeypatch.setitem(sys.modules, "vllm", fake := FakeVllm())
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    choice = {"stop": ("e",), "dtype": "float32"}
    folder = checkpoint("qwen2")
    setup, prompts = prepared(
        folder, choice, temperature=0.0, engine="vllm", device="cuda", seed=9, min_p=0.1
    )
    wanted = [(0, 0), (1, 0), (2, 0), (2, 1)]
    found = drawn(VllmEngine(setup), prompts, wanted)
    plain, _ = prepared(folder, choice, temperature=0.0)
    assert found == drawn(TransformersEngine(plain), prompts, wanted)
    assert fake.loaded["dtype"] == "float32" and fake.loaded["max_model_len"] == 512
    assert not fake.loaded["trust_remote_code"]
    seeds = [params.seed for params in fake.asked]
    assert len(set(seeds)) == 4 and all(0 <= seed < 2**63 for seed in seeds)
    assert all((params.n, params.temperature, params.stop) == (1, 0.0, ["e"]) for params in fake.asked)
    assert all(params.min_p == 0.1 for params in fake.asked)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
def test_vllm_writes_what_transformers_does(checkpoint):
    """The likeliest solutions, and a stop rule; then solutions at random, each with its own seed."""
    choice = {"stop": ("e",), "dtype": "float32"}
    folder = checkpoint("qwen2")
    setup, prompts = prepared(folder, choice, temperature=0.0, engine="vllm", device="cuda")
    wanted = [(p, 0) for p in range(3)]
    plain, _ = prepared(folder, choice, temperature=0.0)
    assert drawn(VllmEngine(setup), prompts, wanted) == drawn(TransformersEngine(plain), prompts, wanted)
    random, _ = prepared(folder, choice, engine="vllm", device="cuda")
    wanted = [(p, number) for p in range(3) for number in range(8)]
    engine = VllmEngine(random)
    found = drawn(engine, prompts, wanted)
    assert drawn(engine, prompts, wanted) == found and len({one.text for one in found}) > 8
