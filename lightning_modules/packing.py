"""Packing at the least cost: where to cut a forest into chunks, and how to pack chunks into rows.

The cost of a forward pass over rows grows with the square of their width.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

_WIDTHS = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Row widths to try."""

CPU_CELLS = 2048
"""Most cells of a forward pass on a CPU: more do not fit into its cache."""
OTHER_CELLS = 32_768
"""Most cells of a forward pass on other devices."""
OTHER_UNMASKED = 0.25
"""Like `RowCost.unmasked`, on other devices: their kernels for masks skip nothing. Not measured."""
OTHER_PASS = 1e11
"""Weights times tokens whose products take other devices as long as the start of a pass. Not measured."""
OTHER_PASS_TOKENS = 2048.0
"""Fewest tokens that occupy other devices. Not measured."""


def most_cells(device: torch.device) -> int:
    """Returns the most cells of a forward pass on a device, unless one row has more."""
    return CPU_CELLS if device.type == "cpu" else OTHER_CELLS


@dataclass(frozen=True, kw_only=True)
class RowCost:
    """Cost of a pass over B rows of T tokens: ``B T (attention_tokens + T) + per_pass``, without a unit.

    Attention without a mask, where each token sees all before it, skips what no token sees: its T costs less.
    """

    attention_tokens: float = 400.0
    """Width of a row, in tokens, at which attention costs as much as everything else."""
    pass_tokens: float = 128.0
    """Fixed cost of one more forward pass, in tokens of a narrow row."""
    unmasked: float = 0.6
    """Cost of attention without a mask, of that with one: on CPUs 0.4 to 0.64, for widths of 64 to 256."""

    def row(self, width: np.ndarray | float, masked: bool = True) -> Any:
        """Returns the cost of one row of `width` tokens."""
        return width * (self.attention_tokens + (width if masked else self.unmasked * width))

    @property
    def per_pass(self) -> float:
        """Fixed cost of a forward pass."""
        return self.pass_tokens * self.attention_tokens


def cost_of(model: torch.nn.Module, device: str | torch.device | None = None) -> RowCost:
    """Estimates the cost of a transformers model's rows from the sizes in its config.

    In each layer a token takes about ``2 (4 h^2 + 3 h i)`` operations, and its attention ``4 h`` per token of
    the row.

    Args:
        model: The model.
        device: Device on which it will run; None: where it is.
    """
    config = getattr(model, "config", None)
    hidden, intermediate = getattr(config, "hidden_size", None), getattr(config, "intermediate_size", None)
    if not isinstance(hidden, int) or not isinstance(intermediate, int):
        return RowCost()
    cost = RowCost(attention_tokens=2.0 * hidden + 1.5 * intermediate)
    if torch.device(device or next(model.parameters()).device).type == "cpu":
        return cost
    weights = sum(weight.numel() for weight in model.parameters())
    return replace(cost, pass_tokens=max(OTHER_PASS / weights, OTHER_PASS_TOKENS), unmasked=OTHER_UNMASKED)


def cut_chunks(length: np.ndarray, shared: np.ndarray, capacity: int) -> np.ndarray:
    """Marks the sequences that begin a chunk of at most `capacity` tokens; few tokens are re-included.

    A cut before sequence u costs the `shared[u]` tokens of its path. Cuts that cost next to nothing are all
    made, because small chunks pack better. The others are found by dynamic programming over a window, because
    a chunk is a run of sequences.
    """
    count, cheap = len(length), capacity // 64
    shares, new = shared.tolist(), np.concatenate([[0], np.cumsum(length - shared)]).tolist()
    best, origin = [0] * (count + 1), [0] * (count + 1)
    window: list[int] = []  # starts of the last chunk, best first, ascending
    head = 0
    for stop in range(1, count + 1):
        start = stop - 1
        if start == 0 or shares[start] <= cheap:
            window, head = [], 0
        value = best[start] + shares[start]
        while len(window) > head and best[window[-1]] + shares[window[-1]] >= value:
            window.pop()
        window.append(start)
        while window[head] < start and new[stop] - new[window[head]] + shares[window[head]] > capacity:
            head += 1
        best[stop] = best[window[head]] + shares[window[head]]
        origin[stop] = window[head]
    first = np.zeros(count, dtype=bool)
    stop = count
    while stop > 0:
        stop = origin[stop]
        first[stop] = True
    return first


def best_fit(size: np.ndarray, capacity: int) -> list[list[int]]:
    """Packs chunks into rows of `capacity`, largest first, each into the fullest row that has room."""
    rows: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (tokens left, row), ascending
    sizes = size.tolist()
    for chunk in np.argsort(-size, kind="stable").tolist():
        at = bisect.bisect_left(room, (sizes[chunk], -1))
        if at < len(room):
            left, row = room.pop(at)
            rows[row].append(chunk)
        else:
            left, row = capacity, len(rows)
            rows.append([chunk])
        if left > sizes[chunk]:
            bisect.insort(room, (left - sizes[chunk], row))
    return rows


def candidate_widths(length: np.ndarray) -> list[int]:
    """Lists row widths worth trying: that of the longest sequence, and round widths from the median up."""
    longest, typical = int(length.max()), int(np.median(length))
    return sorted({longest, *(width for width in _WIDTHS if typical <= width <= 2 * max(longest, 64))})


def rows_cost(fill: np.ndarray, cost: RowCost, max_tokens: int | None, masked: bool = True) -> float:
    """Returns the cost of rows that hold `fill` tokens, split into blocks by `split_rows`."""
    fill = -np.sort(-fill)
    starts = split_rows(fill, cost, max_tokens, masked)
    return float(
        sum(cost.row(float(fill[a]), masked) * (b - a) for a, b in zip(starts[:-1], starts[1:], strict=True))
    ) + (0.0 if np.isinf(cost.pass_tokens) else (len(starts) - 1) * cost.per_pass)


def split_rows(fill: np.ndarray, cost: RowCost, max_tokens: int | None, masked: bool = True) -> list[int]:
    """Finds where to split rows, widest first, into blocks; a block is as wide as its first row.

    A few rows are split at the least cost by dynamic programming. With many rows, which hardly differ, blocks
    are filled to `max_tokens`.
    """
    count = len(fill)
    most = (count if max_tokens is None else np.maximum(max_tokens // fill, 1)) * np.ones(
        count, dtype=np.int64
    )
    if count > 512 or np.isinf(cost.pass_tokens):
        starts = [0]
        while starts[-1] < count:
            starts.append(min(starts[-1] + int(most[starts[-1]]), count))
        return starts
    row = cost.row(fill.astype(np.float64), masked)
    best, origin, index = np.full(count + 1, np.inf), np.zeros(count + 1, dtype=np.int64), np.arange(count)
    best[0] = 0.0
    for stop in range(1, count + 1):
        total = best[:stop] + row[:stop] * (stop - index[:stop]) + cost.per_pass
        total[stop - index[:stop] > most[:stop]] = np.inf
        origin[stop] = int(total.argmin())
        best[stop] = total[origin[stop]]
    starts = [count]
    while starts[-1] > 0:
        starts.append(int(origin[starts[-1]]))
    return starts[::-1]


def first_of_chunks(rows: list[list[int]], count: int) -> np.ndarray:
    """Marks the sequences whose predecessor does not come right before them in the same row."""
    first = np.ones(count, dtype=bool)
    for row in rows:
        for before, after in zip(row[:-1], row[1:], strict=True):
            first[after] = after != before + 1
    return first
