"""Labeling a file by a judge: all solutions of a pool, or those whose steps are rated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ablations.commands.judging import JudgeUsage, Judging, Judgments
from ablations.commands.rated_file import check_form, read_rated_records, write_scored
from ablations.data.ragged import Ragged
from ablations.engine.user_file import UserFile
from ablations.formats.catalogue import FORMATS
from ablations.formats.pool import Pool, read_pool
from ablations.formats.pool_edit import add_scores
from ablations.labelers.choice import check_name


@dataclass(frozen=True, kw_only=True)
class Unjudged:
    """A solution without a verdict."""

    problem_id: str
    """Name of the problem it solves."""
    sample: int
    """Its number among the problem's solutions."""
    reason: str


def judge_pool(pool: Pool, judging: Judging) -> Judgments:
    """Judges all solutions of a pool."""
    problems = [pool.problems[p].text for p in pool.solutions.problem_index.tolist()]
    return judging.label(problems, pool.solutions.column("steps").to_pylist())


def unjudged_of(pool: Pool, found: Judgments) -> list[Unjudged]:
    """Names the solutions of a pool that have no verdict."""
    return [
        Unjudged(
            problem_id=pool.problems[int(pool.solutions.problem_index[row])].problem_id,
            sample=int(pool.solutions.sample[row]),
            reason=reason,
        )
        for row, reason in found.unjudged.items()
    ]


def add_judgments(file: UserFile, out: Path, name: str, judging: Judging, found: Judgments) -> None:
    """Writes a pool with a judge's labels added under a name, atomically; solutions without any are left out.

    Raises:
        ValueError: the pool has changed since it was judged.
    """
    add_scores(
        file.unchanged(),
        out,
        name=name,
        scores=Ragged.from_rows(list(found.right.values())),
        identity=judging.identity(found.usage),
        rows=found.right,
    )


def judge_file(source: Path, out: Path, name: str, judging: Judging) -> tuple[Mapping[str, int], JudgeUsage]:
    """Writes the contents of a file with a judge's scores added, atomically.

    Args:
        source: a pool, or any format of rated steps.
        out: a pool, or rated paths (``prm800k_paths``).
        name: the judge's name in the output.
        judging: the judge, where it is, and where its answers are kept.

    Returns:
        How many solutions were left out, by reason; and the numbers of the answers.

    Raises:
        ValueError: the file has no steps to judge, or holds scores of that name; or as in `Judging.label`.
    """
    form, file = check_form(source), UserFile.of(source, "file")
    if form is FORMATS["pool"]:
        pool = read_pool(source, None, keep_ungraded=True)
        check_name(name, source, (*pool.labelers, *pool.solution_labelers))
        found = judge_pool(pool, judging)
        add_judgments(file, out, name, judging, found)
        return Counter(found.unjudged.values()), found.usage
    records, unlabeled = read_rated_records(source, name)
    order = sorted(range(len(records)), key=lambda row: records[row].problem)
    found = judging.label([records[row].problem for row in order], [records[row].texts for row in order])
    right = {order[at]: right for at, right in found.right.items()}
    write_scored(out, name, ((records[row], right[row]) for row in sorted(right)))
    return Counter(found.unjudged.values()) + Counter({"without labels": unlabeled}), found.usage
