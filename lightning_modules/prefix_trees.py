"""Token tries of a batch's solutions: prefixes that solutions share are computed once.

Sequences are sorted into a forest of prefix tries: equal solutions collapse to one path, shared prompts and
shared first steps to one branch. The forest is written out depth first and cut into chunks that re-include
the path to their first token, and chunks are packed into rows. A token sees only its ancestors and itself,
and its position is its depth, so that a causal transformer computes for it exactly what it computes for the
solution alone.

Shape letters: B rows, T tokens per row, C classes, N sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

from lightning_modules.packing import (
    RowCost,
    best_fit,
    candidate_widths,
    cut_chunks,
    first_of_chunks,
    rows_cost,
    split_rows,
)
from lightning_modules.tensors import map_tensors

Rows = Literal["trie", "causal", "packed", "padded"]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Sequences laid out as one tensor of rows, for one forward pass."""

    token_BT: torch.Tensor
    """int64, token ids; 0 in empty cells."""
    position_BT: torch.Tensor
    """int64, depth of the token in its trie."""
    end_BT: torch.Tensor
    """int64, column after the last descendant of the token; its own column + 1 in empty cells."""
    rows: Rows
    """What a row holds: a trie of sequences; one sequence, for a causal model; sequences one after the other,
    for kernels that know where each begins; or one sequence, for any model."""
    sequences: np.ndarray
    """int64 [N], indices of the given sequences that this layout holds, ascending."""
    node_of: np.ndarray
    """int64, flat cell (row * T + column) of each token of those sequences, one sequence after the other."""
    offsets: np.ndarray
    """int64 [N + 1], where each sequence begins in `node_of`."""
    start: torch.Tensor
    """int32 [U + 1], cell where each of U distinct sequences that follow one another begins, and the end."""
    longest: int
    """Number of tokens of the longest sequence."""

    def cells(self, index: int) -> np.ndarray:
        """Returns the flat cells of the tokens of this layout's `index`-th sequence."""
        return self.node_of[self.offsets[index] : self.offsets[index + 1]]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Layout:
        """Returns the layout with its tensors on a device."""
        return map_tensors(self, lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def visible(self) -> torch.Tensor:
        """Marks the tokens (last axis) that a token (third) sees, itself and ancestors: bool [B, 1, T, T]."""
        column = torch.arange(self.token_BT.shape[1], device=self.token_BT.device)
        before = column[None, :, None] >= column[None, None, :]
        return (before & (column[None, :, None] < self.end_BT[:, None, :]))[:, None]

    def additive_mask(self, dtype: torch.dtype) -> torch.Tensor:
        """Makes the mask of `visible` for addition to products.

        Eager attention needs it, and the CPU's fused kernel would convert a bool mask at every layer.
        """
        zero = torch.zeros((), dtype=dtype, device=self.end_BT.device)
        return zero.masked_fill(~self.visible(), torch.finfo(dtype).min)

    def block_mask(self) -> BlockMask:
        """Makes the mask of `visible` for FlexAttention, which skips blocks where no token sees another."""
        end_BT = self.end_BT

        def sees(
            row: torch.Tensor, _head: torch.Tensor, query: torch.Tensor, key: torch.Tensor
        ) -> torch.Tensor:
            return (key <= query) & (query < end_BT[row, key])

        rows, width = end_BT.shape
        return create_block_mask(sees, rows, None, width, width, device=end_BT.device)

    def inputs(self, model: Any) -> dict[str, Any]:
        """Makes the keyword arguments for a forward pass of a transformers model."""
        if self.rows == "causal":  # no token sees what follows it, so that padding needs no mask
            return {"input_ids": self.token_BT}
        if self.rows == "padded":
            column = torch.arange(self.token_BT.shape[1], device=self.token_BT.device)
            held = column < self.end_BT[:, :1]
            return {
                "input_ids": self.token_BT,
                "attention_mask": held.long(),
                "position_ids": self.position_BT,
            }
        if self.rows == "packed":
            return {
                **{"input_ids": self.token_BT, "position_ids": self.position_BT},
                **{"cu_seq_lens_q": self.start, "cu_seq_lens_k": self.start},
                **{"max_length_q": self.longest, "max_length_k": self.longest},
            }
        flexible = getattr(model.config, "_attn_implementation", None) == "flex_attention"
        mask = self.block_mask() if flexible else self.additive_mask(model.dtype)
        return {"input_ids": self.token_BT, "attention_mask": mask, "position_ids": self.position_BT}


def layout(
    token_ids: Sequence[np.ndarray],
    capacity: int | None = None,
    *,
    rows: Rows = "trie",
    cost: RowCost | None = None,
) -> Layout:
    """Lays all sequences out in one tensor; see `layouts`."""
    cost = replace(cost or RowCost(), pass_tokens=float("inf"))
    return layouts(token_ids, capacity, rows=rows, cost=cost)[0]


def layouts(
    token_ids: Sequence[np.ndarray],
    capacity: int | None = None,
    *,
    max_tokens: int | None = None,
    rows: Rows = "trie",
    cost: RowCost | None = None,
) -> list[Layout]:
    """Lays sequences out in rows at the least cost, in blocks of rows of similar width.

    Equal sequences are computed once, whatever the rows.

    Args:
        token_ids: N sequences of token ids, none empty.
        capacity: Most tokens per row, unless one sequence has more; None: what costs least.
        max_tokens: Most cells per block, unless one row has more; None: no limit.
        rows: Rows that the model computes right; see `row_choice.choose_rows`. "trie": common prefixes are
            computed once where that costs less than a row per sequence without a mask, which is "causal".
            "packed": sequences one after the other, in one row per block. "padded": a row per sequence.
        cost: Cost of rows and passes.

    Returns:
        Blocks; every sequence is in exactly one.

    Raises:
        ValueError: If there is no sequence, one is empty, or `capacity` or `max_tokens` is below 1.
    """
    for name, value in (("capacity", capacity), ("max_tokens", max_tokens)):
        if value is not None and value < 1:
            raise ValueError(f"{name} is {value}; allowed: at least 1, or None")
    if not len(token_ids) or not all(map(len, token_ids)):
        raise ValueError(
            "token_ids has no sequence or an empty one; allowed: sequences of at least one token"
        )
    cost = cost or RowCost()
    forest = _Forest.grow(token_ids)
    alone, count = np.ones(len(forest.length), dtype=bool), len(forest.length)
    if rows == "packed":
        room = int(forest.length.sum()) if max_tokens is None else max_tokens
        return [forest.cut(alone).write([sorted(row)], rows) for row in best_fit(forest.length, room)]
    plan, fill = [[index] for index in range(count)], forest.length
    if rows == "trie":
        widths = [capacity] if capacity is not None else candidate_widths(forest.length)
        tries = min(map(forest.pack, widths), key=lambda packed: rows_cost(packed[1], cost, max_tokens))
        if capacity is not None or rows_cost(tries[1], cost, max_tokens) < rows_cost(
            fill, cost, max_tokens, masked=False
        ):
            plan, fill = tries
        else:
            rows = "causal"
    order = np.argsort(-fill, kind="stable")
    starts = split_rows(fill[order], cost, max_tokens, masked=rows != "causal")
    forest = forest.cut(first_of_chunks(plan, count))
    return [
        forest.write([plan[row] for row in order[start:stop]], rows)
        for start, stop in zip(starts[:-1], starts[1:], strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class _Forest:
    """`U` distinct sequences in lexicographic order, the longest of `T` tokens."""

    token_UT: np.ndarray
    length: np.ndarray
    shared: np.ndarray
    """[U], number of tokens that a sequence shares with the one before it; 0 where a chunk begins."""
    inverse: np.ndarray
    """[N], index of the distinct sequence that equals each given one."""

    @staticmethod
    def grow(token_ids: Sequence[np.ndarray]) -> _Forest:
        # Big-endian bytes sort like the ids, a prefix before longer sequences.
        keys = [np.asarray(ids, dtype=">i4").tobytes() for ids in token_ids]
        distinct = {key: index for index, key in enumerate(sorted(set(keys)))}
        inverse = np.array([distinct[key] for key in keys], dtype=np.int64)
        length = np.array([len(key) // 4 for key in distinct], dtype=np.int64)
        token_UT = np.full((len(length), int(length.max())), -1, dtype=np.int64)
        token_UT[np.arange(token_UT.shape[1]) < length[:, None]] = np.frombuffer(
            b"".join(distinct), dtype=">i4"
        )
        shared = np.zeros(len(length), dtype=np.int64)
        shared[1:] = (token_UT[1:] != token_UT[:-1]).argmax(axis=1)
        return _Forest(token_UT=token_UT, length=length, shared=shared, inverse=inverse)

    def cut(self, first: np.ndarray) -> _Forest:
        """Returns the forest with chunks that begin at the sequences marked in `first`."""
        return replace(self, shared=np.where(first, 0, self.shared))

    def pack(self, capacity: int) -> tuple[list[list[int]], np.ndarray]:
        """Returns rows as lists of sequences, and the number of tokens in each row."""
        first = cut_chunks(self.length, self.shared, capacity)
        start = np.flatnonzero(first)
        size = np.add.reduceat(np.where(first, self.length, self.length - self.shared), start)
        stop = np.append(start[1:], len(self.length))
        packed = [sorted(row) for row in best_fit(size, capacity)]
        rows = [[u for chunk in row for u in range(start[chunk], stop[chunk])] for row in packed]
        fill = np.array([int(size[row].sum()) for row in packed])
        for index, row in enumerate(packed):  # neighbors in one row again share their prefix
            fill[index] -= sum(
                int(self.shared[start[b]]) for a, b in zip(row[:-1], row[1:], strict=True) if b == a + 1
            )
        return rows, fill

    def write(self, rows: list[list[int]], kind: Rows) -> Layout:
        """Writes one block: rows hold whole chunks, with the sequences of a row in depth-first order."""
        order = np.array([u for row in rows for u in row])
        length, common, token_UT = self.length[order], self.shared[order], self.token_UT[order]
        U, width = token_UT.shape
        depth, index = np.arange(width), np.arange(U)[:, None]
        own_UT = (depth >= common[:, None]) & (depth < length[:, None])
        # The sequence that wrote the token at this depth: the latest one that shared less than this depth.
        writer_UT = np.maximum.accumulate(np.where(depth >= common[:, None], index, 0), axis=0)
        # The next sequence that leaves the trie above this depth: the token's subtree ends where that one
        # begins.
        leaver_UT = np.minimum.accumulate(np.where(depth >= common[:, None], index, U)[::-1], axis=0)[::-1]
        leaver_UT = np.concatenate([leaver_UT[1:], np.full((1, width), U)])

        row_of = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        node = np.concatenate([[0], np.cumsum(length - common)])
        first_of_row = np.concatenate([[0], np.flatnonzero(np.diff(row_of)) + 1])
        row_start = node[first_of_row]
        row_fill = np.diff(np.append(row_start, node[-1]))
        T = int(row_fill.max())
        column = node[:-1] - row_start[row_of]

        column_UT = column[writer_UT] + depth - common[writer_UT]
        cell_UT = row_of[:, None] * T + column_UT
        leaver_column = np.append(column, 0)[leaver_UT]
        same_row = np.append(row_of, -1)[leaver_UT] == row_of[:, None]
        end_UT = np.where(same_row, leaver_column, row_fill[row_of][:, None])

        token = np.zeros(len(rows) * T, dtype=np.int64)
        position = np.zeros(len(rows) * T, dtype=np.int64)
        end = np.tile(np.arange(1, T + 1), len(rows))
        written = cell_UT[own_UT]
        token[written] = token_UT[own_UT]
        position[written] = np.broadcast_to(depth, own_UT.shape)[own_UT]
        end[written] = end_UT[own_UT]

        place = np.full(len(self.length), -1)
        place[order] = np.arange(U)
        sequences = np.flatnonzero(place[self.inverse] >= 0)
        at = place[self.inverse[sequences]]
        offsets = np.concatenate([[0], np.cumsum(length[at])])
        return Layout(
            token_BT=torch.from_numpy(token.reshape(-1, T)),
            position_BT=torch.from_numpy(position.reshape(-1, T)),
            end_BT=torch.from_numpy(end.reshape(-1, T)),
            rows=kind,
            sequences=sequences,
            node_of=cell_UT[at][depth < length[at][:, None]],
            offsets=offsets,
            start=torch.from_numpy(node.astype(np.int32)),
            longest=int(length.max()),
        )


def target_weights(layout: Layout, targets: Sequence[np.ndarray], num_classes: int) -> torch.Tensor:
    """Merges the targets of the sequences at the tokens they share.

    ``-(weight * log_softmax(logits)).sum()`` is then exactly the sum of the sequences' cross-entropies.

    Args:
        layout: Layout of the sequences.
        targets: Targets of each sequence that was laid out (in all blocks), either int [T] with -100 for no
            target, or float [T, C], the weight of each class at each token.
        num_classes: Number of classes, C.

    Returns:
        float32 [B, T, C], number of sequences with each class as target at each cell; for float targets, the
            sum of their weights.

    Raises:
        ValueError: If a target is neither a class nor -100.
    """
    cells = layout.token_BT.numel()
    joined = np.concatenate([targets[sequence] for sequence in layout.sequences])
    if joined.ndim == 2:
        weight = np.stack(
            [np.bincount(layout.node_of, joined[:, c], minlength=cells) for c in range(num_classes)], axis=1
        )
    else:
        held = joined != -100
        if np.any((joined[held] < 0) | (joined[held] >= num_classes)):
            raise ValueError(
                f"targets hold {np.unique(joined).tolist()}; allowed: -100 and 0 to {num_classes - 1}"
            )
        flat = layout.node_of[held] * num_classes + joined[held]
        weight = np.bincount(flat, minlength=cells * num_classes)
    return torch.from_numpy(weight.astype(np.float32).reshape(*layout.token_BT.shape, num_classes))
