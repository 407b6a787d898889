"""Tokens sampled per second, next to transformers' `generate`."""

import statistics
import time
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
    """Measures the median tokens per second of both, in turns."""
    tokenizer, model = _tokenizer(), generator(3 + len(_CHARACTERS))
    texts = [f"{11 * index}+{7 * index}-3*2=?abc\n" for index in range(prompts)]

    def ours() -> int:
        drawn = sample(model, tokenizer, texts, samples, max_new_tokens=max_new_tokens)
        return sum(len(c.text) + c.finished for completions in drawn for c in completions)

    def theirs() -> int:
        batch = tokenizer(["<s>" + text for text in texts], return_tensors="pt", padding=True)
        repeated = {
            name: batch[name].repeat_interleave(samples, 0) for name in ("input_ids", "attention_mask")
        }
        with torch.inference_mode():
            out = model.generate(
                **repeated, do_sample=True, top_k=0, max_new_tokens=max_new_tokens, pad_token_id=0
            )
        return int((out[:, repeated["input_ids"].shape[1] :] != 0).sum())

    speeds: dict[str, list[float]] = {"ours": [], "generate": []}
    for _ in range(repeats):
        for name, run in (("ours", ours), ("generate", theirs)):
            begin = time.perf_counter()
            tokens = run()
            speeds[name].append(tokens / (time.perf_counter() - begin))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    return {
        "tokens_per_second": medians,
        "speedup": medians["ours"] / medians["generate"],
        "samples": prompts * samples,
        "max_new_tokens": max_new_tokens,
    }
