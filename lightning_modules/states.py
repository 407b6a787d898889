"""Hidden states of a frozen model at the positions that are judged, so that heads can be trained without it.

A state of layer L is the output of layer L after the final norm, as a model of the first L layers gives it to
its head. A linear head on states is therefore a head of the checkpoint's first L layers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import embedding_bag
from transformers import AutoModel, PreTrainedModel

from lightning_modules.backbones import keep_layers, load_config, load_whole
from lightning_modules.device_copies import Download, upload
from lightning_modules.encoding import STATES_BEYOND_STEPS, Encoded
from lightning_modules.packing import cost_of, most_cells
from lightning_modules.prefix_trees import Layout, layouts
from lightning_modules.presets import Dtype
from lightning_modules.row_choice import choose_rows

_NORMS = ("norm", "ln_f", "final_layer_norm", "final_layernorm")
"""Names of the final norm in transformers' models."""


def load_trunk(folder: str | Path, layers: Sequence[int], *, dtype: Dtype = "float32") -> PreTrainedModel:
    """Loads the first layers of a checkpoint, as many as the last of ``layers``.

    Raises:
        ValueError: the checkpoint has fewer layers, or its weights cannot be read.
    """
    config = load_config(folder)
    keep_layers(config, max(layers))
    return load_whole(AutoModel, folder, getattr(torch, dtype), config=config)


def hidden_states(
    trunk: PreTrainedModel,
    solutions: Sequence[Encoded],
    layers: Sequence[int],
    *,
    max_tokens: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> np.ndarray:
    """Computes states at the end of each step, at the last token, and their mean over the solution's tokens.

    Args:
        trunk: Model from `load_trunk` for ``layers``.
        solutions: N solutions in tokens.
        layers: Layers, from 1.
        max_tokens: Most cells of a forward pass; None: what suits the device.
        progress: Called with the share of the solutions done, from 0 to 1.

    Returns:
        float16 [layers, all rows, width]: for each solution the rows of its S steps, its last token and the
        mean.
    """
    counts = [len(solution.step_end) + STATES_BEYOND_STEPS for solution in solutions]
    offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    table = np.zeros((len(layers), int(offsets[-1]), int(trunk.config.hidden_size)), dtype=np.float16)
    if not len(solutions):
        return table
    device = next(trunk.parameters()).device
    blocks = layouts(
        [solution.ids for solution in solutions],
        max_tokens=most_cells(device) if max_tokens is None else max_tokens,
        rows=choose_rows(trunk),
        cost=cost_of(trunk),
    )
    unread: deque[tuple[np.ndarray, Download]] = deque()

    def read() -> None:
        places, copy = unread.popleft()
        table[:, places] = copy.numpy()

    done = 0
    with torch.inference_mode():
        for block in blocks:
            ends = offsets[block.sequences + 1] - 1
            judged = [
                np.arange(offsets[sequence], end) for sequence, end in zip(block.sequences, ends, strict=True)
            ]
            rows = _rows(trunk, block, [solutions[sequence] for sequence in block.sequences], layers)
            unread.append((np.concatenate([*judged, ends]), Download(rows)))
            if len(unread) > 1:  # a GPU is busy with this block
                read()
            done += len(block.sequences)
            if progress is not None:
                progress(done / len(solutions))
        read()
    return table


def _rows(
    trunk: PreTrainedModel, block: Layout, solutions: Sequence[Encoded], layers: Sequence[int]
) -> torch.Tensor:
    """Computes a block's states at its judged tokens, then its means: float16 [layers, rows, width]."""
    device = next(trunk.parameters()).device
    cells = [block.cells(index) for index in range(len(solutions))]
    judged = [cell[np.append(one.step_end, -1)] for cell, one in zip(cells, solutions, strict=True)]
    after_prompt = [
        cell[min(one.solution_start, len(cell) - 1) :] for cell, one in zip(cells, solutions, strict=True)
    ]
    starts = np.cumsum([0, *map(len, after_prompt[:-1])])
    at, averaged, first = (
        upload(array, device) for array in (np.concatenate(judged), np.concatenate(after_prompt), starts)
    )
    states = _states(trunk, block.to(device).inputs(trunk), layers)
    rows = [
        torch.cat([state[at].float(), embedding_bag(averaged, state.float(), first, mode="mean")])
        for state in states
    ]
    return torch.stack(rows).half()


def _states(trunk: PreTrainedModel, inputs: dict[str, Any], layers: Sequence[int]) -> list[torch.Tensor]:
    """Returns the states [B * T, width] of each layer, after the final norm."""
    output = trunk(**inputs, use_cache=False, output_hidden_states=len(layers) > 1)
    deepest = output.last_hidden_state
    if len(layers) == 1:
        return [deepest.flatten(0, 1)]
    norm = next((getattr(trunk, name) for name in _NORMS if hasattr(trunk, name)), None)
    if norm is None:
        raise ValueError(
            f"layers: found {list(layers)} of a {type(trunk).__name__}, whose final norm has no known name; "
            "allowed: a single layer"
        )
    return [
        (deepest if layer == max(layers) else norm(output.hidden_states[layer])).flatten(0, 1)
        for layer in layers
    ]
