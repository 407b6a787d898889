"""The optimizer and the shape of schedule that every model here is trained with."""

import torch


def adamw(module: torch.nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """Makes AdamW, with weight decay on matrices other than embeddings, and none on norms and biases."""
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, torch.nn.Embedding)}
    parameters = [p for p in module.parameters() if p.requires_grad]
    decayed = [p for p in parameters if p.ndim > 1 and id(p) not in embeddings]
    others = [p for p in parameters if p.ndim <= 1 or id(p) in embeddings]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98))


def learning_rate_at(
    update: int, total: int, *, warmup: float, decay: float, end: int | None = None
) -> float:
    """Returns the share of the highest learning rate: a linear rise, a plateau, a linear fall to zero.

    Args:
        update: 0-based number of the update.
        total: number of updates in the schedule.
        warmup: share of ``total`` spent rising.
        decay: share of ``total`` spent falling; ``1 - warmup`` leaves no plateau.
        end: number of updates after which training ends, if before ``total``: the plateau is then shorter,
            and the fall just as long.
    """
    rising, falling = max(1, round(warmup * total)), falling_updates(total, decay)
    left = (total if end is None else end) - update
    return min(1.0, (update + 1) / rising, max(0.0, left / falling))


def falling_updates(total: int, decay: float) -> int:
    """Counts the updates in which the learning rate falls to zero, out of ``total`` in the schedule."""
    return max(1, round(decay * total))
