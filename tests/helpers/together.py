"""Training and scoring in one process or several; the first process writes the results."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForTokenClassification

from lightning_modules import optimization
from lightning_modules.encoding import Encoded
from lightning_modules.process_group import Group, join_group
from lightning_modules.reward_data import RewardData, RewardDataset
from lightning_modules.reward_model import RewardModel
from lightning_modules.scoring import score
from lightning_modules.sharding import gather_weights
from lightning_modules.training import fit

COUNTS = (0, 1, 2, 3, 7, 13, 20)
"""Numbers of solutions to score: none, fewer than processes, primes."""
UPDATES = 8


def backbone() -> LlamaForTokenClassification:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=12, num_key_value_heads=2, num_labels=2, initializer_range=0.3, **sizes)
    return LlamaForTokenClassification(config)


def solutions(count: int) -> list[Encoded]:
    random = np.random.default_rng(0)
    made = []
    for index in range(count):
        lengths = random.integers(1, 5, random.integers(0, 5))
        ids = np.concatenate([[index % 4, 1, 2], random.integers(0, 12, lengths.sum())]).astype(np.int32)
        made.append(Encoded(ids=ids, solution_start=3, step_end=2 + np.cumsum(lengths)))
    return made


def data() -> RewardData:
    """Makes 13 solutions in updates of 12, so that every second update has one, and one process none."""
    random = np.random.default_rng(0)
    token_ids = [random.integers(0, 12, 6 + random.integers(1, 9)) for _ in range(13)]
    targets = [np.where(np.arange(len(ids)) < 6, -100, random.integers(0, 2, len(ids))) for ids in token_ids]
    return RewardData(
        RewardDataset(token_ids=token_ids, targets=targets, num_classes=2), batch_size=12, seed=5
    )


class Stop(Callback):
    """Raises an error in the middle of an epoch."""

    def on_train_batch_end(self, trainer: lightning.Trainer, *args: Any) -> None:
        if trainer.global_step == 3:
            raise InterruptedError


def train(group: Group, folder: Path | None = None, *more: Callback) -> dict[str, torch.Tensor]:
    model = RewardModel(backbone(), learning_rate=1e-2, total_updates=UPDATES)
    fit(
        model,
        data(),
        updates=UPDATES,
        group=group,
        callbacks=more,
        checkpoint_folder=folder,
        checkpoint_every=1,
    )
    return gather_weights(model)


def half(group: Group, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(InterruptedError):
        train(group, folder, Stop())
    return folder


def main(out: Path, given: Path | None) -> None:
    """Trains and scores in this process as a part of its group.

    Args:
        out: folder to write into.
        given: folder with an unfinished training of an earlier group of any size.
    """
    with join_group() as group:
        scores = [score(backbone(), solutions(count), max_tokens=30, group=group) for count in COUNTS]
        states = {"ddp": train(group)}
        half(group, out / "left")
        if given is not None:
            states["resumed"] = train(group, given)
        if group.size > 1:
            split = replace(group, strategy="fsdp")
            states["fsdp"] = train(split)
            states["fsdp resumed"] = train(split, half(split, out / "split"))
            optimization.FUSED = ("cpu",)
            states["fsdp fused"] = train(split, half(split, out / "fused"))
        if not group.first:
            return
        for name, state in states.items():
            save_file(state, out / f"{name}.safetensors")
        for count, found in zip(COUNTS, scores, strict=True):
            np.savez(out / f"{count}.npz", prob=found.prob, last=found.last, size=group.size)
