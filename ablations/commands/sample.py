"""``ablations sample PROBLEMS --generator CHECKPOINT -n N --out POOL``: samples solutions into a pool.

The same command, started again while it runs, shares the work, on any machine that sees the same store if
file locks work there: each shard is made by one of them, and the first to find all done writes the pool.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.commands.arguments import ESCAPES, unescaped
from ablations.commands.cli import COMMANDS
from ablations.commands.making import make_all, reported
from ablations.data.checks import allowed
from ablations.engine.files import check_new, check_output, lock_of
from ablations.engine.progress import LOG_FORMATS
from ablations.engine.store import Store
from ablations.generators.setup import CHAT_TEMPLATES, ENGINE_NAMES, GeneratorChoice, Sampling
from ablations.grading.unanswered import describe_unanswered
from ablations.labelers.choice import DEVICES, DTYPES
from results.writing import write_text

if TYPE_CHECKING:
    from ablations.commands.sampled_pool import SamplingSummary
    from ablations.data.solutions import Problem
    from ablations.generators.generator import Generator


def sample(argv: Sequence[str]) -> None:
    """Runs the command.

    Args:
        argv: the command's arguments.

    Raises:
        ValueError: an argument, the problems or the checkpoint is invalid.
    """
    args = _parse(argv)
    if not args.show_prompt and (args.samples is None or args.out is None):
        missing = "samples" if args.samples is None else "out"
        raise ValueError(f"{missing}: found none; allowed: one, unless --show-prompt is given")
    if (args.shots is None) != (args.k is None):
        raise ValueError("k: found --shots or -k without the other; allowed: both, or none")
    allowed("log_format", args.log_format, LOG_FORMATS)
    choice = GeneratorChoice(
        checkpoint=args.generator,
        dtype=args.dtype,
        chat_template=args.chat_template,
        instruction=None if args.instruction is None else unescaped("instruction", args.instruction),
        stop=tuple(unescaped("stop", text) for text in args.stop or ()),
        stop_after_answer=args.stop_after_answer,
        trust_remote_code=args.trust_remote_code,
    )
    sampling = Sampling(
        samples=1 if args.show_prompt else args.samples,
        temperature=args.temperature,
        min_p=args.min_p,
        max_new_tokens=args.max_new_tokens,
        seed=args.seed,
        engine=args.engine,
        device=args.device,
        max_batch=args.max_batch,
        devices=args.devices,
    )
    out = None if args.show_prompt else Path(args.out)
    if out is not None:
        check_new(out, "out")
        check_output(args.store, "store", folder=True)
    # slow imports wait until the arguments are checked, so that mistakes are reported at once
    from ablations.generators.generator import find_generator
    from ablations.generators.problem_files import read_problems, read_shots

    problems = read_problems(Path(args.problems), args.source)
    shots = () if args.shots is None else read_shots(Path(args.shots), args.k, problems)
    generator = find_generator(choice, sampling, shots)
    if out is None:
        print(generator.shown(problems[0]))
    else:
        _into_pool(problems, generator, args)


def _into_pool(problems: list[Problem], generator: Generator, args: Any) -> None:
    from ablations.engine.locks import locked
    from ablations.steps.draw_completions import DrawCompletions

    out, began = Path(args.out), time.monotonic()
    prompts = generator.prompts(problems)
    shards = DrawCompletions.shards(generator.identity, generator.setup_for(prompts), prompts)
    store = Store(args.store)
    new = [store.fault(shard, full=False) is not None for shard in shards]
    make_all(shards, store, args.devices, args.log_format)
    seconds = time.monotonic() - began
    with locked(lock_of(out)):
        if out.exists():
            print(f"{out}: written by another command, which shared the work")
            return
        account = _graded(out, problems, [store.path(shard) for shard in shards], generator, args.log_format)
    _write_left_out(out, account)
    drawn = sum(tokens for tokens, made in zip(account.tokens, new, strict=True) if made)
    print(_described(out, generator, account, drawn / seconds if any(new) else None))


def _graded(
    out: Path, problems: list[Problem], parts: list[Path], generator: Generator, log_format: str
) -> SamplingSummary:
    """Grades the solutions and writes the pool."""
    from ablations.commands.sampled_pool import write_pool
    from ablations.engine.processes import default_workers
    from ablations.grading.grader import Grader

    samples = generator.setup.sampling.samples
    with (
        reported("grading", float(len(problems) * samples), log_format) as progress,
        Grader(default_workers()) as grader,
    ):
        return write_pool(out, problems, parts, samples, generator.identity, grader, progress)


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


def _parse(argv: Sequence[str]) -> Any:
    import jsonargparse

    parser = jsonargparse.ArgumentParser(
        prog="ablations sample", description=COMMANDS["sample"], exit_on_error=False, allow_abbrev=False
    )
    parser.add_argument(
        "problems", type=Path, help="a file of any format that names problems and their answers"
    )
    parser.add_argument(
        "--generator",
        type=str,
        required=True,
        help="folder of the checkpoint, or OWNER/NAME[@REVISION] on the hub",
    )
    parser.add_argument("-n", "--samples", type=int | None, default=None, help="solutions per problem")
    parser.add_argument("--out", type=Path | None, default=None, help="the new pool; compressed by its name")
    parser.add_argument(
        "--from", dest="source", type=str | None, default=None, help="format (default: detected)"
    )
    parser.add_argument("--temperature", type=float, default=1.0, help="0: the likeliest token each time")
    parser.add_argument(
        "--min-p",
        type=float,
        default=0.0,
        help="never draw a token less likely than this share of the likeliest one",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the samples")
    parser.add_argument("--max-new-tokens", type=int, default=1024, help="most tokens of a solution")
    parser.add_argument(
        "--stop",
        action="append",
        help=f"text or special token that ends a solution, repeatable; {ESCAPES}",
    )
    parser.add_argument(
        "--stop-after-answer",
        action="store_true",
        help="end a solution after the line that states its final answer (in \\boxed{}, after ####, or in "
        "words: The answer is ...)",
    )
    parser.add_argument(
        "--chat-template",
        type=str,
        default="auto",
        help=f"one of {', '.join(CHAT_TEMPLATES)} (auto: where the tokenizer has one)",
    )
    parser.add_argument(
        "--instruction",
        type=str | None,
        default=None,
        help="text next to the problem (default: with a chat template, one step per line and the answer "
        f"in \\boxed{{}}; else nothing); {ESCAPES}",
    )
    parser.add_argument("--shots", type=Path | None, default=None, help="file of solved problems to show")
    parser.add_argument("-k", type=int | None, default=None, help="how many of them")
    parser.add_argument(
        "--show-prompt", action="store_true", help="print what the model reads for the first problem, no more"
    )
    parser.add_argument(
        "--engine", type=str, default="transformers", help=f"one of {', '.join(ENGINE_NAMES)}"
    )
    parser.add_argument("--device", type=str, default="cpu", help=f"one of {', '.join(DEVICES)}")
    parser.add_argument(
        "--devices", type=int, default=1, help="processes, each with its own GPU, or one core each"
    )
    parser.add_argument(
        "--dtype", type=str, default="auto", help=f"of the weights: {', '.join(DTYPES)} (auto: as they are)"
    )
    parser.add_argument("--max-batch", type=int, default=256, help="solutions that are written together")
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="run code that comes with the checkpoint"
    )
    parser.add_argument("--store", type=Path, default=Path("runs/store"), help="folder of artifacts")
    parser.add_argument(
        "--log-format", type=str, default="text", help=f"of the progress: {', '.join(LOG_FORMATS)}"
    )
    return parser.parse_args(list(argv))
