"""The step that counts what the labels of a training cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ablations.data.artifacts import IntArray, Samples
from ablations.data.models import SavedModel, TrainedModel
from ablations.data.rollouts import Prefixes, Rollouts
from ablations.engine.costs.costs import operations
from ablations.engine.costs.work import Kind, Role, Work
from ablations.engine.step import Context, Step
from ablations.steps.base_model import CausalModel
from ablations.steps.evaluation_rows import Row, Rows
from ablations.steps.train_student import LabeledRows
from ablations.supervision import TARGETS, AnswerArm

if TYPE_CHECKING:
    from lightning_modules.encoding import Encoded


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasureCost(LabeledRows, Step[Rows], name="label_cost", runs_model=True):
    """Counts what the labels of a training cost, per labeled solution.

    What solutions of a problem have in common is read, and rolled out, once. The operations include sampling
    the solutions, which is the same for all arms.
    """

    base: Step[CausalModel]
    """The students' base, whose tokenizer counts the tokens."""
    rolled_out: Step[Rollouts] | None = None
    """The rollouts that label the solutions."""
    generator: Step[CausalModel] | None = None
    """The generator; None: its size is unknown, so no operations are counted."""
    labeler: Step[TrainedModel] | None = None
    """The labeler; None: as for the generator."""

    def run(self, context: Context) -> Rows:
        from lightning_modules.encoding import encode_all
        from lightning_modules.tokenization import load_tokenizer

        samples = context.read(self.samples)
        rows = self.rows(context, samples)
        chosen = samples.take(rows)
        tokenizer = load_tokenizer(context.read(self.base).folder)
        encoded = encode_all(tokenizer, chosen.prompts(), chosen.steps())
        read = tokens_read(chosen, encoded)
        rollouts, sampled = 0, 0
        if self.rolled_out is not None:
            rollouts, sampled = context.read(self.rolled_out).cost(rows)
        answers = len(rows) if self.rolled_out or isinstance(TARGETS[self.arm], AnswerArm) else 0
        totals: dict[str, float] = {
            "answer_checks": answers + rollouts,
            "labeler_tokens": 0 if self.labels is None else read,
            "rollouts": rollouts,
            "rollout_tokens": sampled,
        }
        if self.generator is not None and self.labeler is not None:
            length = round(np.mean([len(one) for one in encoded]))
            written = sum(len(one) - one.solution_start + 1 for one in encoded)
            totals["label_operations"] = self._operations(
                context, self.generator, "generator", "sampling", written + sampled, length
            )
            if rollouts:
                totals["label_operations"] += self._operations(
                    context, self.generator, "generator", "scoring", read, length
                )
            if self.labels is not None:
                totals["label_operations"] += self._operations(
                    context, self.labeler, "large", "scoring", read, length
                )
        made: list[Row] = [{"metric": metric, "value": total / len(rows)} for metric, total in totals.items()]
        return Rows(rows=made)

    @staticmethod
    def _operations(
        context: Context, model: Step[SavedModel], role: Role, kind: Kind, tokens: int, length: int
    ) -> float:
        from lightning_modules.sizes import size_of

        work = Work(role=role, kind=kind, tokens=tokens, context=length)
        return operations(work, size_of(str(context.read(model).folder), vocabulary=0))


def tokens_read(samples: Samples, encoded: list[Encoded]) -> int:
    """Returns the tokens of solutions with their problems, where what they have in common counts once."""
    _, first = np.unique(Prefixes.of(samples).number.values, return_index=True)
    steps = np.concatenate([np.diff(one.step_end + 1, prepend=one.solution_start) for one in encoded])
    _, of_problem = np.unique(samples.solutions.problem_index, return_index=True)
    problems: IntArray = np.array([encoded[row].solution_start for row in of_problem])
    return int(steps[first].sum() + problems.sum())
