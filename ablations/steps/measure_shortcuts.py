"""Shortcuts to the labels of a training: the step that measures them, and those of rated solutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ablations.data.ragged import Ragged
from ablations.engine.step import Context, Step
from ablations.formats.rated_solutions import Rated
from ablations.steps.evaluation_rows import Rows, defined
from ablations.steps.train_student import LabeledRows
from ablations.supervision import Supervision
from lightning_modules.encoding import IGNORE

if TYPE_CHECKING:
    from ablations.evaluation.shortcuts import Shortcut


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasureShortcuts(LabeledRows, Step[Rows], name="shortcuts", urgent=True):
    """Measures what shortcuts predict of a training's labels, and warns of those that predict much.

    It is urgent, so that the warning comes before the training has cost anything.
    """

    def run(self, context: Context) -> Rows:
        from ablations.evaluation.shortcuts import shortcuts, warn

        samples = context.read(self.samples)
        rows = self.rows(context, samples)
        labeled = samples.take(rows)
        found = shortcuts(
            self.supervision(context, samples, rows),
            [problem.text for problem in labeled.problems],
            labeled.solutions.problem_index,
            labeled.steps(),
            labeled.solutions.final_correct,
            labeled.solutions.finished,
        )
        warn(found, f"the labels of {self.arm}, {self.data_scale} labeled")
        made = []
        for name, shortcut in found.items():
            made += defined(f"{name}_label_auroc", shortcut.labels.estimate)
            made += defined(f"{name}_solution_auroc", shortcut.solutions)
        return Rows(rows=made)


def shortcuts_of_ratings(rated: Sequence[Rated]) -> dict[str, Shortcut]:
    """Measures what shortcuts predict of the ratings of solutions, without those of alternatives."""
    from ablations.evaluation.shortcuts import shortcuts

    chosen = [solution.branches[0] for solution in rated]
    target = [[IGNORE if rating is None else int(rating >= 0) for rating in one.ratings] for one in chosen]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(one.key for one in rated))}
    return shortcuts(
        Supervision(step_target=Ragged.from_rows(target, np.int8)),
        list(numbers),
        np.array([numbers[one.key] for one in rated]),
        [one.steps for one in chosen],
    )
