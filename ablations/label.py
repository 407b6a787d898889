"""``ablations label SOLUTIONS --labeler CHECKPOINT --out POOL``: a public PRM's scores, into a new pool."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.arguments import allowed
from ablations.cli import COMMANDS
from ablations.labelers.choice import DEVICES, DTYPES, Choice
from ablations.progress import LOG_FORMATS, reporter_of

if TYPE_CHECKING:
    from ablations.labelers.shards import TooLong


def label(argv: Sequence[str]) -> None:
    """Runs the command.

    Args:
        argv: its arguments.

    Raises:
        ValueError: an argument, the pool or the checkpoint is not as it must be.
    """
    args = _parse(argv)
    # what computes is imported after the arguments are understood: mistakes are told at once
    from ablations.formats.pool import read_pool
    from ablations.formats.scored import add_scores
    from ablations.labelers.checkpoints import short_name
    from ablations.labelers.labeler import load_labeler
    from ablations.labelers.shards import label_pool
    from ablations.ragged import Ragged
    from ablations.stages.files import sha256_of, unchanged
    from lightning_modules.reward_model import probability_of_correct

    source, out = Path(args.solutions), Path(args.out)
    choice = Choice(
        checkpoint=args.labeler,
        family=args.family,
        device=args.device,
        dtype=args.dtype,
        max_length=args.max_length,
        separator=args.separator,
        trust_remote_code=args.trust_remote_code,
    )
    allowed("log_format", args.log_format, LOG_FORMATS)
    if args.max_tokens < 1:
        raise ValueError(f"max_tokens: found {args.max_tokens}; allowed: at least 1")
    name = args.name or short_name(args.labeler)
    if out.exists():
        raise ValueError(f"out: found {out}; allowed: a new file")
    sha256 = sha256_of(source, "solutions")
    pool = read_pool(source, None, keep_ungraded=True)
    if name in pool.labelers:
        raise ValueError(
            f"name: found {name!r}, whose scores {source} holds already; allowed: another than "
            f"{', '.join(pool.labelers)}"
        )
    labeler = load_labeler(choice)
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f"{out.name}.shards")
    found = label_pool(
        pool, labeler, scratch, sha256, reporter_of(args.log_format), max_tokens=args.max_tokens
    )
    prob = found.scores.prob
    positive = Ragged(values=probability_of_correct(prob.values), offsets=prob.offsets)
    report = _write_left_out(out, found.too_long)
    add_scores(
        unchanged(str(source), sha256),
        out,
        name=name,
        positive=positive,
        identity=labeler.identity.as_dict(),
        left_out=found.left_out,
    )
    shutil.rmtree(scratch)
    who = labeler.identity
    print(
        f"{out}: {len(pool.problems) - len(found.left_out):,} problems, {len(positive):,} solutions, "
        f"{len(positive.values):,} steps labelled by {name} ({who.family}, {who.dtype}, revision "
        f"{who.revision[:12]})"
    )
    if found.too_long:
        first = [f"{one.problem_id} sample {one.sample}" for one in found.too_long[:3]]
        more = ", ..." if len(found.too_long) > len(first) else ""
        print(
            f"left out: {len(found.left_out):,} problems, for {len(found.too_long):,} solutions longer than "
            f"{who.max_length:,} tokens ({', '.join(first)}{more}); all are in {report}"
        )


def _write_left_out(out: Path, too_long: Sequence[TooLong]) -> Path:
    """The solutions that do not fit, one a line; no file where all do."""
    path = out.with_name(f"{out.name}.left_out.jsonl")
    if too_long:
        path.write_text("".join(json.dumps(asdict(one)) + "\n" for one in too_long))
    return path


def _parse(argv: Sequence[str]) -> Any:
    import jsonargparse

    parser = jsonargparse.ArgumentParser(
        prog="ablations label", description=COMMANDS["label"], exit_on_error=False, allow_abbrev=False
    )
    parser.add_argument("solutions", type=Path, help="a pool: .jsonl, .jsonl.gz or .jsonl.zst")
    parser.add_argument(
        "--labeler",
        type=str,
        required=True,
        help="folder of the checkpoint, or OWNER/NAME[@REVISION] on the hub",
    )
    parser.add_argument("--out", type=Path, required=True, help="the new pool; compressed by its name")
    parser.add_argument(
        "--name", type=str | None, default=None, help="of the scores in the pool (default: the checkpoint's)"
    )
    parser.add_argument(
        "--family",
        type=str | None,
        default=None,
        help="of the checkpoint (default: what it tells); a wrong one tells all there are",
    )
    parser.add_argument("--device", type=str, default="cpu", help=f"one of {', '.join(DEVICES)}")
    parser.add_argument(
        "--dtype", type=str, default="auto", help=f"of the weights: {', '.join(DTYPES)} (auto: as they are)"
    )
    parser.add_argument(
        "--max-length",
        type=int | None,
        default=None,
        help="most tokens of a solution (default: the model's positions); problems with a longer one are "
        "left out and named",
    )
    parser.add_argument(
        "--separator",
        type=str | None,
        default=None,
        help="text after each step, for token-classification (default: a newline)",
    )
    parser.add_argument("--max-tokens", type=int, default=8192, help="tokens of a forward pass")
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="run the code that lies beside the checkpoint"
    )
    parser.add_argument(
        "--log-format", type=str, default="text", help=f"of the progress: {', '.join(LOG_FORMATS)}"
    )
    return parser.parse_args(list(argv))
