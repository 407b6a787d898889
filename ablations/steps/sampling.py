"""The step that samples solutions to an embedded world's problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ablations.data.artifacts import ProblemSet, SampleParts, Samples, prompt_of, steps_of
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.engine.step import Context, Step
from ablations.steps.base_model import CausalModel
from ablations.world.world import World, draw_problems
from ablations.world.worlds import world_of
from results.writing import replacing

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from lightning_modules.sampling import Completion


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleSolutions(Step[Samples], name="samples", spreads=True):
    """Samples solutions to problems, shard by shard; finished shards are kept."""

    generator: Step[CausalModel]
    problems: Step[ProblemSet]
    world: str
    count: int
    """Solutions per problem."""
    shots: int = 0
    """Solved problems in the prompt; 0 for a finetuned generator."""
    temperature: float
    min_p: float
    """Share of the most likely token's probability below which a token is never drawn."""
    max_new_tokens: int
    """Maximum tokens of a solution; one that has not ended by then is unfinished."""
    seed: int
    shard_problems: int = 50
    """Problems per shard; each shard is drawn from its own seed."""

    def run(self, context: Context) -> SampleParts:
        from transformers import AutoTokenizer

        from lightning_modules.backbones import load_causal
        from lightning_modules.sampling import sample
        from lightning_modules.state_saving import sync

        folder = context.read(self.generator).folder
        tokenizer, model = AutoTokenizer.from_pretrained(folder), load_causal(folder)
        problems, world = context.read(self.problems).problems, world_of(self.world)
        prefix = few_shot_prefix(world, tokenizer, self.shots, self.seed) if self.shots else ""
        starts = range(0, len(problems), self.shard_problems)
        shards = [problems[start : start + self.shard_problems] for start in starts]
        paths = [context.scratch / f"{index:05d}.parquet" for index in range(len(shards))]
        for index, (shard, path) in enumerate(zip(shards, paths, strict=True)):

            def progress(done: int, total: int, index: int = index) -> None:
                context.progress((index + done / total) / len(shards))

            if index % context.group.size == context.group.rank and not path.is_file():
                drawn = sample(
                    model,
                    tokenizer,
                    [prefix + prompt_of(problem.text) for problem in shard],
                    num_samples=self.count,
                    temperature=self.temperature,
                    min_p=self.min_p,
                    max_new_tokens=self.max_new_tokens,
                    seed=self.seed * 100_003 + index,
                    progress=progress,
                )
                graded = [
                    solution
                    for problem, completions in zip(shard, drawn, strict=True)
                    for solution in grade(world, problem, completions)
                ]
                with replacing(path) as partial:
                    Solutions.from_rows(graded).write(partial)
                    sync(partial)
            context.progress((index + 1) / len(shards))
        context.group.wait()
        return SampleParts.of(problems, paths)


def few_shot_prefix(world: World, tokenizer: PreTrainedTokenizerBase, shots: int, seed: int) -> str:
    """Returns short solved problems of the pretraining split in lines, each with the token that ends it."""
    rng = np.random.default_rng(seed)
    drawn = draw_problems(world, "pretraining", 20 * shots, seed)
    brief = [problem for problem in drawn if world.operations(problem) <= world.brief][:shots]
    return "".join(
        prompt_of(problem)
        + "".join(f"{line}\n" for line in world.write_solution(problem, rng, expert=True))
        + str(tokenizer.eos_token)
        for problem in brief
    )


def grade(world: World, problem: Problem, completions: Sequence[Completion]) -> list[Solution]:
    """Converts completions to solutions with checked final answers."""
    solutions = []
    for number, completion in enumerate(completions):
        steps = steps_of(completion.text)
        answer = world.final_answer(steps) if completion.finished else None
        solutions.append(
            Solution(
                problem_id=problem.problem_id,
                sample=number,
                steps=steps,
                answer=answer,
                finished=completion.finished,
                final_correct=answer == problem.answer,
            )
        )
    return solutions
