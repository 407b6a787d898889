"""The step that rolls out a generator from every prefix of solutions in an embedded world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ablations.data.artifacts import Samples, prompt_of
from ablations.data.rollouts import Prefixes, Rollouts
from ablations.engine.step import Context, Step
from ablations.steps.base_model import CausalModel
from ablations.steps.sampling import grade
from ablations.world.worlds import world_of
from results.writing import replacing

SHARD = 1024
"""Prefixes per shard; a rollout does not depend on the shard it is in."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RollOut(Step[Rollouts], name="rollouts", spreads=True):
    """Continues solutions after each of their prefixes, shard by shard; finished shards are kept.

    A prefix that several solutions share is rolled out once; a whole solution is not.
    """

    generator: Step[CausalModel]
    samples: Step[Samples]
    world: str
    count: int
    """Rollouts from each prefix."""
    temperature: float
    min_p: float
    """Share of the most likely token's probability below which a token is never drawn."""
    max_new_tokens: int
    """Maximum tokens of a rollout; one that has not ended by then is wrong."""
    seed: int

    def run(self, context: Context) -> Rollouts:
        from transformers import AutoTokenizer

        from lightning_modules.backbones import load_causal
        from lightning_modules.sampling import sample
        from lightning_modules.state_saving import sync

        folder = context.read(self.generator).folder
        tokenizer, model = AutoTokenizer.from_pretrained(folder), load_causal(folder)
        samples, world = context.read(self.samples), world_of(self.world)
        prefixes = Prefixes.of(samples)
        rolled_out = prefixes.continued()
        shards = [rolled_out[start : start + SHARD] for start in range(0, len(rolled_out), SHARD)]
        paths = [context.scratch / f"{index:05d}.parquet" for index in range(len(shards))]
        for index, (shard, path) in enumerate(zip(shards, paths, strict=True)):

            def progress(done: int, total: int, index: int = index) -> None:
                context.progress((index + done / total) / len(shards))

            if index % context.group.size == context.group.rank and not path.is_file():
                problems = [samples.problems[p] for p in prefixes.problem[shard]]
                drawn = sample(
                    model,
                    tokenizer,
                    [
                        prompt_of(problem.text) + prefixes.text[f]
                        for problem, f in zip(problems, shard, strict=True)
                    ],
                    num_samples=self.count,
                    temperature=self.temperature,
                    min_p=self.min_p,
                    max_new_tokens=self.max_new_tokens,
                    seed=self.seed,
                    progress=progress,
                )
                pairs = list(zip(problems, drawn, strict=True))
                right = [sum(one.final_correct for one in grade(world, *pair)) for pair in pairs]
                tokens = [sum(one.tokens for one in completions) for completions in drawn]
                with replacing(path) as partial:
                    pq.write_table(pa.table({"right": right, "tokens": tokens}), partial)
                    sync(partial)
            context.progress((index + 1) / len(shards))
        context.group.wait()
        tables = [pq.read_table(path) for path in paths]
        found = {name: np.zeros(len(prefixes.text), dtype=np.int64) for name in ("right", "tokens")}
        for name, values in found.items():
            parts = [table.column(name).to_numpy() for table in tables]
            values[rolled_out] = np.concatenate([np.zeros(0, np.int64), *parts])
        return Rollouts.of(samples, prefixes, found["right"], found["tokens"], self.count)
