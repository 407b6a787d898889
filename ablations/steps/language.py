"""Steps of language models: MathMix finetuning, the generator, and its samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ablations.data.artifacts import ProblemSet, SampleParts, Samples, prompt_of, steps_of
from ablations.data.json_files import Json
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.engine.files import unchanged
from ablations.engine.step import Context, Step, apart
from ablations.formats.questions import read_questions, without
from ablations.steps.base_model import CausalModel
from ablations.world.world import World, draw_problems
from ablations.world.worlds import world_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from lightning_modules.sampling import Completion

SHARD_PROBLEMS = 50


@dataclass(frozen=True, kw_only=True, eq=False)
class MathMix(Step[CausalModel], name="mathmix", runs_model=True):
    """Finetunes a base on questions and their solutions (the paper's 2.2)."""

    base: Step[CausalModel]
    held_out: Step[ProblemSet] | None = None
    """Problems that are left out of the text."""
    text_sha256: str
    updates: int
    batch_tokens: int
    """Maximum tokens per update."""
    max_tokens: int
    """Tokens of a text beyond which the rest of it is left out."""
    learning_rate: float
    """Peak learning rate."""
    seed: int
    text: Path = apart()
    """The file with the questions."""

    def run(self, context: Context) -> CausalModel:
        """Trains."""
        from lightning_modules.language_model import Batch, LanguageModel, TextData, bucket
        from lightning_modules.training import fit

        tokenizer, model = load_language_model(context.read(self.base).folder)
        pairs = solved_questions(context, self.text, self.text_sha256, self.held_out)
        texts = [f"{prompt_of(question)}{answer}\n" for question, answer in pairs]
        if not texts:
            raise ValueError(f"{self.text}: found no question; allowed: one or more")
        eos = [tokenizer.eos_token_id]
        encoded = tokenizer(texts, add_special_tokens=False)["input_ids"]
        documents = [np.array(ids + eos, dtype=np.int64)[: self.max_tokens] for ids in encoded]
        batches: list[Batch] = []
        while len(batches) < self.updates:  # one epoch after another
            batches += bucket(
                documents,
                documents,
                tokens=self.batch_tokens,
                pad=tokenizer.pad_token_id,
                seed=self.seed + len(batches),
            )
        fit(
            LanguageModel(model, learning_rate=self.learning_rate, total_updates=self.updates),
            TextData(batches.__getitem__, updates=self.updates),
            updates=self.updates,
            logger=context.logs.logger(),
            checkpoint_folder=context.scratch,
            progress=context.progress,
        )
        counts: dict[str, Json] = {"questions": len(texts), "updates": self.updates}
        return CausalModel(save=saving(model, tokenizer), facts=counts)


@dataclass(frozen=True, kw_only=True, eq=False)
class FinetuneGenerator(Step[CausalModel], name="generator", runs_model=True):
    """Finetunes the base for one epoch on its few-shot solutions that end right."""

    base: Step[CausalModel]
    problems: Step[ProblemSet]
    """Problems that are solved few-shot."""
    world: str
    samples: int
    """Few-shot solutions per problem."""
    shots: int
    """Solved problems in the prompt."""
    learning_rate: float
    """Peak learning rate."""
    batch_tokens: int
    """Maximum tokens per update."""
    max_new_tokens: int
    """Maximum tokens of a solution."""
    temperature: float
    min_p: float
    """Share of the most likely token's probability below which a token is never drawn."""
    seed: int

    def run(self, context: Context) -> CausalModel:
        """Samples and trains."""
        from lightning_modules.language_model import LanguageModel, TextData, bucket
        from lightning_modules.sampling import sample
        from lightning_modules.training import fit

        tokenizer, model = load_language_model(context.read(self.base).folder)
        problems, world = context.read(self.problems).problems, world_of(self.world)
        shots = few_shot_prefix(world, tokenizer, self.shots, self.seed)
        drawn = sample(
            model,
            tokenizer,
            [shots + prompt_of(problem.text) for problem in problems],
            num_samples=self.samples,
            temperature=self.temperature,
            min_p=self.min_p,
            max_new_tokens=self.max_new_tokens,
            seed=self.seed,
            progress=lambda done, total: context.progress(0.5 * done / total),
        )
        solved = [
            (problem, solution)
            for problem, completions in zip(problems, drawn, strict=True)
            for solution in graded(world, problem, completions)
        ]
        kept = [(problem, solution) for problem, solution in solved if solution.final_correct]
        if not kept:
            raise ValueError(
                f"generator: none of {len(solved)} few-shot solutions ends right; allowed: one or more"
            )
        documents = [document(tokenizer, problem, solution.steps) for problem, solution in kept]
        batches = bucket(
            [ids for ids, _ in documents],
            [target for _, target in documents],
            tokens=self.batch_tokens,
            pad=tokenizer.pad_token_id,
            seed=self.seed,
        )
        updates = len(batches)
        fit(
            LanguageModel(model, learning_rate=self.learning_rate, total_updates=updates),
            TextData(batches.__getitem__, updates=updates),
            updates=updates,
            logger=context.logs.logger(),
            progress=lambda done: context.progress(0.5 + 0.5 * done),
        )
        counts: dict[str, Json] = {"few_shot": len(solved), "kept": len(kept), "updates": updates}
        return CausalModel(save=saving(model, tokenizer), facts=counts)


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleSolutions(Step[Samples], name="samples", spreads=True):
    """Samples solutions to problems, shard by shard; finished shards are kept."""

    generator: Step[CausalModel]
    problems: Step[ProblemSet]
    world: str
    count: int
    """Solutions per problem."""
    temperature: float
    min_p: float
    """Share of the most likely token's probability below which a token is never drawn."""
    max_new_tokens: int
    """Maximum tokens of a solution; one that has not ended by then is unfinished."""
    seed: int

    def run(self, context: Context) -> SampleParts:
        """Samples them."""
        from lightning_modules.sampling import sample
        from lightning_modules.training import sync

        tokenizer, model = load_language_model(context.read(self.generator).folder)
        problems, world = context.read(self.problems).problems, world_of(self.world)
        starts = range(0, len(problems), SHARD_PROBLEMS)
        shards = [problems[start : start + SHARD_PROBLEMS] for start in starts]
        paths = [context.scratch / f"{index:05d}.parquet" for index in range(len(shards))]
        for index, (shard, path) in enumerate(zip(shards, paths, strict=True)):
            if index % context.group.size == context.group.rank and not path.is_file():
                drawn = sample(
                    model,
                    tokenizer,
                    [prompt_of(problem.text) for problem in shard],
                    num_samples=self.count,
                    temperature=self.temperature,
                    min_p=self.min_p,
                    max_new_tokens=self.max_new_tokens,
                    seed=self.seed * 100_003 + index,
                    progress=_within(context.progress, index, len(shards)),
                )
                pairs = zip(shard, drawn, strict=True)
                rows = [row for problem, done in pairs for row in graded(world, problem, done)]
                Solutions.from_rows(rows).write(path.with_suffix(".new"))
                sync(path.with_suffix(".new"))
                path.with_suffix(".new").replace(path)
            context.progress((index + 1) / len(shards))
        context.group.wait()
        return SampleParts.of(problems, paths)


def load_language_model(folder: Path) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Loads tokenizer and model from a folder."""
    from transformers import AutoTokenizer

    from lightning_modules.backbones import load_causal

    return AutoTokenizer.from_pretrained(folder), load_causal(folder)


def saving(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Callable[[Path], None]:
    """Returns a function that saves both into a folder."""

    def save(folder: Path) -> None:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    return save


def solved_questions(
    context: Context, text: Path, sha256: str, held_out: Step[ProblemSet] | None
) -> list[tuple[str, str]]:
    """Reads the questions and answers of a file, without held-out problems."""
    problems = [] if held_out is None else ProblemSet.read(context.folder(held_out)).problems
    return list(without(read_questions(unchanged(text, sha256)), (problem.text for problem in problems)))


def few_shot_prefix(world: World, tokenizer: PreTrainedTokenizerBase, shots: int, seed: int) -> str:
    """Returns brief solved problems of the pretraining split, in lines, each with the token that ends it."""
    rng = np.random.default_rng(seed)
    drawn = draw_problems(world, "pretraining", 20 * shots, seed)
    brief = [problem for problem in drawn if world.operations(problem) <= world.brief][:shots]
    return "".join(
        prompt_of(problem)
        + "".join(f"{line}\n" for line in world.write_solution(problem, rng, expert=True))
        + str(tokenizer.eos_token)
        for problem in brief
    )


def graded(world: World, problem: Problem, completions: Sequence[Completion]) -> list[Solution]:
    """Converts completions to solutions, and checks their final answers."""
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


def document(
    tokenizer: PreTrainedTokenizerBase, problem: Problem, steps: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns token ids and targets of one solved problem; the problem itself has no target."""
    from lightning_modules.encoding import IGNORE

    prompt = tokenizer(prompt_of(problem.text), add_special_tokens=False)["input_ids"]
    solution = tokenizer("".join(f"{step}\n" for step in steps), add_special_tokens=False)["input_ids"]
    ids = np.array([*prompt, *solution, tokenizer.eos_token_id], dtype=np.int64)
    target = ids.copy()
    target[: len(prompt)] = IGNORE
    return ids, target


def _within(progress: Callable[[float], None], index: int, count: int) -> Callable[[int, int], None]:
    return lambda done, total: progress((index + done / total) / count)
