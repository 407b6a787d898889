"""Labels of a pool, shard by shard: what is finished stays in a scratch folder and is not computed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ablations.formats.pool import Pool
from ablations.labelers.labeler import Labeler
from ablations.progress import Reporter
from ablations.ragged import Ragged
from ablations.shards import Shards, claim, counting
from ablations.solutions import StepScores
from lightning_modules.encoding import Encoded

SHARD = 256
"""Solutions of a shard, in whole problems, of which it has at least one."""


@dataclass(frozen=True, kw_only=True)
class TooLong:
    """A solution that does not fit into what the model can read."""

    problem_id: str
    """The problem it solves."""
    sample: int
    """Its number among the problem's solutions."""
    tokens: int
    """Its length."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What a labeler said of a pool."""

    scores: StepScores
    """Of the solutions of all problems but those left out, in the pool's order."""
    too_long: tuple[TooLong, ...]
    """Solutions that could not be judged."""
    left_out: frozenset[str]
    """The problems that these solve: none of their solutions has a label."""


def label_pool(
    pool: Pool, labeler: Labeler, scratch: Path, sha256: str, reporter: Reporter, *, max_tokens: int
) -> Labelled:
    """Labels all solutions of a pool; the position of every step is found before the first one is judged.

    Args:
        pool: of as many solutions for each problem.
        labeler: who labels.
        scratch: folder of shards; made, and left to the caller to remove.
        sha256: of the pool's file.
        reporter: told of every shard.
        max_tokens: cells of a forward pass.

    Raises:
        ValueError: a step's position cannot be told, no problem has only solutions that fit, or the scratch
            folder holds shards of another labeler or pool.
    """
    facts = {"labeler": labeler.identity.as_dict(), "pool": sha256, "shard": SHARD}
    claim(scratch, facts, "shards of another labeler or pool")
    solutions = _Encoder(pool=pool, labeler=labeler)
    tokens = np.array([len(solutions.encode(row)) for row in range(len(pool.solutions))])
    too_long = [row for row, count in enumerate(tokens) if not labeler.fits(int(count))]
    left_out = frozenset(solutions.problem_id(row) for row in too_long)
    kept = [p for p, problem in enumerate(pool.problems) if problem.problem_id not in left_out]
    if not kept:
        raise ValueError(
            f"max_length: found {len(too_long)} solutions longer than {labeler.identity.max_length} tokens, "
            "and no problem without; allowed: a length that all solutions of one problem fit into"
        )
    counts = pool.solutions.counts
    starts = np.cumsum(counts) - counts
    step = max(1, SHARD // int(counts.max()))
    shards = [
        [int(starts[p]) + i for p in kept[start : start + step] for i in range(counts[p])]
        for start in range(0, len(kept), step)
    ]
    scores = label_shards(shards, solutions.encode, tokens, labeler, scratch, reporter, max_tokens=max_tokens)
    return Labelled(
        scores=scores,
        too_long=tuple(
            TooLong(
                problem_id=solutions.problem_id(row),
                sample=int(pool.solutions.sample[row]),
                tokens=int(tokens[row]),
            )
            for row in too_long
        ),
        left_out=left_out,
    )


def label_shards(
    shards: Sequence[Sequence[int]],
    encode: Callable[[int], Encoded],
    tokens: np.ndarray,
    labeler: Labeler,
    scratch: Path,
    reporter: Reporter,
    *,
    max_tokens: int,
) -> StepScores:
    """Labels solutions shard by shard, but for those whose file stands.

    Args:
        shards: rows of the solutions of each, one or more.
        encode: a solution in tokens, by its row.
        tokens: int [R], lengths of all solutions.
        labeler: who labels.
        scratch: folder of shards that `claim` has found to be of this labeler and these solutions.
        reporter: told of every shard.
        max_tokens: cells of a forward pass.

    Returns:
        Scores of the solutions of all shards, in their order.
    """

    def label(number: int, path: Path, progress: Callable[[float], None]) -> None:
        encoded = [encode(row) for row in shards[number]]
        labeler.label(encoded, max_tokens=max_tokens, progress=progress).write(path)

    work = tuple(float(tokens[rows].sum()) for rows in shards)
    files = Shards(folder=scratch, stage="label", work=work)
    with counting(files, reporter) as counter:
        files.finish(label, counter)
    return _joined([StepScores.read(file) for file in files.files()])


@dataclass(frozen=True, kw_only=True)
class _Encoder:
    """Solutions of a pool by their rows."""

    pool: Pool
    labeler: Labeler

    def problem_id(self, row: int) -> str:
        """Of the problem that a solution solves."""
        return self.pool.problems[int(self.pool.solutions.problem_index[row])].problem_id

    def encode(self, row: int) -> Encoded:
        """A solution in tokens."""
        problem = self.pool.problems[int(self.pool.solutions.problem_index[row])]
        steps = self.pool.solutions.column("steps")[row].as_py()
        where = f"problem {problem.problem_id}, sample {self.pool.solutions.sample[row]}"
        return self.labeler.encode(problem.text, steps, where)


def _joined(parts: Sequence[StepScores]) -> StepScores:
    return StepScores(
        prob=Ragged.concatenate([part.prob for part in parts]),
        last=np.concatenate([part.last for part in parts]),
    )
