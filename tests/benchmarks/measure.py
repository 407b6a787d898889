"""Models, padded batches and interleaved medians for the benchmarks."""

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForTokenClassification

from lightning_modules.presets import PRESETS

SMALL = PRESETS["small"]
SIZES = {
    "hidden_size": SMALL.hidden,
    "intermediate_size": SMALL.intermediate,
    "num_hidden_layers": SMALL.layers,
    "num_attention_heads": SMALL.heads,
}
"""Sizes of the students at scale quick."""


def classifier(vocabulary: int) -> LlamaForTokenClassification:
    """Makes the model for training and scoring, always with the same weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary, num_key_value_heads=SMALL.heads, num_labels=2, classifier_dropout=0.0, **SIZES
    )
    return LlamaForTokenClassification(config)


def generator(vocabulary: int) -> LlamaForCausalLM:
    """Makes the model for sampling, always with the same weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary, num_key_value_heads=SMALL.heads, bos_token_id=1, eos_token_id=2, **SIZES
    )
    return LlamaForCausalLM(config).eval()


def padded(rows: Sequence[np.ndarray], fill: int) -> torch.Tensor:
    """Pads rows on the right to the length of the longest, int64."""
    out = torch.full((len(rows), max(map(len, rows))), fill)
    for index, row in enumerate(rows):
        out[index, : len(row)] = torch.from_numpy(row)
    return out


def medians(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Measures the median seconds of each run. They take turns, so that a busy machine slows all equally."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in seconds.items()}
