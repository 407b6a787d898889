"""Training through a Trainer against a plain padded loop over the same solutions, and Lightning's share of a
step."""

import warnings
from typing import Any

import lightning
import numpy as np
import torch
from measure import classifier, medians, padded
from pools import Pool

from lightning_modules.encoding import IGNORE
from lightning_modules.packing import cost_of
from lightning_modules.reward_data import GlobalBatches, RewardBatch, RewardData, RewardDataset
from lightning_modules.reward_model import RewardModel

LEARNING_RATE = 1e-3
QUIET: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
    "num_sanity_val_steps": 0,
}


def dataset(pool: Pool, supervision: str, solutions: int) -> RewardDataset:
    """A random part of the pool with targets for process supervision (up to the first error) or outcome
    supervision."""
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
    """The model of every run."""
    return RewardModel(classifier(pool.vocabulary), learning_rate=LEARNING_RATE, total_updates=updates)


def fit(pool: Pool, data: RewardDataset, batch_size: int) -> RewardModel:
    """One epoch, as users train."""
    made = RewardData(data, batch_size=batch_size, seed=0)
    model = module(pool, made.updates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            accelerator="cpu", devices=1, max_epochs=1, gradient_clip_val=1.0, **QUIET
        )
        trainer.fit(model, made)
    return model


def bare(pool: Pool, data: RewardDataset, batch_size: int) -> None:
    """The same batches and the same step without Lightning."""
    batches = GlobalBatches(data, batch_size=batch_size, seed=0)
    model = module(pool, len(batches))
    optimizers = model.configure_optimizers()
    optimizer, schedule = optimizers["optimizer"], optimizers["lr_scheduler"]["scheduler"]
    model.train()
    batch: RewardBatch
    for batch in batches:
        (model.loss_sum(batch) / batch.target_count).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def plain(pool: Pool, data: RewardDataset, batch_size: int) -> torch.nn.Module:
    """The plain loop: padded batches in the order drawn, nothing sorted or shared."""
    batches = GlobalBatches(data, batch_size=batch_size, seed=0)
    model = classifier(pool.vocabulary).train()
    holder = module(pool, len(batches))
    holder.backbone = model
    optimizers = holder.configure_optimizers()
    optimizer, schedule = optimizers["optimizer"], optimizers["lr_scheduler"]["scheduler"]
    for index in batches.updates(0):
        rows = [data.token_ids[i] for i in index]
        token_BT = padded(rows, 0)
        held_BT = padded([np.ones(len(row), dtype=np.int64) for row in rows], 0)
        target_BT = padded([data.targets[i].astype(np.int64) for i in index], IGNORE)
        logits_BTC = model(input_ids=token_BT, attention_mask=held_BT, use_cache=False).logits
        torch.nn.functional.cross_entropy(
            logits_BTC.flatten(0, 1), target_BT.flatten(), ignore_index=IGNORE
        ).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return model


def measure(pool: Pool, *, solutions: int, batch_size: int, repeats: int) -> dict[str, Any]:
    """Seconds and ratios for both kinds of supervision."""
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
