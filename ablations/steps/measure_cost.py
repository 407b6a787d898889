"""The step that counts what the labels of a training cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ablations.data.artifacts import IntArray, Samples
from ablations.data.models import TrainedModel
from ablations.data.rollouts import Prefixes, Rollouts
from ablations.engine.costs.work import Kind, Work
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
    generator: Step[CausalModel] | None = None
    """The generator; None: its size is unknown, so no operations are counted."""
    labeler: Step[TrainedModel] | None = None
    """The labeler; None: as for the generator."""

    def run(self, context: Context) -> Rows:
        from ablations.engine.costs.costs import operations
        from lightning_modules.encoding import encode_all
        from lightning_modules.sizes import size_of
        from lightning_modules.tokenization import load_tokenizer

        samples = context.read(self.samples)
        rows = self.rows(context, samples)
        chosen = samples.take(rows)
        tokenizer = load_tokenizer(context.read(self.base).folder)
        encoded = encode_all(tokenizer, chosen.prompts(), chosen.steps())
        read = tokens_read(chosen, encoded)
        totals: dict[str, float] = {"labeler_tokens": 0 if self.labels is None else read}
        scores = None if self.rollouts is None else context.read(self.rollouts)
        rollouts, sampled = scores.cost(rows) if isinstance(scores, Rollouts) else (0, 0)
        if scores is None or isinstance(scores, Rollouts):  # a pool does not say what its rollouts cost
            answered = scores is not None or isinstance(TARGETS[self.arm], AnswerArm)
            totals["answer_checks"] = answered * len(rows) + rollouts
            totals |= {"rollouts": rollouts, "rollout_tokens": sampled}
        if self.generator is not None and self.labeler is not None:
            length = round(np.mean([len(one) for one in encoded]))
            written = sum(len(one) - one.solution_start + 1 for one in encoded)
            generator, labeler = context.read(self.generator).folder, context.read(self.labeler).folder

            def forward(folder: Path, kind: Kind, tokens: int) -> float:
                work = Work(role="generator", kind=kind, tokens=tokens, context=length)  # the role is unused
                return operations(work, size_of(str(folder), vocabulary=0))

            totals["label_operations"] = (
                forward(generator, "sampling", written + sampled)
                + forward(generator, "scoring", read if rollouts else 0)
                + forward(labeler, "scoring", read if self.labels is not None else 0)
            )
        made: list[Row] = [{"metric": metric, "value": total / len(rows)} for metric, total in totals.items()]
        return Rows(rows=made)


def tokens_read(samples: Samples, encoded: list[Encoded]) -> int:
    """Returns the tokens of solutions with their problems, where what they have in common counts once."""
    _, first = np.unique(Prefixes.of(samples).number.values, return_index=True)
    steps = np.concatenate([np.diff(one.step_end + 1, prepend=one.solution_start) for one in encoded])
    _, of_problem = np.unique(samples.solutions.problem_index, return_index=True)
    problems: IntArray = np.array([encoded[row].solution_start for row in of_problem])
    return int(steps[first].sum() + problems.sum())
