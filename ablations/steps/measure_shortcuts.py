"""The step that measures what a training's labels owe to length, position, format or the problem."""

import logging
from dataclasses import dataclass

from ablations.engine.step import Context, Step
from ablations.evaluation.shortcuts import NOTABLE, shortcuts
from ablations.steps.evaluation_rows import Rows, defined
from ablations.steps.train_student import LabeledRows

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasureShortcuts(LabeledRows, Step[Rows], name="shortcuts", urgent=True):
    """Measures what shortcuts predict of a training's labels, and warns of those that predict much.

    It is urgent, so that the warning comes before the training has cost anything.
    """

    def run(self, context: Context) -> Rows:
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
        notable = [name for name, shortcut in found.items() if shortcut.labels.lower > NOTABLE]
        if notable:
            log.warning(
                "shortcut: %s alone predicts the labels of %s, %d labeled (AUROC %s): a student may learn it",
                " or ".join(notable),
                self.arm,
                self.data_scale,
                " and ".join(f"{found[name].labels.estimate:.2f}" for name in notable),
            )
        made = []
        for name, shortcut in found.items():
            made += defined(f"{name}_label_auroc", shortcut.labels.estimate)
            made += defined(f"{name}_solution_auroc", shortcut.solutions)
        return Rows(rows=made)
