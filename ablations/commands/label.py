"""``ablations label SOLUTIONS --labeler LABELER --out POOL``: writes a pool with a labeler's scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ablations.commands.judge_flags import JudgeFlags, check_unset
from ablations.commands.labeler_flags import LabelerFlags
from ablations.engine.files import check_new, check_output, lock_of
from ablations.engine.locks import locked
from ablations.engine.progress import LogFormat
from ablations.engine.store import STORE, Store
from ablations.engine.user_file import UserFile
from ablations.labelers.choice import check_name
from results.writing import write_text

if TYPE_CHECKING:
    from ablations.commands.judged_file import Unjudged
    from ablations.commands.judging import Judging
    from ablations.commands.labeled_pool import Labeling, TooLong
    from ablations.formats.pool import Pool


def label(
    solutions: Path,
    *,
    labeler: str,
    out: Path,
    name: str | None = None,
    flags: LabelerFlags = LabelerFlags(),
    judge: JudgeFlags = JudgeFlags(),
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    """Labels a pool's solutions or their steps, and writes a pool with the scores.

    Args:
        solutions: a pool: .jsonl, .jsonl.gz or .jsonl.zst.
        labeler: folder of the checkpoint, or OWNER/NAME[@REVISION] on the hub; with an endpoint, name of the
            model there.
        out: the new pool; compressed by its name.
        name: name of the scores in the pool (default: the labeler's).
        flags: how the checkpoint is loaded and read.
        judge: how a judge behind an endpoint is asked.
        store: folder of artifacts.
        log_format: format of the progress.

    Raises:
        ValueError: an argument, the pool, the checkpoint or the endpoint is invalid.
    """
    from ablations.labelers.checkpoints import short_name

    if judge.endpoint is not None:
        check_unset(flags, "with --endpoint")
        asked = judge.judge(labeler), judge.chat_endpoint()
    else:
        choice = flags.choice(labeler)
    name = name or short_name(labeler)
    check_new(out, "out")
    check_output(store, "store", folder=True)
    # slow imports wait until the arguments are checked, so that mistakes are reported at once
    from ablations.formats.pool import read_pool

    file = UserFile.of(solutions, "solutions")
    pool = read_pool(solutions, None, keep_ungraded=True)
    check_name(name, solutions, (*pool.labelers, *pool.solution_labelers))
    if judge.endpoint is not None:
        from ablations.commands.judging import Judging

        judging = Judging(judge=asked[0], endpoint=asked[1], store=Store(store), log_format=log_format)
        _by_judge(file, pool, out, name, judging, judge.prices)
    else:
        from ablations.commands.labeled_pool import Labeling

        max_tokens = flags.max_tokens
        labeling = Labeling(choice=choice, store=Store(store), max_tokens=max_tokens, log_format=log_format)
        _by_checkpoint(file, pool, out, name, labeling)


def _by_checkpoint(file: UserFile, pool: Pool, out: Path, name: str, labeling: Labeling) -> None:
    from ablations.commands.labeled_file import add_labels
    from ablations.commands.labeled_pool import label_pool

    found = label_pool(pool, labeling)

    def write() -> str:
        report = _write_left_out(out, found.too_long)
        add_labels(file, out, name, labeling.labeler, found)
        who, of_solutions = labeling.labeler.identity, labeling.labeler.of_solutions
        problems, steps = len(pool.problems) - len(found.left_out), len(found.scores.prob.values)
        judged = "" if of_solutions else f", {steps:,} steps"
        said = (
            f"{out}: {problems:,} problems, {len(found.rows):,} solutions{judged} "
            f"labeled by {name} ({who.family}, {who.dtype}, revision {who.revision[:12]})"
        )
        why = f"are longer than {who.max_length or 0:,} tokens"
        return said + _left_out(found.too_long, pool, why, len(found.left_out), report)

    _write_once(out, write)


def _by_judge(
    file: UserFile, pool: Pool, out: Path, name: str, judging: Judging, prices: tuple[float, float] | None
) -> None:
    from ablations.commands.judged_file import add_judgments, judge_pool, unjudged_of

    found = judge_pool(pool, judging)

    def write() -> str:
        left_out = unjudged_of(pool, found)
        report = _write_left_out(out, left_out)
        add_judgments(file, out, name, judging, found)
        right, judge = np.concatenate(list(found.right.values())), judging.judge
        problems = len(set(pool.solutions.problem_index[list(found.right)].tolist()))
        said = (
            f"{out}: {problems:,} problems, {len(found.right):,} solutions, {len(right):,} steps labeled by "
            f"{name} (judge, {judge.verdicts}, {judge.model}), {np.isnan(right).sum():,} after an error "
            f"without a label\n{found.usage.describe(judge, prices)}"
        )
        return said + _left_out(left_out, pool, "have no verdict", len(pool.problems) - problems, report)

    _write_once(out, write)


def _write_once(out: Path, write: Callable[[], str]) -> None:
    """Writes the pool unless another command that shared the work has; prints what `write` returns."""
    with locked(lock_of(out)):
        if out.exists():
            print(f"{out}: written by another command, which shared the work")
            return
        said = write()
    print(said)


def _left_out(
    left_out: Sequence[TooLong] | Sequence[Unjudged], pool: Pool, why: str, problems: int, report: Path
) -> str:
    """Describes solutions that were left out, in a line of its own; empty if there are none."""
    if not left_out:
        return ""
    first = ", ".join(f"{one.problem_id} sample {one.sample}" for one in left_out[:3])
    more = ", ..." if len(left_out) > 3 else ""
    return (
        f"\nleft out: {len(left_out):,} of {len(pool.solutions):,} solutions, which {why} ({first}{more}), "
        f"and {problems:,} problems that no other solution solves; all are in {report}"
    )


def _write_left_out(out: Path, left_out: Sequence[TooLong] | Sequence[Unjudged]) -> Path:
    """Writes the solutions that were left out, one per line; writes no file if there are none."""
    path = out.with_name(f"{out.name}.left_out.jsonl")
    if left_out:
        write_text(path, "".join(json.dumps(asdict(one)) + "\n" for one in left_out))
    return path
