"""Labeling a pool shard by shard; no shard is computed twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ablations.commands.making import make_all
from ablations.data.ragged import Ragged
from ablations.data.shards import shards_of
from ablations.data.step_scores import StepScores
from ablations.engine.store import Store
from ablations.formats.pool import Pool
from ablations.labelers.choice import LabelerChoice
from ablations.labelers.labeler import Labeler, load_labeler
from ablations.steps.label_solutions import LabelSolutions
from lightning_modules.encoding import Encoded

SHARD = 256
"""Maximum number of solutions per shard, in whole problems; a shard has at least one problem."""


@dataclass(frozen=True, kw_only=True)
class Labeling:
    """A labeler, and where its labels are kept."""

    choice: LabelerChoice
    """The user's choices about the labeler."""
    store: Store
    """Where artifacts are."""
    max_tokens: int | None
    """Maximum number of cells per forward pass; None: what suits the device."""
    log_format: str
    """Format of the progress."""

    @property
    def labeler(self) -> Labeler:
        """The loaded labeler."""
        return load_labeler(self.choice)

    def label(self, shards: Sequence[Sequence[Encoded]]) -> StepScores:
        """Labels solutions shard by shard, except shards whose artifact exists; returns them in order."""
        identity = self.labeler.identity.as_dict()
        steps = [
            LabelSolutions.of(
                identity, self.choice, shard, self.max_tokens, f"shard {number} of {len(shards)}"
            )
            for number, shard in enumerate(shards, start=1)
        ]
        make_all(steps, self.store, 1, self.log_format)
        parts = [StepScores.read(self.store.path(step)) for step in steps]
        return StepScores(
            prob=Ragged.concatenate([part.prob for part in parts]),
            last=np.concatenate([part.last for part in parts]),
        )


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
class Labeled:
    """A labeler's labels of a pool."""

    rows: np.ndarray
    """int64 [R], ascending: which solutions of the pool have labels; the others are too long."""
    scores: StepScores
    """Scores of these R solutions."""
    too_long: tuple[TooLong, ...]
    """Solutions that could not be labeled."""
    left_out: tuple[str, ...]
    """Names of the problems left without a labeled solution."""


def label_pool(pool: Pool, labeling: Labeling) -> Labeled:
    """Labels all solutions of a pool; finds the position of every step before judging the first one.

    Args:
        pool: a pool with one or more solutions per problem.
        labeling: the labeler, and where to keep its labels.

    Raises:
        ValueError: a step's position cannot be determined, or no solution fits.
    """
    labeler = labeling.labeler
    solutions = _Encoder(pool=pool, labeler=labeler)
    encoded = [solutions.encode(row) for row in range(len(pool.solutions))]
    tokens = np.array([len(one) for one in encoded])
    fits = np.array([labeler.fits(int(count)) for count in tokens])
    rows = np.flatnonzero(fits)
    if not len(rows):
        raise ValueError(
            f"max_length: found {len(tokens)} solutions longer than {labeler.identity.max_length} tokens, "
            "and none that fits; allowed: a length that some fit into"
        )
    shards = shards_of(pool.solutions.problem_index[rows].tolist(), SHARD)
    scores = labeling.label([[encoded[row] for row in rows[shard]] for shard in shards])
    labeled = set(pool.solutions.problem_index[rows].tolist())
    return Labeled(
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
        left_out=tuple(one.problem_id for p, one in enumerate(pool.problems) if p not in labeled),
    )


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
