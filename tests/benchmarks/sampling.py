"""Tokens sampled per second, next to transformers' `generate` with all problems at once or one at a time."""

import statistics
import time
from functools import partial
from typing import Any

import torch
from measure import generator
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lightning_modules.sampling import sample

_CHARACTERS = "0123456789+-*=#\nabcdefghijklm"


def _tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {token: index for index, token in enumerate(["<pad>", "<s>", "</s>", *_CHARACTERS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    inner.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", bos_token="<s>", eos_token="</s>", padding_side="left"
    )


def measure(*, prompts: int, samples: int, max_new_tokens: int, repeats: int) -> dict[str, Any]:
    """Measures the median tokens per second of all, in turns."""
    tokenizer, model = _tokenizer(), generator(3 + len(_CHARACTERS))
    texts = [f"{11 * index}+{7 * index}-3*2=?abc\n" for index in range(prompts)]

    def ours() -> int:
        drawn = sample(model, tokenizer, texts, samples, max_new_tokens=max_new_tokens)
        return sum(completion.tokens for completions in drawn for completion in completions)

    def generate(texts: list[str]) -> int:
        batch = tokenizer(["<s>" + text for text in texts], return_tensors="pt", padding=True)
        repeated = {
            name: batch[name].repeat_interleave(samples, 0) for name in ("input_ids", "attention_mask")
        }
        with torch.inference_mode():
            out = model.generate(
                **repeated, do_sample=True, top_k=0, max_new_tokens=max_new_tokens, pad_token_id=0
            )
        return int((out[:, repeated["input_ids"].shape[1] :] != 0).sum())

    runs = {
        "ours": ours,
        "generate": partial(generate, texts),
        "generate, one problem at a time": lambda: sum(generate([text]) for text in texts),
    }
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            begin = time.perf_counter()
            tokens = run()
            speeds[name].append(tokens / (time.perf_counter() - begin))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    return {
        "tokens_per_second": medians,
        "speedup": medians["ours"] / medians["generate"],
        "speedup_by_problem": medians["ours"] / medians["generate, one problem at a time"],
        "samples": prompts * samples,
        "max_new_tokens": max_new_tokens,
    }
