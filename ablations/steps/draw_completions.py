"""The step that draws completions from a checkpoint that the user named."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from ablations.data.json_files import Json
from ablations.engine.step import Context, Step, apart
from ablations.generators.drawing import draw_all
from ablations.generators.prompts import Prompt
from ablations.generators.setup import Setup

if TYPE_CHECKING:
    from ablations.generators.engines import Engine

SHARD = 1024
"""Maximum solutions per step, in whole problems; a step draws for at least one."""
COMPLETIONS = "completions.parquet"
MACHINE = b"machine"
"""Metadata key in the file: the machine that sampled the completions, as plain JSON."""
SCHEMA = pa.schema(
    [
        pa.field("problem", pa.int32(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("finished", pa.bool_(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
    ]
)
"""Columns: one row per completion, with the index of its prompt."""


@dataclass(frozen=True, kw_only=True)
class Completions:
    """Completions of some prompts."""

    table: pa.Table
    """Rows of ``SCHEMA``."""

    @property
    def machine(self) -> dict[str, Json]:
        """The machine that sampled them."""
        machine: dict[str, Json] = json.loads(self.table.schema.metadata[MACHINE])
        return machine

    def write(self, folder: Path) -> None:
        pq.write_table(self.table, folder / COMPLETIONS, compression="zstd")

    @classmethod
    def read(cls, folder: Path) -> Completions:
        return cls(table=pq.read_table(folder / COMPLETIONS))


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawCompletions(Step[Completions], name="completions", runs_model=True):
    """Draws completions of some prompts."""

    generator: Mapping[str, Json]
    """All that decides them besides the prompts; see `ablations.generators.generator`."""
    samples: int
    """Solutions per prompt."""
    prompts_sha256: str
    prompts: tuple[Prompt, ...] = apart()
    setup: Setup = apart()

    @classmethod
    def shards(
        cls, generator: Mapping[str, Json], setup: Setup, prompts: Sequence[Prompt]
    ) -> list[DrawCompletions]:
        """Returns the steps that draw the completions of many prompts, in order."""
        samples = setup.sampling.samples
        size = max(1, SHARD // samples)
        parts = [tuple(prompts[start : start + size]) for start in range(0, len(prompts), size)]
        return [
            cls(
                generator=generator,
                samples=samples,
                prompts_sha256=_hash(part),
                prompts=part,
                setup=setup,
                label=f"shard {number} of {len(parts)}",
                weight=float(len(part) * samples),
            )
            for number, part in enumerate(parts, start=1)
        ]

    @property
    def device(self) -> str:
        return self.setup.sampling.device

    def run(self, context: Context) -> Completions:
        drawn = draw_all(_engine(self.setup), self.prompts, self.setup, context.progress)
        rows = [
            {
                "problem": p,
                "sample": sample,
                "text": completion.text,
                "finished": completion.finished,
                "tokens": completion.tokens,
            }
            for p, completions in enumerate(drawn)
            for sample, completion in enumerate(completions)
        ]
        sampling = self.setup.sampling
        machine = json.dumps({"device": sampling.device, "max_batch": sampling.max_batch})
        return Completions(table=pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata({MACHINE: machine})))


@functools.lru_cache(maxsize=1)
def _engine(setup: Setup) -> Engine:
    """Loads a generator, unless this process has it."""
    from ablations.generators.engines import ENGINES

    return ENGINES[setup.sampling.engine](setup)


def _hash(prompts: Sequence[Prompt]) -> str:
    text = json.dumps([[prompt.text, prompt.ids] for prompt in prompts])
    return hashlib.sha256(text.encode()).hexdigest()
