"""The step that evaluates a reward model on validation problems, for hyperparameter sweeps."""

from dataclasses import dataclass

from ablations.data.artifacts import Samples
from ablations.data.json_files import Json
from ablations.data.models import RateChoice, TrainedStudent
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from ablations.steps.evaluation_rows import EvaluatedSolutions, Row, Rows
from ablations.steps.training_facts import count_labels, facts_for_records, read_choice

Shown = tuple[str | None, float | None]
"""A variant and its level, under which the records show a model."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ValidateStudent(Step[Rows], name="validated", version=2):
    """Computes best-of-N on validation problems, of the kept checkpoint and over the updates.

    The rows are written once per entry of ``shown``, because the center of a sweep is on the curve of every
    hyperparameter.
    """

    arm: str
    data_scale: int
    seed: int
    validation_n: int
    batch_size: int
    """Solutions per update."""
    hyperparameters: dict[str, Json]
    """Names and values for the records."""
    shown: tuple[Shown, ...]
    train: Step[TrainedStudent]
    choice: Step[RateChoice] | None = None
    """The choice of its learning rate, if any."""
    samples: Step[Samples]
    """The validation samples."""
    scores: Step[StepScores]
    """Its scores of the validation samples."""

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions([context.read(self.samples)])
        score = SCORINGS[SCORING_OF[self.arm]](context.read(self.scores))
        n = min(self.validation_n, tests.smallest)
        rows = tests.per_n("kept_best_of_n", tests.best_of(score, [n]), ns=[n])
        facts = context.read(self.train).known
        for update, value in facts.course:
            rows.append({"metric": "validation_best_of_n", "n": update, "value": value})
        shared: Row = {
            "arm": self.arm,
            "acquisition": "uniform",
            "data_scale": self.data_scale,
            "seed": self.seed,
            "solutions_hash": facts.solutions_hash,
            "distinct_solutions": facts.distinct_solutions,
        }
        shared |= count_labels(self.arm, [facts])
        trained = facts_for_records(facts, read_choice(context, self.choice))
        effort = {"passed_over": passed_over(facts.updates, facts.solutions, self.batch_size)}
        # Facts of the training override the point: the threshold may have been chosen, or not needed.
        return Rows(
            rows=[
                row | shared | {"variant": variant, "level": level}
                for variant, level in self.shown
                for row in rows
            ],
            chosen=[self.hyperparameters | trained | effort],
        )


def passed_over(updates: int, solutions: int, batch_size: int) -> int:
    """Counts the solutions that updates learn from, once per pass; a pass ends with a smaller batch."""
    passes, further = divmod(updates, -(-solutions // batch_size))
    return passes * solutions + further * batch_size
