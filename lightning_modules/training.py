"""Training with Lightning: `fit` is the only function that builds a Trainer."""

import logging
import os
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment

from lightning_modules.divergence import Diverged, Watch, check_finite
from lightning_modules.matmul_precision import matmul_precision
from lightning_modules.presets import Precision
from lightning_modules.process_group import ALONE, Group
from lightning_modules.sharding import strategy_of

LONG = 0.5
"""Seconds above which saving a state is rationed."""
TF32 = ("cuda",)
"""Accelerators on which a training multiplies float32 matrices in TF32."""
IGNORED_WARNINGS = (
    # Data is small and in memory: loader processes would only add startup time.
    ".*does not have many workers.*",
    # Validation is done by callbacks.
    "Total length of `list` across ranks is zero",
    # Lightning uses a class that torch deprecates.
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    # An epoch may be shorter; logged values are summed over epochs.
    "The number of training batches .* is smaller than the log",
    # Logits are read, never changed in place.
    "FSDP2-wrapped module .* returned a view tensor",
)


class Progress(Callback):
    """Reports the share of updates done."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self.report = report

    def on_train_batch_end(self, trainer: lightning.Trainer, *args: Any) -> None:
        self.report(trainer.global_step / trainer.max_steps)


class StateSaver(Callback):
    """Saves the training state regularly and atomically, so that a killed run can resume.

    A state is due every so many updates. If saving takes long (``LONG``), it is due less often, so that it
    takes at most a share of the time: with its optimizer, a model of 0.5B parameters has a state of 6 GB.
    """

    def __init__(self, folder: Path, *, every: int, share: float = 0.05) -> None:
        self.path, self.old, self.every, self.share = folder / "last.ckpt", folder / "last.old", every, share
        self.due = 0.0

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, batch_index: int
    ) -> None:
        # A state does not hold the gradients that are accumulated within an update.
        if trainer.global_step % self.every or (batch_index + 1) % trainer.accumulate_grad_batches:
            return
        began = time.monotonic()
        if not trainer.strategy.broadcast(began >= self.due):  # the first process decides for all
            return
        check_finite(trainer, module)
        new = self.path.with_suffix(".new")
        trainer.save_checkpoint(new, weights_only=False)
        if trainer.is_global_zero:
            for path in (*new.rglob("*"), new):  # a folder if the weights are split
                sync(path)
            if self.path.is_dir():  # a folder cannot be replaced in one step
                discard(self.old)
                self.path.replace(self.old)
            new.replace(self.path)
            discard(self.old)
        ended = time.monotonic()
        if ended - began > LONG:
            self.due = ended + (ended - began) * (1 / self.share - 1)

    def existing(self) -> Path | None:
        """Returns the newest complete state, if any: after a kill between the two renames, the old one."""
        return next((path for path in (self.path, self.old) if path.exists()), None)


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


def fit(
    module: lightning.LightningModule,
    data: lightning.LightningDataModule,
    *,
    updates: int,
    precision: Precision = "32-true",
    accelerator: str = "cpu",
    accumulate: int = 1,
    group: Group = ALONE,
    logger: Logger | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint_folder: Path | None = None,
    checkpoint_every: int = 100,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Trains for a number of updates.

    Args:
        module: model to train.
        data: batches.
        updates: total number of optimizer updates.
        precision: ``32-true`` or ``bf16-mixed``.
        accelerator: Lightning's name: cpu, cuda, ...
        accumulate: batches per update.
        group: processes that train the model together; all call this with the same arguments.
        logger: a Lightning logger.
        callbacks: additional Lightning callbacks.
        checkpoint_folder: folder for the state; training resumes from an existing state.
        checkpoint_every: updates between two states; more if saving takes over 5% of the time.
        progress: called with the share of updates done.

    Raises:
        Diverged: a loss or a weight is not finite; the state is deleted.
        KeyboardInterrupt: Ctrl-C, or SIGTERM.
    """
    extra: list[Callback] = [Watch(), *callbacks]
    state = None
    if checkpoint_folder is not None:
        saver = StateSaver(checkpoint_folder, every=checkpoint_every)
        extra.append(saver)
        state = saver.existing()
    if progress is not None and group.first:
        extra.append(Progress(progress))
    if logger is not None:
        extra.append(LearningRateMonitor("step"))
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in IGNORED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        trainer = lightning.Trainer(
            max_steps=updates,
            max_epochs=-1,
            precision=precision,
            accelerator=accelerator,
            accumulate_grad_batches=accumulate,
            devices=group.size // group.nodes,
            num_nodes=group.nodes,
            strategy=strategy_of(group),
            # ignores a launcher's variables for a single process
            plugins=[LightningEnvironment()] if group.size == 1 else None,
            callbacks=extra,
            gradient_clip_val=1.0,
            use_distributed_sampler=False,
            logger=logger or False,
            log_every_n_steps=max(1, min(50, updates // 20)),
            enable_checkpointing=False,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module.train()
        try:
            with matmul_precision("high") if accelerator in TF32 else nullcontext():
                trainer.fit(
                    module, data, ckpt_path=state and str(state), weights_only=True if state else None
                )
        except Diverged:
            if checkpoint_folder is not None and group.first:
                discard(saver.path)
                discard(saver.old)
            raise
        except SystemExit as error:  # Lightning raises it on Ctrl-C and SIGTERM
            raise KeyboardInterrupt from error
