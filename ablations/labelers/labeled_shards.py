"""Labeling a pool shard by shard: finished shards stay in a scratch folder and are not computed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.engine.progress import Reporter
from ablations.engine.shards import Shards, claim, counting
from ablations.formats.pool import Pool
from ablations.labelers.labeler import Labeler
from lightning_modules.encoding import Encoded

SHARD = 256
"""Maximum number of solutions per shard, in whole problems; a shard has at least one problem."""


@dataclass(frozen=True, kw_only=True)
class TooLong:
    """A solution that is too long for the model to read."""

    problem_id: str
    """Name of the problem it solves."""
    sample: int
    """Its number among the problem's solutions."""
    tokens: int
    """Its length in tokens."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A labeler's labels of a pool."""

    rows: np.ndarray
    """int64 [R], ascending: which solutions of the pool have labels; the others are too long."""
    scores: StepScores
    """Scores of these R solutions."""
    too_long: tuple[TooLong, ...]
    """Solutions that could not be labeled."""
    left_out: tuple[str, ...]
    """Names of the problems left without a labeled solution."""


def label_pool(
    pool: Pool, labeler: Labeler, scratch: Path, sha256: str, reporter: Reporter, *, max_tokens: int
) -> Labelled:
    """Labels all solutions of a pool; finds the position of every step before judging the first one.

    Args:
        pool: a pool with one or more solutions per problem.
        labeler: the labeler.
        scratch: folder of shards; created here, removed by the caller.
        sha256: hash of the pool's file.
        reporter: receives the progress of every shard.
        max_tokens: maximum number of cells per forward pass.

    Raises:
        ValueError: a step's position cannot be determined or no solution fits, before the scratch folder is
            created; or that folder holds shards of another labeler or pool.
    """
    solutions = _Encoder(pool=pool, labeler=labeler)
    tokens = np.array([len(solutions.encode(row)) for row in range(len(pool.solutions))])
    fits = np.array([labeler.fits(int(count)) for count in tokens])
    rows = np.flatnonzero(fits)
    if not len(rows):
        raise ValueError(
            f"max_length: found {len(tokens)} solutions longer than {labeler.identity.max_length} tokens, "
            "and none that fits; allowed: a length that some fit into"
        )
    facts = {"labeler": labeler.identity.as_dict(), "pool": sha256, "shard": SHARD}
    claim(scratch, facts, "shards of another labeler or pool")
    shards = by_problem(rows, pool.solutions.problem_index[rows])
    scores = label_shards(shards, solutions.encode, tokens, labeler, scratch, reporter, max_tokens=max_tokens)
    labelled = set(pool.solutions.problem_index[rows].tolist())
    return Labelled(
        rows=rows,
        scores=scores,
        too_long=tuple(
            TooLong(
                problem_id=solutions.problem_id(row),
                sample=int(pool.solutions.sample[row]),
                tokens=int(tokens[row]),
            )
            for row in np.flatnonzero(~fits).tolist()
        ),
        left_out=tuple(one.problem_id for p, one in enumerate(pool.problems) if p not in labelled),
    )


def by_problem(rows: np.ndarray, problem: np.ndarray) -> list[list[int]]:
    """Divides rows into shards of whole problems, SHARD solutions or fewer unless one problem has more.

    Args:
        rows: rows of the solutions, those of a problem next to each other.
        problem: the problem that each of them solves.
    """
    shards: list[list[int]] = []
    for part in np.split(rows, np.flatnonzero(np.diff(problem)) + 1):
        if not shards or len(shards[-1]) + len(part) > SHARD:
            shards.append([])
        shards[-1] += part.tolist()
    return shards


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
    """Labels solutions shard by shard, except shards whose file exists.

    Args:
        shards: rows of the solutions in each shard, one or more.
        encode: returns a solution in tokens, given its row.
        tokens: int [R], lengths of all solutions.
        labeler: the labeler.
        scratch: folder of shards, which `claim` has checked to be of this labeler and these solutions.
        reporter: receives the progress of every shard.
        max_tokens: maximum number of cells per forward pass.

    Returns:
        Scores of the solutions of all shards, in their order.
    """

    def label(number: int, path: Path, progress: Callable[[float], None]) -> None:
        encoded = [encode(row) for row in shards[number]]
        labeler.label(encoded, max_tokens=max_tokens, progress=progress).save(path)

    work = tuple(float(tokens[rows].sum()) for rows in shards)
    files = Shards(folder=scratch, stage="label", work=work)
    with counting(files, reporter) as counter:
        files.finish(label, counter)
    return _joined([StepScores.load(file) for file in files.files()])


@dataclass(frozen=True, kw_only=True)
class _Encoder:
    """Encoder of a pool's solutions, given their rows."""

    pool: Pool
    labeler: Labeler

    def problem_id(self, row: int) -> str:
        """Returns the name of the problem that a solution solves."""
        return self.pool.problems[int(self.pool.solutions.problem_index[row])].problem_id

    def encode(self, row: int) -> Encoded:
        """Returns a solution in tokens."""
        problem = self.pool.problems[int(self.pool.solutions.problem_index[row])]
        steps = self.pool.solutions.column("steps")[row].as_py()
        where = f"problem {problem.problem_id}, sample {self.pool.solutions.sample[row]}"
        return self.labeler.encode(problem.text, steps, where)


def _joined(parts: Sequence[StepScores]) -> StepScores:
    return StepScores(
        prob=Ragged.concatenate([part.prob for part in parts]),
        last=np.concatenate([part.last for part in parts]),
    )
