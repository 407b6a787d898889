"""Scoring a pool against a plain padded, unsorted loop in inference mode."""

from typing import Any

import numpy as np
import torch
from measure import classifier, medians, padded
from pools import Pool

from lightning_modules.encoding import Encoded
from lightning_modules.scoring import score


def plain(model: torch.nn.Module, solutions: list[Encoded], batch_size: int) -> np.ndarray:
    """Computes class probabilities at the step ends, with solutions in the given order."""
    prob = []
    with torch.inference_mode():
        for begin in range(0, len(solutions), batch_size):
            batch = solutions[begin : begin + batch_size]
            logits_BTC = model(
                input_ids=padded([s.ids for s in batch], 0),
                attention_mask=padded([np.ones(len(s), dtype=np.int64) for s in batch], 0),
                use_cache=False,
            ).logits
            prob_BTC = logits_BTC.double().softmax(-1).numpy()
            prob += [prob_BTC[row, s.step_end] for row, s in enumerate(batch)]
    return np.concatenate(prob)


def measure(pool: Pool, *, batch_size: int, repeats: int) -> dict[str, Any]:
    """Measures the seconds of both, their ratio, and the largest difference of the scores."""
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
