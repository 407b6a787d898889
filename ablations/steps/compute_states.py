"""Steps that compute hidden states of solutions once, for all heads that are trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from ablations.data.artifacts import Samples
from ablations.data.left_out import LeftOut
from ablations.data.states import SCHEMA, SHARD, States
from ablations.engine.step import Context, Step
from ablations.steps.base_model import CausalModel
from ablations.steps.course import most_tokens
from ablations.steps.rated_labels import RatedLabels
from lightning_modules.encoding import Encoded
from lightning_modules.presets import Dtype
from results.writing import replacing

SECONDS_PER_STATE_TOKEN = 1 / 400
"""Time per token of a trunk of 135M parameters on one ordinary core, for estimates."""
SOLUTIONS = 512
"""Minimum solutions per file; those of a problem share a file, because they share a prefix."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ComputeStates(Step[States], name="states", runs_model=True):
    """Computes the states of samples, or of a part of them, file by file; finished files are kept."""

    base: Step[CausalModel]
    samples: Step[Samples]
    layers: tuple[int, ...]
    """Layers, from 1."""
    part: int = 0
    parts: int = 1
    """Number of parts, each with a share of the problems, so that workers can divide them."""
    max_length: int | None = None
    """Maximum tokens of a solution; steps beyond it have no state; None: no limit."""
    chat_template: Literal["auto", "never"] = "auto"
    """Whether problems are read through the chat template of a tokenizer that has one."""
    dtype: Dtype = "float32"
    """Type of the weights."""
    device: str = "cpu"

    def run(self, context: Context) -> States:
        from ablations.steps.training_data import encode_checked
        from lightning_modules.positions import check_lengths
        from lightning_modules.states import load_trunk
        from lightning_modules.tokenization import load_tokenizer

        folder = context.read(self.base).folder
        samples = context.read(self.samples)
        if self.parts > 1:
            problems = np.array_split(np.arange(len(samples.problems)), self.parts)[self.part]
            samples, _ = samples.take_problems(problems.tolist())
        tokenizer = load_tokenizer(folder, chat_template=self.chat_template == "auto")
        encoded = encode_checked(tokenizer, samples, self.max_length)
        trunk: Any = load_trunk(folder, self.layers, dtype=self.dtype)
        trunk.to(self.device)
        check_lengths(trunk, encoded)
        solutions = samples.solutions
        names = zip(solutions.column("problem_id").to_pylist(), solutions.sample.tolist(), strict=True)
        return states_in_files(
            context, trunk, encoded, self.layers, names=[*names], groups=solutions.problem_index
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ComputeRatedStates(RatedLabels, Step[States], name="rated_states", runs_model=True):
    """Computes the states of rated solutions, branch by branch as `encode_rated` does."""

    base: Step[CausalModel]
    layer: int
    """Layer, from 1."""
    max_length: int | None = None
    """Maximum tokens that are read at once; None: the number of the model's positions."""
    device: str = "cpu"

    def run(self, context: Context) -> States:
        from ablations.steps.encoded_ratings import encode_rated
        from lightning_modules.positions import check_lengths
        from lightning_modules.states import load_trunk
        from lightning_modules.tokenization import load_tokenizer

        folder = context.read(self.base).folder
        trunk: Any = load_trunk(folder, (self.layer,))
        trunk.to(self.device)
        rated = list(self.read(LeftOut()))
        if len({one.name for one in rated}) < len(rated):
            raise ValueError("labels: found two files of the same name; allowed: files with different names")
        branches = encode_rated(
            load_tokenizer(folder), rated, most_tokens(self.max_length, trunk.config), LeftOut()
        )
        check_lengths(trunk, branches.encoded)
        return states_in_files(
            context,
            trunk,
            branches.encoded,
            (self.layer,),
            names=branches.names(rated),
            groups=branches.solution,
        )


def states_in_files(
    context: Context,
    trunk: Any,
    encoded: Sequence[Encoded],
    layers: tuple[int, ...],
    *,
    names: Sequence[tuple[str, int]],
    groups: np.ndarray,
) -> States:
    """Computes states file by file in the scratch folder; finished files are kept.

    Args:
        context: the step's.
        trunk: result of `load_trunk`.
        encoded: N encoded solutions.
        layers: layers, from 1.
        names: [N], a text and a number that together name each solution.
        groups: int [N], ascending; solutions of a group begin alike and share a file.
    """
    from safetensors.numpy import save_file

    from lightning_modules.state_saving import sync
    from lightning_modules.states import hidden_states

    starts = [0]
    for start in np.flatnonzero(np.diff(groups, prepend=-1)).tolist():
        if start - starts[-1] >= SOLUTIONS:
            starts.append(start)
    paths = [context.scratch / SHARD.format(number) for number in range(len(starts))]
    for path, start, stop in zip(paths, starts, [*starts[1:], len(encoded)], strict=True):
        if path.is_file():
            continue

        def progress(share: float, start: int = start, stop: int = stop) -> None:
            context.progress((start + share * (stop - start)) / len(encoded))

        states = hidden_states(trunk, encoded[start:stop], layers, progress=progress)
        with replacing(path) as partial:
            save_file({str(layer): states[i] for i, layer in enumerate(layers)}, partial)
            sync(partial)
    index = pa.Table.from_pydict(
        {
            "problem_id": [text for text, _ in names],
            "sample": [number for _, number in names],
            "steps": [len(one.step_end) for one in encoded],
            "cut_steps": [one.cut_steps for one in encoded],
        },
        schema=SCHEMA,
    )
    return States(index=index, layers=layers, width=int(trunk.config.hidden_size), shards=tuple(paths))
