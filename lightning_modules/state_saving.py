"""Saving of training states, from which a killed run resumes: training waits only for a copy in memory."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.io import TorchCheckpointIO

from lightning_modules.divergence import check_finite
from lightning_modules.tensors import map_tensors

LONG = 0.5
"""Seconds above which saving a state is rationed."""
SMALL = 2**26
"""Bytes up to which a state is serialized at once, because a thread would compete for the interpreter."""


class StateSaver(Callback):
    """Saves the training state regularly and atomically.

    A state is due every so many updates, unless one is still being written. If training waits long for it
    (``LONG``), it is due less often, so that the waits take at most a share of the time: with its optimizer,
    a model of 0.5B parameters has a state of 6 GB. Training waits for a copy of the state; if the weights are
    split, also for the write, which all processes make together.
    """

    def __init__(self, folder: Path, *, every: int, share: float = 0.05, split: bool = False) -> None:
        self.path, self.old, self.new = (folder / f"last.{name}" for name in ("ckpt", "old", "new"))
        self.every, self.share, self.split = every, share, split
        self.writer = StateWriter(self._publish)
        self.due = 0.0

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, batch_index: int
    ) -> None:
        busy = self.writer.busy()
        # A state does not hold the gradients that are accumulated within an update.
        if trainer.global_step % self.every or (batch_index + 1) % trainer.accumulate_grad_batches:
            return
        began = time.monotonic()
        due = began >= self.due and not busy
        if not trainer.strategy.broadcast(due):  # the first process decides for all
            return
        check_finite(trainer, module)
        trainer.save_checkpoint(self.new, weights_only=False)
        if self.split and trainer.is_global_zero:
            self._publish()
        ended = time.monotonic()
        if ended - began > LONG:
            self.due = ended + (ended - began) * (1 / self.share - 1)

    def _publish(self) -> None:
        """Puts the new state in the place of the one before, once it is on disk."""
        for path in (*self.new.rglob("*"), self.new):  # a folder if the weights are split
            sync(path)
        if self.path.is_dir():  # a folder cannot be replaced in one step
            discard(self.old)
            self.path.replace(self.old)
        self.new.replace(self.path)
        discard(self.old)

    def existing(self) -> Path | None:
        """Returns the newest complete state, if any: after a kill between the two renames, the old one."""
        return next((path for path in (self.path, self.old) if path.exists()), None)

    def discard(self) -> None:
        """Removes all states."""
        for path in (self.path, self.old, self.new):
            discard(path)


class StateWriter(TorchCheckpointIO):
    """Lightning's plugin to write states, in a thread; Lightning waits for it at the end of training."""

    def __init__(self, publish: Callable[[], None]) -> None:
        """Takes a function that is called after each write, in the thread."""
        self.publish, self.thread = publish, ThreadPoolExecutor(1)
        self.write: Future[None] | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        self.write = self.thread.submit(self._write, snapshot(checkpoint), Path(path))

    def _write(self, state: Any, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:  # from a path, torch would not name the error if the disk is full
            if isinstance(state, io.BytesIO):
                file.write(state.getbuffer())
            else:
                torch.save(state, file)
        self.publish()

    def busy(self) -> bool:
        """Returns whether a state is being written; raises the error of a write that failed."""
        if self.write is not None and self.write.done():
            write, self.write = self.write, None
            write.result()
        return self.write is not None

    def teardown(self) -> None:
        self.thread.shutdown()
        self.busy()


def snapshot(state: Any) -> Any:
    """Copies a state to host memory: its tensors, or what is written of it if it is small."""
    size = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal size
        size += tensor.nbytes
        return tensor

    map_tensors(state, count)
    if size > SMALL:
        return copy_to_host(state)
    written = io.BytesIO()
    torch.save(state, written)
    return written


def copy_to_host(state: Any) -> Any:
    """Copies a state to host memory. Tensors that are one, such as tied weights, are one in the copy too."""
    copies: dict[Any, torch.Tensor] = {}

    def copy(tensor: torch.Tensor) -> torch.Tensor:
        key = (tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        if key not in copies:
            copies[key] = tensor.detach().to("cpu", copy=True)
        return copies[key]

    return map_tensors(state, copy)


def discard(state: Path) -> None:
    """Removes a state, if it exists: a file, or a folder if the weights are split."""
    if state.is_dir():
        shutil.rmtree(state)
    else:
        state.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Waits until a file is on disk, so that a power failure after its renaming leaves no empty file."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
