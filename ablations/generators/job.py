"""Sampling solutions to many problems, shard by shard.

A completion without a step is not a solution: another is drawn in its place, with the problem's next unused
number, and at most as many more as were requested. At temperature 0 it would be the same one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from ablations.engine.shards import Shards, Teller
from ablations.generators.completions import steps_of
from ablations.generators.prompts import Prompt
from ablations.generators.setup import Setup

if TYPE_CHECKING:
    from ablations.generators.engines import Engine
    from lightning_modules.sampling import Completion

SHARD = 1024
"""Maximum number of solutions per shard, in whole problems; a shard has at least one problem."""
DRAWS = 2
"""Maximum number of completions per problem, as a multiple of the solutions requested."""
MACHINE = b"machine"
"""Metadata key in a shard's file: what its solutions were sampled on, as plain JSON."""
SCHEMA = pa.schema(
    [
        pa.field("problem", pa.int32(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("finished", pa.bool_(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
    ]
)
"""Columns of a shard: every completion drawn, with the index of its problem."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """The solutions to sample, and where to write them."""

    setup: Setup
    """The generator and how to sample from it."""
    prompts: tuple[Prompt, ...]
    """Prompts of the problems."""
    folder: Path
    """Folder of the shards."""

    @property
    def shards(self) -> Shards:
        """The work to do, counted in solutions."""
        samples = self.setup.sampling.samples
        work = tuple(float(len(problems) * samples) for problems in self.problems())
        return Shards(folder=self.folder, stage="sample", work=work)

    def problems(self) -> list[range]:
        """Returns the indices of each shard's problems."""
        step = max(1, SHARD // self.setup.sampling.samples)
        count = len(self.prompts)
        return [range(start, min(start + step, count)) for start in range(0, count, step)]

    def run(self, tell: Teller) -> None:
        """Makes the remaining shards; the generator is loaded only if there are any."""
        from ablations.generators.engines import ENGINES

        setup = self.setup
        engine = functools.cache(lambda: ENGINES[setup.sampling.engine](setup))
        problems = self.problems()

        def make(number: int, path: Path, progress: Callable[[float], None]) -> None:
            prompts = [self.prompts[p] for p in problems[number]]
            drawn = draw_all(engine(), prompts, setup, progress)
            rows = [
                {
                    "problem": p,
                    "sample": sample,
                    "text": completion.text,
                    "finished": completion.finished,
                    "tokens": completion.tokens,
                }
                for p, completions in zip(problems[number], drawn, strict=True)
                for sample, completion in enumerate(completions)
            ]
            machine = json.dumps({"device": setup.sampling.device, "max_batch": setup.sampling.max_batch})
            table = pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata({MACHINE: machine}))
            pq.write_table(table, path, compression="zstd")

        self.shards.finish(make, tell)


def draw_all(
    engine: Engine, prompts: list[Prompt], setup: Setup, progress: Callable[[float], None]
) -> list[list[Completion]]:
    """Draws each prompt's completions, by number: as many with a step as requested, if possible."""
    samples = setup.sampling.samples
    most = DRAWS * samples if setup.sampling.temperature else samples
    found: list[list[Completion]] = [[] for _ in prompts]
    wanted = [(p, number) for p in range(len(prompts)) for number in range(samples)]
    while wanted:
        for (p, _), completion in zip(wanted, engine.draw(prompts, wanted, progress), strict=True):
            found[p].append(completion)
        progress = _silent  # what is drawn again is little, or says nothing about how much more there will be
        wanted = [
            (p, number)
            for p, completions in enumerate(found)
            for number in range(
                len(completions), min(most, len(completions) + _missing(completions, samples))
            )
        ]
    return found


def _missing(completions: list[Completion], samples: int) -> int:
    return samples - sum(bool(steps_of(completion.text)) for completion in completions)


def _silent(fraction: float) -> None:
    pass
