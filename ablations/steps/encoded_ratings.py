"""Encoded rated solutions, with the target class of each rated step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ablations.data.artifacts import prompt_of
from ablations.data.left_out import LeftOut
from ablations.formats.rated_solutions import Rated
from ablations.world.annotator import CLASS_OF
from lightning_modules.encoding import IGNORE, Encoded, encode_all
from lightning_modules.positions import verify_positions
from lightning_modules.reward_data import RewardDataset

CHUNK = 500
"""Solutions tokenized at once, because tokenizers' own lists take far more memory than the ids."""


@dataclass(frozen=True, kw_only=True)
class Branches:
    """Branches of several solutions, concatenated."""

    encoded: list[Encoded]
    """Tokens of each branch."""
    targets: list[np.ndarray]
    """int8 [S] per branch: the class of every step, IGNORE where it has no label."""
    solution: np.ndarray
    """int64, ascending: index of the solution of each branch."""
    cut_labels: int
    """Number of labels of steps that were cut away."""

    def dataset(self, **options: Any) -> RewardDataset:
        """Returns the training set; a solution is drawn with all its branches, which share prefixes."""
        starts = np.flatnonzero(np.diff(self.solution)) + 1
        return RewardDataset.from_encoded(
            self.encoded,
            step_targets=self.targets,
            num_classes=len(CLASS_OF),
            drawn=np.split(np.arange(len(self.encoded)), starts),
            **options,
        )

    def names(self, rated: Sequence[Rated]) -> list[tuple[str, int]]:
        """Returns a name of each branch: that of its solution, and its number among the solution's."""
        number = np.arange(len(self.solution)) - np.searchsorted(self.solution, self.solution)
        return [(rated[i].name, n) for i, n in zip(self.solution.tolist(), number.tolist(), strict=True)]

    @property
    def labels(self) -> int:
        """Number of steps that have a target."""
        return sum(
            int((target[: len(encoded.step_end)] != IGNORE).sum())
            for encoded, target in zip(self.encoded, self.targets, strict=True)
        )


def encode_rated(
    tokenizer: Any, rated: Iterable[Rated], max_length: int | None, left_out: LeftOut
) -> Branches:
    """Encodes rated solutions.

    Args:
        tokenizer: the model's tokenizer.
        rated: the solutions.
        max_length: maximum tokens per branch, cut at whole steps; None: no limit.
        left_out: collects branches that are cut before their first label.
    """
    encoded: list[Encoded] = []
    targets: list[np.ndarray] = []
    index: list[int] = []
    cut = 0
    solutions = enumerate(rated)
    while chunk := list(islice(solutions, CHUNK)):
        rows = [(i, solution, branch) for i, solution in chunk for branch in solution.branches]
        prompts = [prompt_of(solution.problem) for _, solution, _ in rows]
        steps, names = [branch.steps for *_, branch in rows], [solution.name for _, solution, _ in rows]
        tokens = encode_all(tokenizer, prompts, steps, max_length=max_length)
        verify_positions(tokenizer, steps, tokens, names)
        for (i, solution, branch), fitting in zip(rows, tokens, strict=True):
            target = np.array([IGNORE if r is None else CLASS_OF[r] for r in branch.ratings], dtype=np.int8)
            labeled = target != IGNORE
            cut += int(labeled[len(fitting.step_end) :].sum())
            if not labeled[: len(fitting.step_end)].any():
                left_out.add("cut before the first label", solution.name)
                continue
            encoded.append(fitting)
            targets.append(target)
            index.append(i)
    return Branches(
        encoded=encoded, targets=targets, solution=np.array(index, dtype=np.int64), cut_labels=cut
    )
