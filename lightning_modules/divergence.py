"""Detection of diverged training: a loss or weight that is not finite stops it before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

EVERY = 20
"""Number of updates between checks if a check waits for a GPU or for other processes."""
FREE = ("cpu",)
"""Devices that a check does not wait for."""
NEVER = torch.iinfo(torch.int64).max
"""Number of an update that no training reaches."""


class Diverged(ValueError):
    """A loss or a weight is not finite."""


class Watch(Callback):
    """Records the first update whose loss is not finite, and stops the training.

    The record stays on the device. It is read after every update in a single process on a CPU, otherwise
    every EVERY updates, and always before weights are evaluated or written.
    """

    def __init__(self) -> None:
        self._first: torch.Tensor | None = None

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, batch_index: int
    ) -> None:
        loss = outputs["loss"] if isinstance(outputs, Mapping) else outputs
        within = (batch_index + 1) % trainer.accumulate_grad_batches != 0
        update = torch.where(torch.isfinite(loss.detach()), NEVER, trainer.global_step + within)
        self._first = update if self._first is None else torch.minimum(self._first, update)
        waits = loss.device.type not in FREE or trainer.world_size > 1
        if not within and not (waits and trainer.global_step % EVERY):
            self.check(trainer, module, weights=False)

    def on_train_end(self, trainer: lightning.Trainer, module: Any) -> None:
        self.check(trainer, module)

    def check(self, trainer: lightning.Trainer, module: Any, *, weights: bool = True) -> None:
        """Raises `Diverged` if any loss so far or any weight is not finite; all processes must call it."""
        first = torch.tensor(NEVER, device=module.device) if self._first is None else self._first
        finite = all_finite(module) if weights else torch.ones_like(first, dtype=torch.bool)
        state = torch.stack([first, finite.to(first.dtype)])
        if trainer.world_size > 1:
            state = trainer.strategy.reduce(state, reduce_op="min")
        loss_at, weights_finite = state.tolist()
        if loss_at == 1:  # no update was made before it
            raise Diverged(
                "base: found weights or data whose loss is not finite before the first update; allowed: a "
                "finite loss"
            )
        if loss_at < NEVER:
            what = f"the loss is not finite from update {loss_at} of {trainer.max_steps} on"
        elif not weights_finite:
            what = f"a weight is not finite after update {trainer.global_step} of {trainer.max_steps}"
        else:
            return
        rate = getattr(module, "learning_rate", None)
        raise Diverged(
            f"learning_rate: found {rate}, with which {what}; allowed: a lower learning rate, with which the "
            "training converges"
        )


def check_finite(trainer: lightning.Trainer, module: Any) -> None:
    """Stops a training that has diverged before its weights are used; all processes must call it.

    Raises:
        Diverged: a loss so far or a weight is not finite.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Watch):
            callback.check(trainer, module)


def all_finite(module: torch.nn.Module) -> torch.Tensor:
    """Returns whether all trained weights (if split, this process's) are finite: bool, on their device."""
    finite = [
        torch.isfinite(part.to_local() if hasattr(part, "to_local") else part).all()
        for part in module.parameters()
        if part.requires_grad
    ]
    return torch.stack(finite).all()
