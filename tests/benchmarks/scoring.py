"""Scoring a pool against a plain padded, unsorted loop under inference_mode."""

from typing import Any

import numpy as np
import torch
from measure import classifier, medians, padded
from pools import Pool

from lightning_modules.encoding import Encoded
from lightning_modules.scoring import score


def plain(model: torch.nn.Module, solutions: list[Encoded], batch_size: int) -> np.ndarray:
    """Class probabilities at the step ends, solutions as they come."""
    found = []
    with torch.inference_mode():
        for begin in range(0, len(solutions), batch_size):
            batch = solutions[begin : begin + batch_size]
            held_BT = padded([np.ones(len(s.ids), dtype=np.int64) for s in batch], 0)
            logits_BTC = model(
                input_ids=padded([s.ids for s in batch], 0), attention_mask=held_BT, use_cache=False
            ).logits
            prob_BTC = logits_BTC.double().softmax(-1).numpy()
            found += [prob_BTC[row, s.step_end] for row, s in enumerate(batch)]
    return np.concatenate(found)


def measure(pool: Pool, *, batch_size: int, repeats: int) -> dict[str, Any]:
    """Seconds of both, their ratio, and the largest difference of the scores."""
    model = classifier(pool.vocabulary).eval()
    order = np.random.default_rng(0).permutation(len(pool.encoded))
    solutions = [pool.encoded[i] for i in order]
    difference = float(np.abs(score(model, solutions).prob - plain(model, solutions, batch_size)).max())
    seconds = medians(
        {"ours": lambda: score(model, solutions), "plain": lambda: plain(model, solutions, batch_size)},
        repeats,
    )
    tokens = sum(len(solution.ids) for solution in solutions)
    return {
        "speedup": seconds["plain"] / seconds["ours"],
        "seconds": seconds,
        "solutions": len(solutions),
        "tokens": tokens,
        "tokens_per_second": {name: tokens / value for name, value in seconds.items()},
        "plain_batch_size": batch_size,
        "largest_difference": difference,
    }
