"""Training through a Trainer against a plain padded loop over the same solutions; Lightning's overhead."""

import warnings
from collections.abc import Iterable
from typing import Any

import lightning
import numpy as np
import torch
from measure import classifier, medians, padded
from pools import Pool

from lightning_modules.encoding import IGNORE
from lightning_modules.packing import cost_of
from lightning_modules.reward_data import GlobalBatches, RewardData, RewardDataset
from lightning_modules.reward_model import RewardModel

LEARNING_RATE = 1e-3
ONE_EPOCH: dict[str, Any] = {
    "accelerator": "cpu",
    "devices": 1,
    "max_epochs": 1,
    "gradient_clip_val": 1.0,
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
    "num_sanity_val_steps": 0,
}
"""Arguments of Lightning's Trainer."""


def dataset(pool: Pool, supervision: str, solutions: int) -> RewardDataset:
    """Draws a part of the pool, with targets for process supervision (up to the first error) or outcome."""
    chosen = np.random.default_rng(0).permutation(len(pool.encoded))[:solutions]
    encoded = [pool.encoded[i] for i in chosen]
    cost = cost_of(classifier(pool.vocabulary))
    if supervision == "outcome":
        right = [int(pool.first_error[i] >= len(pool.encoded[i].step_end)) for i in chosen]
        return RewardDataset.from_encoded(encoded, solution_targets=right, cost=cost)
    step_targets = []
    for i in chosen:
        step = np.arange(len(pool.encoded[i].step_end))
        error = pool.first_error[i]
        step_targets.append(np.where(step < error, 1, np.where(step == error, 0, IGNORE)))
    return RewardDataset.from_encoded(encoded, step_targets=step_targets, cost=cost)


def module(pool: Pool, updates: int) -> RewardModel:
    """Makes the model of every run."""
    return RewardModel(classifier(pool.vocabulary), learning_rate=LEARNING_RATE, total_updates=updates)


def fit(pool: Pool, data: RewardDataset, batch_size: int) -> RewardModel:
    """Trains one epoch, as users do."""
    batches = RewardData(data, batch_size=batch_size, seed=0)
    model = module(pool, batches.updates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lightning.Trainer(**ONE_EPOCH).fit(model, batches)
    return model


def bare(pool: Pool, data: RewardDataset, batch_size: int) -> None:
    """Trains on the same batches without Lightning."""
    batches = GlobalBatches(data, batch_size=batch_size, seed=0)
    model = module(pool, len(batches)).train()
    update(model, (model.loss_sum(batch) / batch.target_count for batch in batches))


def plain(pool: Pool, data: RewardDataset, batch_size: int) -> torch.nn.Module:
    """Trains on padded batches in the order drawn, with nothing sorted or shared; returns the backbone."""
    batches = GlobalBatches(data, batch_size=batch_size, seed=0)
    model = module(pool, len(batches)).train()

    def loss(index: np.ndarray) -> torch.Tensor:
        rows = [data.token_ids[i] for i in index]
        real_BT = padded([np.ones(len(row), dtype=np.int64) for row in rows], 0)
        target_BT = padded([data.targets[i].astype(np.int64) for i in index], IGNORE)
        logits_BTC = model.backbone(input_ids=padded(rows, 0), attention_mask=real_BT, use_cache=False).logits
        return torch.nn.functional.cross_entropy(
            logits_BTC.flatten(0, 1), target_BT.flatten(), ignore_index=IGNORE
        )

    update(model, map(loss, batches.updates(0)))
    return model.backbone


def update(model: RewardModel, losses: Iterable[torch.Tensor]) -> None:
    """Makes one update per loss, each computed after the update before."""
    configured = model.configure_optimizers()
    optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    for loss in losses:
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def measure(pool: Pool, *, solutions: int, batch_size: int, repeats: int) -> dict[str, Any]:
    """Measures seconds and ratios for both kinds of supervision."""
    results: dict[str, Any] = {}
    for supervision in ("process", "outcome"):
        data = dataset(pool, supervision, solutions)
        ours, theirs = fit(pool, data, batch_size), plain(pool, data, batch_size)  # also warms up
        pairs = zip(ours.backbone.parameters(), theirs.parameters(), strict=True)
        difference = max(float((a - b).detach().abs().max()) for a, b in pairs)
        bare(pool, data, batch_size)
        seconds = medians(
            {
                "fit": lambda data=data: fit(pool, data, batch_size),
                "bare": lambda data=data: bare(pool, data, batch_size),
                "plain": lambda data=data: plain(pool, data, batch_size),
            },
            repeats,
        )
        updates = -(-solutions // batch_size)
        results[supervision] = {
            "speedup": seconds["plain"] / seconds["fit"],
            "lightning_overhead": seconds["fit"] / seconds["bare"] - 1,
            "seconds_per_update": {name: value / updates for name, value in seconds.items()},
            "solutions": solutions,
            "batch_size": batch_size,
            "largest_weight_difference": difference,
        }
    return results
