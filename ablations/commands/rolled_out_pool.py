"""Rollouts of a checkpoint from the steps of a pool, shard by shard; no shard is computed twice."""

from __future__ import annotations

from itertools import chain

import numpy as np

from ablations.commands.making import make_all
from ablations.commands.sampled_pool import answers_of, read_drawn
from ablations.data.artifacts import Samples
from ablations.data.rollouts import Prefixes, Rollouts
from ablations.engine.processes import default_workers
from ablations.engine.store import Store
from ablations.generators.generator import Generator
from ablations.grading.grader import Grader
from ablations.steps.draw_completions import DrawCompletions
from ablations.steps.grade_answers import GradeAnswers, Verdicts


def roll_out(samples: Samples, generator: Generator, store: Store, log_format: str) -> Rollouts:
    """Rolls out every prefix after which some solution continues, and grades the rollouts.

    A rollout without an answer, or whose answer cannot be graded, is not right.

    Raises:
        ValueError: a problem, or the beginning of a solution, is too long for the model.
    """
    prefixes, count = Prefixes.of(samples), generator.setup.sampling.samples
    rolled_out = prefixes.continued()
    place = prefixes.problem[rolled_out].tolist()
    problems, opened = [samples.problems[p] for p in place], generator.prompts(samples.problems)
    prompts = generator.extend([opened[p] for p in place], [prefixes.text[f] for f in rolled_out], problems)
    right, tokens = (np.zeros(len(prefixes.text), dtype=np.int64) for _ in range(2))
    if prompts:
        shards = DrawCompletions.shards(generator.identity, generator.setup_for(prompts), prompts)
        make_all(shards, store, generator.setup.sampling.devices, log_format)
        parts = [store.path(shard) for shard in shards]
        with Grader(default_workers()) as grader:
            grading = GradeAnswers.shards(answers_of(parts, problems), grader)
            make_all(grading, store, 1, log_format)
        verdicts = chain.from_iterable(Verdicts.read(store.path(shard)).right for shard in grading)
        drawn = chain.from_iterable(completions for _, completions in read_drawn(parts))
        for (prompt, completion), verdict in zip(drawn, verdicts, strict=True):
            tokens[rolled_out[prompt]] += completion["tokens"]
            # An empty rollout is a wrong one, which the solution drawn in its place does not replace.
            right[rolled_out[prompt]] += verdict is True and completion["sample"] < count
    return Rollouts.of(samples, prefixes, right, tokens, count)
