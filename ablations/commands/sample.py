"""``ablations sample PROBLEMS --generator CHECKPOINT -n N --out POOL``: samples solutions into a pool.

The same command, started again while it runs, shares the work, on any machine that sees the same store if
file locks work there: each shard is made by one of them, and the first to find all done writes the pool.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ablations.commands.arguments import unescape
from ablations.commands.making import make_all
from ablations.engine.files import check_new, check_output, lock_of
from ablations.engine.progress import LogFormat
from ablations.engine.store import STORE, Store
from ablations.generators.setup import ChatTemplate, EngineName, GeneratorChoice, Sampling
from ablations.grading.unanswered import describe_unanswered
from ablations.labelers.choice import Device, WeightType
from results.writing import write_text

if TYPE_CHECKING:
    from ablations.commands.sampled_pool import SamplingSummary
    from ablations.data.solutions import Problem
    from ablations.generators.generator import Generator


def sample(
    problems: Path,
    *,
    generator: str,
    samples: Annotated[int | None, "-n"] = None,
    out: Path | None = None,
    from_: str | None = None,
    temperature: float = 1.0,
    min_p: float = 0.0,
    seed: int = 0,
    max_new_tokens: int = 1024,
    stop: tuple[str, ...] = (),
    stop_after_answer: bool = False,
    chat_template: ChatTemplate = "auto",
    instruction: str | None = None,
    shots: Path | None = None,
    k: Annotated[int | None, "-k"] = None,
    show_prompt: bool = False,
    engine: EngineName = "transformers",
    device: Device = "cpu",
    devices: int = 1,
    dtype: WeightType = "auto",
    max_batch: int = 256,
    trust_remote_code: bool = False,
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    r"""Samples solutions of problems into a pool.

    Args:
        problems: a file of any format that names problems and their answers.
        generator: folder of the checkpoint, or OWNER/NAME[@REVISION] on the hub.
        samples: solutions per problem.
        out: the new pool; compressed by its name.
        from_: format of the problems (default: detected).
        temperature: 0: the likeliest token each time.
        min_p: never draw a token less likely than this share of the likeliest one.
        seed: seed of the samples.
        max_new_tokens: most tokens of a solution.
        stop: text or special token that ends a solution, repeatable; \n, \t and \\ stand for a line break, a
            tab and a backslash.
        stop_after_answer: end a solution after the line that states its final answer (in \boxed{}, after
            ####, or in words: The answer is ...).
        chat_template: whether the chat template is used (auto: where the tokenizer has one).
        instruction: text next to the problem (default: with a chat template, one step per line and the
            answer in \boxed{}; else nothing); escapes as in stop.
        shots: file of solved problems to show.
        k: how many of them.
        show_prompt: print what the model reads for the first problem, no more.
        engine: what runs the checkpoint.
        device: device that it runs on.
        devices: processes, each with its own GPU, or one core each.
        dtype: type of the weights (auto: as they are).
        max_batch: solutions that are written together.
        trust_remote_code: run code that comes with the checkpoint.
        store: folder of artifacts.
        log_format: format of the progress.

    Raises:
        ValueError: an argument, the problems or the checkpoint is invalid.
    """
    if not show_prompt and (samples is None or out is None):
        missing = "samples" if samples is None else "out"
        raise ValueError(f"{missing}: found none; allowed: one, unless --show-prompt is given")
    if (shots is None) != (k is None):
        raise ValueError("k: found --shots or -k without the other; allowed: both, or none")
    choice = GeneratorChoice(
        checkpoint=generator,
        dtype=dtype,
        chat_template=chat_template,
        instruction=None if instruction is None else unescape("instruction", instruction),
        stop=tuple(unescape("stop", text) for text in stop),
        stop_after_answer=stop_after_answer,
        trust_remote_code=trust_remote_code,
    )
    sampling = Sampling(
        samples=1 if show_prompt or samples is None else samples,
        temperature=temperature,
        min_p=min_p,
        max_new_tokens=max_new_tokens,
        seed=seed,
        engine=engine,
        device=device,
        max_batch=max_batch,
        devices=devices,
    )
    if out is not None and not show_prompt:
        check_new(out, "out")
        check_output(store, "store", folder=True)
    # slow imports wait until the arguments are checked, so that mistakes are reported at once
    from ablations.generators.generator import find_generator
    from ablations.generators.problem_files import read_problems, read_shots

    read = read_problems(problems, from_)
    shown = () if shots is None or k is None else read_shots(shots, k, read)
    found = find_generator(choice, sampling, shown)
    if out is None or show_prompt:
        print(found.render_prompt(read[0]))
    else:
        _into_pool(read, found, out, Store(store), log_format)


def _into_pool(
    problems: list[Problem], generator: Generator, out: Path, store: Store, log_format: str
) -> None:
    from ablations.commands.sampled_pool import answers_of, write_pool
    from ablations.engine.locks import locked
    from ablations.engine.processes import default_workers
    from ablations.grading.grader import Grader
    from ablations.steps.draw_completions import DrawCompletions
    from ablations.steps.grade_answers import GradeAnswers, Verdicts

    began = time.monotonic()
    prompts = generator.prompts(problems)
    shards = DrawCompletions.shards(generator.identity, generator.setup_for(prompts), prompts)
    new = [store.fault(shard, full=False) is not None for shard in shards]
    make_all(shards, store, generator.setup.sampling.devices, log_format)
    seconds = time.monotonic() - began
    samples = generator.setup.sampling.samples
    with locked(lock_of(out)), Grader(default_workers()) as grader:
        if out.exists():
            print(f"{out}: written by another command, which shared the work")
            return
        parts = [store.path(shard) for shard in shards]
        grading = GradeAnswers.shards(answers_of(parts, problems), grader)
        make_all(grading, store, 1, log_format)
        verdicts = (Verdicts.read(store.path(shard)) for shard in grading)
        account = write_pool(out, problems, parts, verdicts, samples, generator.identity)
    _write_left_out(out, account)
    drawn = sum(tokens for tokens, made in zip(account.tokens, new, strict=True) if made)
    print(_described(out, generator, account, drawn / seconds if any(new) else None))


def _write_left_out(out: Path, account: SamplingSummary) -> None:
    """Writes the problems that are not in the pool, one per line; writes no file if all are."""
    if account.left_out:
        lines = [json.dumps({"problem_id": name}) + "\n" for name in account.left_out]
        write_text(out.with_name(f"{out.name}.left_out.jsonl"), "".join(lines))


def _described(out: Path, generator: Generator, account: SamplingSummary, speed: float | None) -> str:
    """Describes the result for display."""
    who = generator.identity
    graded = account.solutions - account.ungraded
    right = f"{account.right / graded:.1%} of those graded" if graded else "none graded"
    unfinished = account.solutions - account.finished
    advice = "look at some, and make the model state its answer (--instruction, --shots)"
    if unfinished:
        advice += " or let it write more (--max-new-tokens)"
    said = [
        f"{out}: {account.problems:,} problems, {account.solutions:,} solutions sampled from "
        f"{who['generator']} ({who['engine']}, {who['dtype']}, revision {who['revision'][:12]})",
        f"finished {account.finished / account.solutions:.1%}, right {right}, ungraded {account.ungraded:,}; "
        f"{sum(account.tokens):,} tokens" + (f", {speed:,.0f} tokens/s" if speed is not None else ""),
        describe_unanswered(account.unanswered, account.solutions, unfinished, advice),
    ]
    if account.empty:
        said.append(f"completions without a step, in place of which others were drawn: {account.empty:,}")
    if account.left_out:
        first = ", ".join(account.left_out[:3]) + (", ..." if len(account.left_out) > 3 else "")
        said.append(
            f"left out: {len(account.left_out):,} problems, of which too few completions had a step "
            f"({first}); all are in {out}.left_out.jsonl"
        )
    return "\n".join(said)
