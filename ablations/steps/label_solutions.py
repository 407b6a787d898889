"""The step that labels solutions with a checkpoint that the user named."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablations.data.json_files import Json
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step, apart
from ablations.labelers.choice import LabelerChoice
from ablations.steps.compute_states import SECONDS_PER_STATE_TOKEN

if TYPE_CHECKING:
    from lightning_modules.encoding import Encoded


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelSolutions(Step[StepScores], name="labels", runs_model=True):
    """Computes the class probabilities of the steps of some solutions."""

    labeler: Mapping[str, Json]
    """All that decides them besides the solutions; see `ablations.labelers.labeler.Identity`."""
    solutions_sha256: str
    solutions: tuple[Encoded, ...] = apart()
    choice: LabelerChoice = apart()
    max_tokens: int | None = apart(None)
    """Maximum number of cells per forward pass; None: a number that suits the device."""

    @classmethod
    def of(
        cls,
        labeler: Mapping[str, Json],
        choice: LabelerChoice,
        solutions: Sequence[Encoded],
        max_tokens: int | None,
        label: str,
    ) -> LabelSolutions:
        """Returns the step that labels solutions; those of one problem are faster together."""
        return cls(
            labeler=labeler,
            solutions_sha256=_hash(solutions),
            solutions=tuple(solutions),
            choice=choice,
            max_tokens=max_tokens,
            label=label,
            weight=sum(map(len, solutions)) * SECONDS_PER_STATE_TOKEN,
        )

    @property
    def device(self) -> str:
        return self.choice.device

    def run(self, context: Context) -> StepScores:
        from ablations.labelers.labeler import load_labeler

        labeler = load_labeler(self.choice)
        return labeler.label(self.solutions, max_tokens=self.max_tokens, progress=context.progress)


def _hash(solutions: Sequence[Encoded]) -> str:
    digest = hashlib.sha256()
    for solution in solutions:
        for numbers in (solution.ids, solution.step_end):
            digest.update(f"{len(numbers)}:".encode() + numbers.astype("<i8").tobytes())
    return digest.hexdigest()
