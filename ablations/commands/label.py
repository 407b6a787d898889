"""``ablations label SOLUTIONS --labeler CHECKPOINT --out POOL``: writes a pool with a public PRM's scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.commands.cli import COMMANDS
from ablations.commands.labeler_flags import add_choice, choice_of
from ablations.data.checks import allowed
from ablations.engine.files import check_new, check_output, lock_of
from ablations.engine.locks import locked
from ablations.engine.progress import LOG_FORMATS
from ablations.engine.store import Store
from ablations.engine.user_file import UserFile
from ablations.labelers.choice import check_name
from results.writing import write_text

if TYPE_CHECKING:
    from ablations.commands.labeled_pool import TooLong


def label(argv: Sequence[str]) -> None:
    """Runs the command.

    Args:
        argv: the command's arguments.

    Raises:
        ValueError: an argument, the pool or the checkpoint is invalid.
    """
    args = _parse(argv)
    # slow imports wait until the arguments are checked, so that mistakes are reported at once
    from ablations.commands.labeled_file import add_labels
    from ablations.commands.labeled_pool import Labeling, label_pool
    from ablations.formats.pool import read_pool
    from ablations.labelers.checkpoints import short_name

    source, out = Path(args.solutions), Path(args.out)
    labeling = Labeling(
        choice=choice_of(args, args.labeler),
        store=Store(args.store),
        max_tokens=args.max_tokens,
        log_format=args.log_format,
    )
    allowed("log_format", args.log_format, LOG_FORMATS)
    name = args.name or short_name(args.labeler)
    check_new(out, "out")
    check_output(args.store, "store", folder=True)
    file = UserFile.of(source, "solutions")
    pool = read_pool(source, None, keep_ungraded=True)
    check_name(name, source, pool.labelers)
    found = label_pool(pool, labeling)
    with locked(lock_of(out)):
        if out.exists():
            print(f"{out}: written by another command, which shared the work")
            return
        report = _write_left_out(out, found.too_long)
        add_labels(file, out, name, labeling.labeler, found)
    who = labeling.labeler.identity
    print(
        f"{out}: {len(pool.problems) - len(found.left_out):,} problems, {len(found.rows):,} solutions, "
        f"{len(found.scores.prob.values):,} steps labelled by {name} ({who.family}, {who.dtype}, revision "
        f"{who.revision[:12]})"
    )
    if found.too_long:
        first = [f"{one.problem_id} sample {one.sample}" for one in found.too_long[:3]]
        more = ", ..." if len(found.too_long) > len(first) else ""
        print(
            f"left out: {len(found.too_long):,} of {len(pool.solutions):,} solutions, which are longer than "
            f"{who.max_length:,} tokens ({', '.join(first)}{more}), and {len(found.left_out):,} problems "
            f"that no other solution solves; all are in {report}"
        )


def _write_left_out(out: Path, too_long: Sequence[TooLong]) -> Path:
    """Writes the solutions that do not fit, one per line; writes no file if all fit."""
    path = out.with_name(f"{out.name}.left_out.jsonl")
    if too_long:
        write_text(path, "".join(json.dumps(asdict(one)) + "\n" for one in too_long))
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
    add_choice(parser)
    parser.add_argument("--store", type=Path, default=Path("runs/store"), help="folder of artifacts")
    parser.add_argument(
        "--log-format", type=str, default="text", help=f"of the progress: {', '.join(LOG_FORMATS)}"
    )
    return parser.parse_args(list(argv))
