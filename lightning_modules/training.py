"""fit(...): the one place that builds a Trainer."""

import logging
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment

from lightning_modules.divergence import Diverged, Watch, check_finite
from lightning_modules.presets import Precision
from lightning_modules.process_group import ALONE, Group
from lightning_modules.sharding import strategy_of


class Progress(Callback):
    """Reports the share of updates that are done."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self.report = report

    def on_train_batch_end(self, trainer: lightning.Trainer, *args: Any) -> None:
        self.report(trainer.global_step / trainer.max_steps)


class KeepState(Callback):
    """Keeps the state of a run every so often, whole or not at all, so that a killed run can go on."""

    def __init__(self, folder: Path, *, every: int) -> None:
        self.path, self.every = folder / "last.ckpt", every

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, batch_index: int
    ) -> None:
        # Within an update there are gradients, which no state holds.
        if trainer.global_step % self.every or (batch_index + 1) % trainer.accumulate_grad_batches:
            return
        check_finite(trainer, module)
        new = self.path.with_suffix(".new")
        trainer.save_checkpoint(new, weights_only=False)
        if trainer.is_global_zero:
            for path in (*new.rglob("*"), new):  # of split weights it is a folder
                sync(path)
            if self.path.is_dir():
                discard(self.path)
            new.replace(self.path)


def discard(state: Path) -> None:
    """Removes a state, a file or of split weights a folder, if it is there."""
    if state.is_dir():
        shutil.rmtree(state)
    else:
        state.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Waits until a file is on the disk, so that a power cut after its renaming leaves no empty one."""
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
        module: what is trained.
        data: its batches.
        updates: optimiser updates in all.
        precision: ``32-true`` or ``bf16-mixed``.
        accelerator: Lightning's name: cpu, cuda, ...
        accumulate: batches that make an update together.
        group: the processes that train it together; all call it with the same arguments.
        logger: one of Lightning's.
        callbacks: more of Lightning's.
        checkpoint_folder: where the state is kept; a run that finds one there goes on from it.
        checkpoint_every: updates between two states.
        progress: called with the share of updates done.

    Raises:
        Diverged: a loss or a weight is not finite; no state is kept.
        KeyboardInterrupt: Ctrl-C, or SIGTERM.
    """
    extra: list[Callback] = [Watch(), *callbacks]
    resume = None
    if checkpoint_folder is not None:
        keep = KeepState(checkpoint_folder, every=checkpoint_every)
        extra.append(keep)
        resume = str(keep.path) if keep.path.exists() else None
    if progress is not None and group.first:
        extra.append(Progress(progress))
    if logger is not None:
        extra.append(LearningRateMonitor("step"))
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Data here is small and in memory: loader processes would only cost their start.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # Validation is a callback's matter here.
        warnings.filterwarnings("ignore", message="Total length of `list` across ranks is zero")
        # Lightning's own use of what torch deprecates.
        warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")
        # An epoch may be shorter; what is logged is summed over epochs.
        warnings.filterwarnings("ignore", message="The number of training batches .* is smaller than the log")
        # Logits are read, never changed in place.
        warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
        trainer = lightning.Trainer(
            max_steps=updates,
            max_epochs=-1,
            precision=precision,
            accelerator=accelerator,
            accumulate_grad_batches=accumulate,
            devices=group.size // group.nodes,
            num_nodes=group.nodes,
            strategy=strategy_of(group),
            # alone, whatever launcher's variables there are
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
            trainer.fit(module, data, ckpt_path=resume, weights_only=True if resume else None)
        except Diverged:
            if checkpoint_folder is not None and group.first:
                discard(keep.path)
            raise
        except SystemExit as told:  # how Lightning hands on Ctrl-C and SIGTERM
            raise KeyboardInterrupt from told
