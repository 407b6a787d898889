"""Rows that a model computes right: tries, packed or padded sequences."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from lightning_modules.prefix_trees import Layout, Rows, layout
from lightning_modules.presets import ONLY_ON_GPUS

TOLERANCE = 1e-4
"""Most by which equal computations in float32 may differ, as a share of the largest logit."""
ROWS: dict[str, Rows] = {
    "sdpa": "trie",
    "eager": "trie",
    "flex_attention": "trie",
    "flash_attention_2": "packed",
}
"""Implementation of attention in transformers -> rows that it can compute."""


def choose_rows(model: torch.nn.Module, device: str | torch.device | None = None, *, seed: int = 0) -> Rows:
    """Chooses rows for a model, after a test that it computes random sequences in them as it does padded.

    The tolerance follows the precision of the weights and is relative to the largest logit, because a new
    head's logits are small.

    Args:
        model: A transformers model that returns `logits`, or hidden states.
        device: Device that it is moved to and tested on; None: where it is.
        seed: Seed for the random sequences.

    Returns:
        "trie" or "packed" if the test succeeds, else "padded".
    """
    if device is not None:
        model.to(device)
    model = getattr(model, "policy", model)  # implicit rewards are 0 in all rows until they are trained
    config = getattr(model, "config", None)
    attention = getattr(config, "_attn_implementation", None)
    windows = {*(getattr(config, "layer_types", None) or ()), "full_attention"} != {"full_attention"}
    tokens = hasattr(config, "vocab_size")  # else it reads something else
    if attention not in ROWS or not tokens or windows or getattr(config, "sliding_window", None) is not None:
        return "padded"  # our mask would not reach the kernel, or would replace a window that it lacks
    parameter = next(model.parameters())
    if attention in ONLY_ON_GPUS and parameter.device.type == "cpu":
        return "padded"
    known = _CHECKED.setdefault(model, {})
    how = (attention, parameter.dtype, parameter.device, seed)
    if how not in known:
        rows = ROWS[attention]
        known[how] = rows if _same_as_padded(rows, model, parameter, seed) else "padded"
    return known[how]


_CHECKED: WeakKeyDictionary[torch.nn.Module, dict[tuple[Any, ...], Rows]] = WeakKeyDictionary()
"""What `choose_rows` found for each model, by how it computes: weights do not matter."""


def tolerance(dtype: torch.dtype) -> float:
    """Returns the most by which equal computations may differ, as a share of the largest logit."""
    return max(TOLERANCE, 8 * torch.finfo(dtype).eps)


def _same_as_padded(rows: Rows, model: torch.nn.Module, parameter: torch.Tensor, seed: int) -> bool:
    options = inspect.signature(model.forward).parameters.values()
    if rows == "packed" and not any(option.kind == option.VAR_KEYWORD for option in options):
        return False
    random = np.random.default_rng(seed)
    vocabulary = int(model.config.vocab_size)  # type: ignore[union-attr,arg-type]
    stem = random.integers(0, vocabulary, 24)
    token_ids = [
        np.append(stem[:at], random.integers(0, vocabulary, 3 + at // 3)) for at in (1, 6, 6, 12, 24, 24)
    ]
    padded = layout(token_ids, rows="padded")
    others = [layout(token_ids, rows="packed")]
    if rows == "trie":
        others = [layout(token_ids, capacity=96), replace(padded, rows="causal")]
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        alone, *found = [_per_sequence(model, one, parameter) for one in (padded, *others)]
    model.train(was_training)
    worst = max(float((other - alone).abs().max()) for other in found)
    return worst <= tolerance(parameter.dtype) * float(alone.abs().max())


def _per_sequence(model: torch.nn.Module, laid_out: Layout, parameter: torch.Tensor) -> torch.Tensor:
    inputs = laid_out.to(parameter.device).inputs(model)
    out = model(**inputs, use_cache=False)
    found = out.logits if hasattr(out, "logits") else out.last_hidden_state
    return found.flatten(0, 1)[torch.from_numpy(laid_out.node_of).to(found.device)].double()
