"""Ranking loss over the steps of a solution: wrong steps below right ones, and right ones in ascending order.

The value Q of a step is its logit of being right minus that of being wrong. A right step is compared with the
right steps before it and, by a margin, with all wrong steps; before all steps stands the value 0. Each
comparison is the cross-entropy of a softmax over the values. Source: Process Q-value Model, Li and Li, arXiv
2410.11287, Equation 10; here the comparisons of all solutions are summed with equal weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lightning_modules.encoding import IGNORE
from lightning_modules.prefix_trees import Layout
from lightning_modules.tensors import map_tensors

MARGIN = 4.0
"""Margin between wrong and right steps; the source's default."""
_NOTHING = -1e4
"""Value of a place without a step: it adds nothing to a sum of exponentials."""


@dataclass(frozen=True, kw_only=True)
class StepRanks:
    """The labeled steps of the N solutions of a block, up to S of each."""

    cell: torch.Tensor
    """int64 [N, S]: flat cell that judges the step; 0 where there is none."""
    right: torch.Tensor
    """bool [N, S]: whether there is a step, and it is right."""
    wrong: torch.Tensor
    """bool [N, S]: whether there is a step, and it is wrong."""

    @classmethod
    def of(cls, block: Layout, targets: Sequence[np.ndarray]) -> StepRanks:
        """Finds the steps of a block, from the targets [T] of the tokens of all sequences: 0, 1 or none."""
        cells, labels = [], []
        for sequence, start in zip(block.sequences, block.offsets[:-1], strict=True):
            held = np.flatnonzero(targets[sequence] != IGNORE)
            cells.append(block.node_of[start + held])
            labels.append(targets[sequence][held])
        size = max(1, *map(len, cells))
        cell = np.zeros((len(cells), size), np.int64)
        label = np.full((len(cells), size), IGNORE)
        for row, (places, values) in enumerate(zip(cells, labels, strict=True)):
            cell[row, : len(places)], label[row, : len(places)] = places, values
        return cls(
            cell=torch.from_numpy(cell),
            right=torch.from_numpy(label == 1),
            wrong=torch.from_numpy(label == 0),
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> StepRanks:
        """Returns the steps with their tensors on a device."""
        return map_tensors(self, lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def loss(self, logits_BTC: torch.Tensor) -> torch.Tensor:
        """Sums the loss of all solutions."""
        logits = logits_BTC.flatten(0, 1)[self.cell]
        value_NS = logits[..., 1] - logits[..., 0]
        start = value_NS.new_zeros(len(value_NS), 1)
        right = torch.where(self.right, value_NS, _NOTHING)
        wrong = torch.where(self.wrong, value_NS + MARGIN, _NOTHING).logsumexp(1, keepdim=True)
        against = torch.logaddexp(torch.cat([start, right], 1).logcumsumexp(1), wrong)
        # Without a wrong step, the start is compared with itself, which is 0.
        return against[:, 0].sum() + torch.where(self.right, against[:, 1:] - value_NS, 0.0).sum()
