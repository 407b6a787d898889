"""``ablations label SOLUTIONS --labeler CHECKPOINT --out POOL``: writes a pool with a public PRM's scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.commands.labeler_flags import LabelerFlags
from ablations.engine.files import check_new, check_output, lock_of
from ablations.engine.locks import locked
from ablations.engine.progress import LogFormat
from ablations.engine.store import STORE, Store
from ablations.engine.user_file import UserFile
from ablations.labelers.choice import check_name
from results.writing import write_text

if TYPE_CHECKING:
    from ablations.commands.labeled_pool import TooLong


def label(
    solutions: Path,
    *,
    labeler: str,
    out: Path,
    name: str | None = None,
    flags: LabelerFlags = LabelerFlags(),
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    """Labels a pool's solutions or their steps, and writes a pool with the scores.

    Args:
        solutions: a pool: .jsonl, .jsonl.gz or .jsonl.zst.
        labeler: folder of the checkpoint, or OWNER/NAME[@REVISION] on the hub.
        out: the new pool; compressed by its name.
        name: name of the scores in the pool (default: the checkpoint's).
        flags: how the checkpoint is loaded and read.
        store: folder of artifacts.
        log_format: format of the progress.

    Raises:
        ValueError: an argument, the pool or the checkpoint is invalid.
    """
    # slow imports wait until the arguments are checked, so that mistakes are reported at once
    from ablations.commands.labeled_file import add_labels
    from ablations.commands.labeled_pool import Labeling, label_pool
    from ablations.formats.pool import read_pool
    from ablations.labelers.checkpoints import short_name

    labeling = Labeling(
        choice=flags.choice(labeler),
        store=Store(store),
        max_tokens=flags.max_tokens,
        log_format=log_format,
    )
    name = name or short_name(labeler)
    check_new(out, "out")
    check_output(store, "store", folder=True)
    file = UserFile.of(solutions, "solutions")
    pool = read_pool(solutions, None, keep_ungraded=True)
    check_name(name, solutions, (*pool.labelers, *pool.solution_labelers))
    found = label_pool(pool, labeling)
    with locked(lock_of(out)):
        if out.exists():
            print(f"{out}: written by another command, which shared the work")
            return
        report = _write_left_out(out, found.too_long)
        add_labels(file, out, name, labeling.labeler, found)
    who, of_solutions = labeling.labeler.identity, labeling.labeler.of_solutions
    problems, steps = len(pool.problems) - len(found.left_out), len(found.scores.prob.values)
    judged = "" if of_solutions else f", {steps:,} steps"
    print(
        f"{out}: {problems:,} problems, {len(found.rows):,} solutions{judged} "
        f"labeled by {name} ({who.family}, {who.dtype}, revision {who.revision[:12]})"
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
