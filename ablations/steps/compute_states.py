"""The step that computes the hidden states of samples once, for all heads that are trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from ablations.data.artifacts import Samples
from ablations.data.states import SCHEMA, SHARD, States
from ablations.engine.step import Context, Step
from ablations.steps.base_model import CausalModel
from lightning_modules.presets import Dtype
from results.writing import replacing

SOLUTIONS = 512
"""Solutions per file, at least; those of a problem are in the same one, because they share its prefix."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ComputeStates(Step[States], name="states", runs_model=True):
    """Computes the states of a part of samples, file by file; finished files are kept."""

    base: Step[CausalModel]
    samples: Step[Samples]
    layers: tuple[int, ...]
    """Layers, from 1."""
    part: int = 0
    parts: int = 1
    """Number of parts, each with a share of the problems, for several workers."""
    max_length: int | None = None
    """Maximum tokens of a solution; steps beyond it have no state; None: no limit."""
    chat_template: Literal["auto", "never"] = "auto"
    """Whether problems are read through the chat template of a tokenizer that has one."""
    dtype: Dtype = "float32"
    """Type of the weights."""
    device: str = "cpu"

    def run(self, context: Context) -> States:
        """Computes them."""
        from safetensors.numpy import save_file

        from ablations.steps.training_data import encode_checked
        from lightning_modules.positions import check_lengths
        from lightning_modules.states import hidden_states, load_trunk
        from lightning_modules.tokenization import load_tokenizer
        from lightning_modules.training import sync

        folder = context.read(self.base).folder
        whole = context.read(self.samples)
        mine = np.array_split(np.arange(len(whole.problems)), self.parts)[self.part]
        samples = whole if self.parts == 1 else whole.take_problems(mine.tolist())[0]
        tokenizer = load_tokenizer(folder, chat_template=self.chat_template == "auto")
        encoded = encode_checked(tokenizer, samples, self.max_length)
        trunk: Any = load_trunk(folder, self.layers, dtype=self.dtype)
        trunk.to(self.device)
        check_lengths(trunk, encoded)
        starts = _starts(samples.solutions.problem_index)
        paths = [context.scratch / SHARD.format(number) for number in range(len(starts))]
        for number, (start, stop) in enumerate(zip(starts, [*starts[1:], len(encoded)], strict=True)):
            if paths[number].is_file():
                continue

            def progress(share: float, start: int = start, stop: int = stop) -> None:
                context.progress((start + share * (stop - start)) / len(encoded))

            found = hidden_states(trunk, encoded[start:stop], self.layers, progress=progress)
            with replacing(paths[number]) as partial:
                save_file({str(layer): found[i] for i, layer in enumerate(self.layers)}, partial)
                sync(partial)
        solutions = samples.solutions
        index = pa.Table.from_pydict(
            {
                "problem_id": solutions.column("problem_id").to_pylist(),
                "sample": solutions.sample.tolist(),
                "steps": [len(one.step_end) for one in encoded],
                "cut_steps": [one.cut_steps for one in encoded],
            },
            schema=SCHEMA,
        )
        return States(
            index=index, layers=self.layers, width=int(trunk.config.hidden_size), shards=tuple(paths)
        )


def _starts(problem_index: np.ndarray) -> list[int]:
    """Returns where each file's solutions begin; each has whole problems."""
    begins = np.flatnonzero(np.diff(problem_index, prepend=-1))
    starts = [0]
    for begin in begins.tolist():
        if begin - starts[-1] >= SOLUTIONS:
            starts.append(begin)
    return starts
