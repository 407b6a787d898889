"""The step that evaluates one model's stored step scores under each scoring strategy."""

from dataclasses import dataclass

import numpy as np

from ablations.data.artifacts import Samples
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.evaluation import scoring_rules
from ablations.evaluation.length_bias import length_correlation
from ablations.steps.evaluation_rows import EvaluatedSolutions, Row, Rows
from ablations.steps.training_facts import cell_columns


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateStrategies(Step[Rows], name="strategies", version=2):
    """Evaluates a model under every scoring strategy, without training."""

    arm: str
    samples: tuple[Step[Samples], ...]
    """The test samples, one per fold."""
    scores: tuple[Step[StepScores], ...]
    """The model's scores of the test samples."""
    cell: Step[Rows] | None = None
    """The cell that the scores belong to; None: they are the labeler's."""

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions(context.read_all(self.samples))
        scores = context.read_all(self.scores)
        shared: Row = {"arm": self.arm}
        chosen = None
        if self.cell is not None:
            cell = context.read(self.cell)
            shared, chosen = cell_columns(self.cell.key, cell), cell.chosen
        rows: list[Row] = []
        for name, strategy in scoring_rules.strategies(scores[0].n_classes).items():
            score = np.concatenate([strategy(s) for s in scores])
            value_P = tests.each(length_correlation, score, tests.n_steps, tests.correct, tests.finished)
            strategy_rows = tests.by_score(score) + length_rows(value_P)
            rows += [row | shared | {"variant": name} for row in strategy_rows]
        return Rows(rows=rows, chosen=chosen)


def length_rows(value_P: np.ndarray) -> list[Row]:
    """Returns the row of the length correlation over problems where it is defined; none if it never is."""
    known = value_P[np.isfinite(value_P)]
    if not len(known):
        return []
    return [{"metric": "length_correlation", "value": float(known.mean()), "problem_values": known.tolist()}]
