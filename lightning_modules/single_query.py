"""Attention of a single new token per row, on CPUs: two batched products instead of torch's fused kernel.

The fused kernel handles blocks of queries. For one query per row, most of its time is overhead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAME = "single_query"


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    position_bias: torch.Tensor | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attends as transformers' `sdpa` does; several queries per row are left to it.

    Args:
        module: The layer.
        query: [B, heads, T, D].
        key: [B, key heads, cached tokens, D].
        value: As `key`.
        attention_mask: bool [B, 1, T, cached tokens], True for tokens that are seen; None: all.
        scaling: Factor of the products; None: `D ** -0.5`.
        position_bias: Left to `sdpa`.
        options: Further arguments of `sdpa`.

    Returns:
        [B, T, heads, D], and None for the weights.
    """
    rows, heads, length, width = query.shape
    if length > 1 or position_bias is not None:
        more = {} if position_bias is None else {"position_bias": position_bias}
        return ALL_ATTENTION_FUNCTIONS["sdpa"](
            module, query, key, value, attention_mask, scaling=scaling, **more, **options
        )
    query = query.reshape(rows, key.shape[1], heads // key.shape[1], width)
    score = torch.matmul(query, key.transpose(2, 3)).mul_(width**-0.5 if scaling is None else scaling)
    if attention_mask is not None:
        score.masked_fill_(~attention_mask, -torch.inf)
    return torch.matmul(score.softmax(-1), value).reshape(rows, 1, heads, value.shape[3]), None


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])


@contextmanager
def fast_decoding(model: Any) -> Iterator[None]:
    """Lets a float32 model on a CPU that uses `sdpa` decode with `attend`."""
    weight = next(model.parameters())
    suits = (
        model.config._attn_implementation == "sdpa"
        and weight.device.type == "cpu"
        and weight.dtype == torch.float32
    )
    if not suits:
        yield
        return
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation("sdpa")
