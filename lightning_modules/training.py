"""Training with Lightning: `fit` is the only function that builds a Trainer."""

import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment

from lightning_modules.divergence import Diverged, Watch
from lightning_modules.matmul_precision import matmul_precision
from lightning_modules.presets import Precision
from lightning_modules.process_group import ALONE, Group
from lightning_modules.sharding import strategy_of
from lightning_modules.state_saving import StateSaver

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
        checkpoint_every: updates between two states; more if training waits for them over 5% of the time.
        progress: called with the share of updates done.

    Raises:
        Diverged: a loss or a weight is not finite; the state is deleted.
        KeyboardInterrupt: Ctrl-C, or SIGTERM.
    """
    extra: list[Callback] = [Watch(), *callbacks]
    # ignores a launcher's variables for a single process
    plugins: list[Any] = [LightningEnvironment()] if group.size == 1 else []
    state = None
    if checkpoint_folder is not None:
        split = group.size > 1 and group.strategy == "fsdp"
        saver = StateSaver(checkpoint_folder, every=checkpoint_every, split=split)
        extra.append(saver)
        state = saver.existing()
        if not split:
            plugins.append(saver.writer)
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
            plugins=plugins,
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
                saver.discard()
            raise
        except SystemExit as error:  # Lightning raises it on Ctrl-C and SIGTERM
            raise KeyboardInterrupt from error
