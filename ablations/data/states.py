"""Hidden states of samples as an artifact, and solutions as rows of a table of states."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ablations.data.artifacts import Samples
from lightning_modules.encoding import STATES_BEYOND_STEPS, Encoded

if TYPE_CHECKING:
    import torch

INDEX, SHARD = "solutions.parquet", "states-{:05d}.safetensors"
_ABOUT = b"states"
SCHEMA = pa.schema(
    [
        pa.field("problem_id", pa.string(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("steps", pa.int32(), nullable=False),
        pa.field("cut_steps", pa.int32(), nullable=False),
    ]
)
"""Columns of the index: a solution, how many of its steps have a state, and how many have none."""


@dataclass(frozen=True, kw_only=True)
class States:
    """States of all solutions of some samples: of each step, of the last token, and their mean."""

    index: pa.Table
    """Rows of ``SCHEMA``, in the order of the states."""
    layers: tuple[int, ...]
    width: int
    """Width of a state."""
    shards: tuple[Path, ...]
    """Files that hold them, one after the other: float16 [rows, width] for each layer."""

    def write(self, folder: Path) -> None:
        """Writes the index, and copies the files."""
        about = json.dumps({"layers": self.layers, "width": self.width})
        pq.write_table(self.index.replace_schema_metadata({_ABOUT: about}), folder / INDEX)
        for number, shard in enumerate(self.shards):
            shutil.copyfile(shard, folder / SHARD.format(number))

    @classmethod
    def read(cls, folder: Path) -> States:
        """Reads the index; the states stay where they are."""
        index = pq.read_table(folder / INDEX)
        about = json.loads(index.schema.metadata[_ABOUT])
        shards = tuple(sorted(folder.glob(SHARD.format(0).replace("00000", "*"))))
        return cls(index=index, layers=tuple(about["layers"]), width=about["width"], shards=shards)

    @classmethod
    def join(cls, parts: Sequence[States]) -> States:
        """Joins parts, whose rows are numbered through."""
        index = pa.concat_tables([part.index.replace_schema_metadata(None) for part in parts])
        shards = tuple(shard for part in parts for shard in part.shards)
        return cls(index=index, layers=parts[0].layers, width=parts[0].width, shards=shards)

    @cached_property
    def first(self) -> np.ndarray:
        """int64 [N]: row of each solution's first state."""
        counts = self.index["steps"].to_numpy().astype(np.int64) + STATES_BEYOND_STEPS
        return np.concatenate([[0], np.cumsum(counts)[:-1]])

    @cached_property
    def _by_name(self) -> dict[tuple[str, int], tuple[int, int, int]]:
        """(problem_id, sample) -> row of the first state, number of steps with a state, and without."""
        ids, samples, steps, cut = (self.index[name].to_pylist() for name in SCHEMA.names)
        facts = zip(self.first.tolist(), steps, cut, strict=True)
        return dict(zip(zip(ids, samples, strict=True), facts, strict=True))

    def encoded(self, samples: Samples, *, pooled: bool, first_row: int = 0) -> list[Encoded]:
        """Returns solutions of these states, with the rows of their states as tokens.

        A ``pooled`` solution ends with the mean of its states rather than with the last one. Rows count from
        ``first_row``.
        """
        names = zip(
            samples.solutions.column("problem_id").to_pylist(), samples.solutions.sample.tolist(), strict=True
        )
        return self.encoded_by_name(names, pooled=pooled, first_row=first_row)

    def encoded_by_name(
        self, names: Iterable[tuple[str, int]], *, pooled: bool = False, first_row: int = 0
    ) -> list[Encoded]:
        """Returns solutions by the problem ids and numbers that name them; see `encoded`."""
        solutions = []
        for name in names:
            start, count, cut = self._by_name[name]
            rows = np.arange(start, start + count + 1) + first_row
            rows[-1] += pooled
            step_end = np.arange(count)
            solutions.append(
                Encoded(ids=rows.astype(np.int32), solution_start=0, step_end=step_end, cut_steps=cut)
            )
        return solutions

    def table(self, layer: int) -> torch.Tensor:
        """Reads the states of a layer: float16 [rows, width]."""
        import torch
        from safetensors import safe_open

        parts = []
        for shard in self.shards:
            with safe_open(shard, framework="pt") as file:
                parts.append(file.get_tensor(str(layer)))
        return torch.cat(parts) if parts else torch.empty(0, self.width, dtype=torch.float16)

    @property
    def rows(self) -> int:
        return int(self.index["steps"].to_numpy().sum()) + STATES_BEYOND_STEPS * len(self.index)


def table_of(parts: Sequence[States], layer: int) -> torch.Tensor:
    """Joins the states of a layer, as rows that are numbered through: float16 [rows, width]."""
    import torch

    return torch.cat([part.table(layer) for part in parts])
