"""Encoded rated solutions, with the target class of each rated step."""

from __future__ import annotations

from collections import Counter
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
"""Solutions tokenized at once: tokenizers' own lists take far more memory than the ids."""


@dataclass(frozen=True, kw_only=True)
class Branches:
    """The branches of several solutions, concatenated."""

    encoded: list[Encoded]
    """Tokens of each branch."""
    targets: list[np.ndarray]
    """int8 [S] per branch: the class of every step, IGNORE where it has no label."""
    solution: np.ndarray
    """int64, ascending: the solution that each branch belongs to."""
    cut_labels: int
    """Number of labels of steps that did not fit."""

    def dataset(self, **options: Any) -> RewardDataset:
        """Returns the training set; a solution is drawn with all its branches, which share their prefixes."""
        starts = np.flatnonzero(np.diff(self.solution)) + 1
        return RewardDataset.from_encoded(
            self.encoded,
            step_targets=self.targets,
            num_classes=len(CLASS_OF),
            drawn=np.split(np.arange(len(self.encoded)), starts),
            **options,
        )

    def names(self, rated: Sequence[Rated]) -> list[tuple[str, int]]:
        """Returns the names of the branches: of each the solution's, and its number there.

        Args:
            rated: the solutions.
        """
        counts: Counter[int] = Counter()
        found = []
        for owner in self.solution.tolist():
            found.append((rated[owner].name, counts[owner]))
            counts[owner] += 1
        return found

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
        max_length: most tokens per branch, cut at whole steps; None: no limit.
        left_out: collects branches that are cut before their first label.
    """
    encoded: list[Encoded] = []
    targets: list[np.ndarray] = []
    owners: list[int] = []
    cut = number = 0
    solutions = iter(rated)
    while chunk := list(islice(solutions, CHUNK)):
        pairs = [(at, one, branch) for at, one in enumerate(chunk, number) for branch in one.branches]
        prompts, steps = [prompt_of(one.problem) for _, one, _ in pairs], [one.steps for _, _, one in pairs]
        found = encode_all(tokenizer, prompts, steps, max_length=max_length)
        verify_positions(tokenizer, steps, found, [one.name for _, one, _ in pairs])
        for (at, one, branch), tokens in zip(pairs, found, strict=True):
            target = np.array([IGNORE if r is None else CLASS_OF[r] for r in branch.ratings], dtype=np.int8)
            held = target != IGNORE
            cut += int(held[len(tokens.step_end) :].sum())
            if not held[: len(tokens.step_end)].any():
                left_out.add("cut before the first label", one.name)
                continue
            encoded.append(tokens)
            targets.append(target)
            owners.append(at)
        number += len(chunk)
    return Branches(
        encoded=encoded, targets=targets, solution=np.array(owners, dtype=np.int64), cut_labels=cut
    )
