"""Stages of language models: MathMix finetuning, the generator, and its samples."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from ablations.data.artifacts import (
    MODEL,
    SOLUTIONS,
    prompt_of,
    read_problems,
    steps_of,
    write_json,
    write_problems,
)
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.engine.files import unchanged
from ablations.engine.step import Context, Inputs, one
from ablations.formats.questions import read_questions, without
from ablations.steps.base_model import base_of
from ablations.world.world import World, draw_problems
from ablations.world.worlds import world_of
from lightning_modules.backbones import load_causal
from lightning_modules.encoding import IGNORE
from lightning_modules.language_model import Batch, LanguageModel, TextData, bucket
from lightning_modules.sampling import Completion, sample
from lightning_modules.training import fit, sync

SHARD_PROBLEMS = 50


def mathmix(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Finetunes the base on questions in ``context.local`` (the paper's 2.2).

    Inputs: base, held_out (optional). Text beyond ``max_tokens`` is left out.
    """
    folder = base_of(inputs).folder
    tokenizer, model = AutoTokenizer.from_pretrained(folder), load_causal(folder)
    pairs = solved_questions(config, inputs, context)
    texts = [f"{prompt_of(question)}{answer}\n" for question, answer in pairs]
    if not texts:
        raise ValueError(f"{context.local['text']}: found no question; allowed: one or more")
    eos = [tokenizer.eos_token_id]
    encoded = tokenizer(texts, add_special_tokens=False)["input_ids"]
    documents = [np.array(ids + eos, dtype=np.int64)[: config["max_tokens"]] for ids in encoded]
    batches: list[Batch] = []
    while len(batches) < config["updates"]:  # one epoch after another
        batches += bucket(
            documents,
            documents,
            tokens=config["batch_tokens"],
            pad=tokenizer.pad_token_id,
            seed=config["seed"] + len(batches),
        )
    module = LanguageModel(model, learning_rate=config["learning_rate"], total_updates=config["updates"])
    fit(
        module,
        TextData(batches.__getitem__, updates=config["updates"]),
        updates=config["updates"],
        logger=context.logs.logger(),
        checkpoint_folder=context.scratch,
        progress=context.progress,
    )
    model.save_pretrained(out / MODEL)
    tokenizer.save_pretrained(out / MODEL)
    write_json(out / "mathmix.json", {"questions": len(texts), "updates": config["updates"]})


def generator(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Trains the generator for one epoch on few-shot samples that end right. Inputs: base, problems."""
    folder = base_of(inputs).folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = load_causal(folder)
    problems = read_problems(one(inputs, "problems"))
    world = world_of(config["world"])
    shots = few_shot_prefix(world, tokenizer, config["shots"], config["seed"])
    drawn = sample(
        model,
        tokenizer,
        [shots + prompt_of(problem.text) for problem in problems],
        num_samples=config["samples"],
        temperature=config["temperature"],
        min_p=config["min_p"],
        max_new_tokens=config["max_new_tokens"],
        seed=config["seed"],
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
        tokens=config["batch_tokens"],
        pad=tokenizer.pad_token_id,
        seed=config["seed"],
    )
    updates = len(batches)
    module = LanguageModel(model, learning_rate=config["learning_rate"], total_updates=updates)
    fit(
        module,
        TextData(batches.__getitem__, updates=updates),
        updates=updates,
        logger=context.logs.logger(),
        progress=lambda done: context.progress(0.5 + 0.5 * done),
    )
    model.save_pretrained(out / MODEL)
    tokenizer.save_pretrained(out / MODEL)
    write_json(out / "generator.json", {"few_shot": len(solved), "kept": len(kept), "updates": updates})


def samples(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Samples ``count`` solutions per problem, shard by shard; finished shards are kept.

    Inputs: generator, problems.
    """
    folder = one(inputs, "generator") / MODEL
    tokenizer, model = AutoTokenizer.from_pretrained(folder), load_causal(folder)
    world = world_of(config["world"])
    problems = read_problems(one(inputs, "problems"))
    shards = [problems[start : start + SHARD_PROBLEMS] for start in range(0, len(problems), SHARD_PROBLEMS)]
    paths = []
    for index, shard in enumerate(shards):
        path = context.scratch / f"{index:05d}.parquet"
        paths.append(path)
        if index % context.group.size == context.group.rank and not path.is_file():
            drawn = sample(
                model,
                tokenizer,
                [prompt_of(problem.text) for problem in shard],
                num_samples=config["count"],
                temperature=config["temperature"],
                min_p=config["min_p"],
                max_new_tokens=config["max_new_tokens"],
                seed=config["seed"] * 100_003 + index,
                progress=_within(context.progress, index, len(shards)),
            )
            pairs = zip(shard, drawn, strict=True)
            rows = [row for problem, done in pairs for row in graded(world, problem, done)]
            Solutions.from_rows(rows).write(path.with_suffix(".new"))
            sync(path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)
        context.progress((index + 1) / len(shards))
    context.group.wait()
    if not context.group.first:
        return
    Solutions.write_parts(out / SOLUTIONS, (Solutions.read(path) for path in paths))
    write_problems(out, problems)


def solved_questions(config: dict[str, Any], inputs: Inputs, context: Context) -> list[tuple[str, str]]:
    """Reads questions and answers of the text in ``context.local``, without problems of ``held_out``."""
    held_out = read_problems(one(inputs, "held_out")) if "held_out" in inputs else []
    pairs = read_questions(unchanged(context.local["text"], config["text_sha256"]))
    return list(without(pairs, (problem.text for problem in held_out)))


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
    prompt = tokenizer(prompt_of(problem.text), add_special_tokens=False)["input_ids"]
    solution = tokenizer("".join(f"{step}\n" for step in steps), add_special_tokens=False)["input_ids"]
    ids = np.array([*prompt, *solution, tokenizer.eos_token_id], dtype=np.int64)
    target = ids.copy()
    target[: len(prompt)] = IGNORE
    return ids, target


def _within(progress: Callable[[float], None], index: int, count: int) -> Callable[[int, int], None]:
    return lambda done, total: progress((index + done / total) / count)
