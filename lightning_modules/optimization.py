"""The optimizer and the learning rate schedule of all trainings."""

from collections.abc import Callable
from typing import Any

import torch

FUSED = ("cuda",)
"""Devices on which one kernel updates all weights."""


def adamw(module: torch.nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """Makes AdamW with weight decay on matrices other than embeddings, and none on norms and biases."""
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, torch.nn.Embedding)}
    parameters = [p for p in module.parameters() if p.requires_grad]
    decayed = [p for p in parameters if p.ndim > 1 and id(p) not in embeddings]
    others = [p for p in parameters if p.ndim <= 1 or id(p) in embeddings]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    fused = all(p.device.type in FUSED for p in parameters)
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), fused=fused or None)
    # Lightning does not clip gradients in mixed precision if the optimizer may unscale them, which this one
    # never does: bfloat16 needs no scale.
    optimizer._step_supports_amp_scaling = False
    return optimizer


def learning_rate_at(
    update: int, total: int, *, warmup: float, decay: float, end: int | None = None
) -> float:
    """Returns the learning rate as a share of the highest: a linear rise, a plateau, a linear fall to zero.

    Args:
        update: 0-based number of the update.
        total: number of updates in the schedule.
        warmup: share of ``total`` spent rising.
        decay: share of ``total`` spent falling; ``1 - warmup`` leaves no plateau.
        end: number of updates after which training ends, if before ``total``: the plateau is then shorter,
            and the fall as long as without it.
    """
    rising, falling = max(1, round(warmup * total)), falling_updates(total, decay)
    remaining = (total if end is None else end) - update
    return min(1.0, (update + 1) / rising, max(0.0, remaining / falling))


def configure(
    module: torch.nn.Module, learning_rate: float, weight_decay: float, share_at: Callable[[int], float]
) -> dict[str, Any]:
    """Configures `adamw` for Lightning, with a schedule: update -> share of the highest learning rate."""
    optimizer = adamw(module, learning_rate, weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share_at)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def falling_updates(total: int, decay: float) -> int:
    """Counts the updates in which the learning rate falls to zero, out of ``total`` in the schedule."""
    return max(1, round(decay * total))
