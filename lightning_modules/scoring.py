"""Scoring of many solutions: every distinct token is computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
import torch

from lightning_modules.backbones import POOLED, SUMMED
from lightning_modules.device_copies import upload
from lightning_modules.encoding import Encoded
from lightning_modules.matmul_precision import matmul_precision
from lightning_modules.packing import cost_of, most_cells
from lightning_modules.prefix_trees import Layout, Rows, layouts
from lightning_modules.process_group import ALONE, Group
from lightning_modules.reward_model import probability_of_correct
from lightning_modules.row_choice import choose_rows


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Class probabilities of solutions, ragged over their steps."""

    prob: np.ndarray
    """float64 [all steps, C], class probabilities at the end of each step, or from the sum of its tokens'
    logits; one solution after the other."""
    offsets: np.ndarray
    """int64 [N + 1], where each solution begins in `prob`."""
    last: np.ndarray
    """float64 [N], P(correct) of each solution: at its last token, or from the mean or sum of its tokens'
    logits."""


@matmul_precision("highest")
def score(
    model: torch.nn.Module,
    solutions: Sequence[Encoded],
    *,
    max_tokens: int | None = None,
    rows: Rows | None = None,
    progress: Callable[[float], None] | None = None,
    group: Group = ALONE,
) -> Scores:
    """Computes class probabilities at each step's end and P(correct) of each solution, on the model's device.

    A solution's scores depend only on the model and the solution, up to the rounding of differently shaped
    products. Processes share the blocks of a single one, so that their number does not change the rounding.

    Args:
        model: A RewardModel, or a token classification model from transformers.
        solutions: N solutions in tokens, in any order.
        max_tokens: Most cells of a forward pass; None: what suits the device.
        rows: Rows to compute; None: what `choose_rows` chooses.
        progress: Called with the share of this process's solutions done, from 0 to 1.
        group: Processes that score together; all call it with the same solutions, and all get all scores.

    Returns:
        Scores in the order of `solutions`.
    """
    backbone: Any = getattr(model, "backbone", model)
    num_classes = int(backbone.config.num_labels)
    step_count = np.array([len(solution.step_end) for solution in solutions], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(step_count)]).astype(np.int64)
    # Tokens to read: the steps' ends and the last one, which usually is the end of the last step.
    tokens = [np.append(solution.step_end, len(solution.ids) - 1) for solution in solutions]
    prob = np.zeros((int(offsets[-1]), num_classes))
    last = np.zeros((len(solutions), num_classes))
    if len(solutions) == 0:
        return Scores(prob=prob, offsets=offsets, last=probability_of_correct(last))
    pooled = getattr(backbone.config, POOLED, False)
    summed = getattr(backbone.config, SUMMED, False)
    device = next(backbone.parameters()).device
    blocks = layouts(
        [solution.ids for solution in solutions],
        max_tokens=most_cells(device) if max_tokens is None else max_tokens,
        rows=choose_rows(backbone) if rows is None else rows,
        cost=cost_of(backbone),
    )[group.rank :: group.size]
    total = sum(len(block.sequences) for block in blocks)
    was_training = backbone.training
    backbone.eval()
    done = 0
    read: list[torch.Tensor] = []  # stay on the device, so that it need not wait for this process
    whole: list[torch.Tensor | None] = []
    with torch.inference_mode():
        for block in blocks:
            logits_BTC = backbone(**block.to(device).inputs(backbone), use_cache=False).logits
            counts = step_count[block.sequences]
            token = np.concatenate([tokens[sequence] for sequence in block.sequences])
            cell = block.node_of[np.repeat(block.offsets[:-1], counts + 1) + token]
            if summed:
                read.append(_sums(logits_BTC, block, [solutions[sequence] for sequence in block.sequences]))
            else:
                read.append(logits_BTC.flatten(0, 1)[upload(cell, device)])
            whole.append(logits_BTC if pooled else None)
            done += len(block.sequences)
            if progress is not None:
                progress(done / total)
    backbone.train(was_training)
    for block, logits, logits_BTC in zip(blocks, read, whole, strict=True):
        counts = step_count[block.sequences]
        block_prob = logits.double().softmax(-1).cpu().numpy()
        is_last = np.zeros(len(block_prob), dtype=bool)
        is_last[np.cumsum(counts + 1) - 1] = True
        if logits_BTC is None:
            last[block.sequences] = block_prob[is_last]
        else:
            starts = [solutions[sequence].solution_start for sequence in block.sequences]
            last[block.sequences] = _mean_prob(logits_BTC, block, starts)
        steps = [np.arange(offsets[sequence], offsets[sequence + 1]) for sequence in block.sequences]
        prob[np.concatenate(steps)] = block_prob[~is_last]
    prob, last = group.sum(prob), group.sum(last)
    return Scores(prob=prob, offsets=offsets, last=probability_of_correct(last))


def _sums(logits_BTC: torch.Tensor, block: Layout, solutions: Sequence[Encoded]) -> torch.Tensor:
    """Returns sums of logits over the tokens of each step, then of the whole solution: float64 [sums, C]."""
    first, stop = [], []
    for begin, solution in zip(block.offsets[:-1], solutions, strict=True):
        start, ends = begin + solution.solution_start, begin + solution.step_end + 1
        first.append(np.append(np.append(start, ends)[:-1], start))
        stop.append(np.append(ends, begin + len(solution.ids)))
    flat_NC = logits_BTC.flatten(0, 1)[torch.from_numpy(block.node_of).to(logits_BTC.device)].double()
    before = torch.cat([flat_NC.new_zeros(1, flat_NC.shape[1]), flat_NC.cumsum(0)])
    return before[np.concatenate(stop)] - before[np.concatenate(first)]


def _mean_prob(logits_BTC: torch.Tensor, block: Layout, starts: Sequence[int]) -> np.ndarray:
    """Returns class probabilities of the mean of each solution's logits after the prompt, float64 [N, C].

    A solution without tokens after the prompt gets those at its last token.
    """
    flat_NC = logits_BTC.flatten(0, 1).double().cpu().numpy()
    cells = [block.cells(index) for index in range(len(starts))]
    after = [cell[min(start, len(cell) - 1) :] for cell, start in zip(cells, starts, strict=True)]
    return scipy.special.softmax(np.stack([flat_NC[cell].mean(axis=0) for cell in after]), axis=1)
