"""The step that evaluates a reward model on validation problems, for hyperparameter sweeps."""

from dataclasses import dataclass
from functools import partial

from ablations.data.artifacts import Samples
from ablations.data.json_files import Json
from ablations.data.models import RateChoice, TrainedStudent
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.evaluation.best_of_n import best_of_n
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from ablations.steps.evaluation_rows import EvaluatedSolutions, Row, Rows
from ablations.steps.training_facts import facts_for_records, labels_of

Shown = tuple[str | None, float | None]
"""A variant and its level, under which the records show a model."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ValidateStudent(Step[Rows], name="validated", version=2):
    """Computes best-of-N on validation problems: of the kept checkpoint, and its course over the updates.

    The rows are written once for each of ``shown``, because the center of a sweep lies on the curve of every
    hyperparameter.
    """

    arm: str
    data_scale: int
    seed: int
    validation_n: int
    batch_size: int
    """Solutions per update."""
    hyperparameters: dict[str, Json]
    """What the records say about the point."""
    shown: tuple[Shown, ...]
    train: Step[TrainedStudent]
    choice: Step[RateChoice] | None = None
    """The choice of its learning rate, if there was one."""
    samples: Step[Samples]
    """The validation samples."""
    scores: Step[StepScores]
    """Its scores of them."""

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions([context.read(self.samples)])
        score = SCORINGS[SCORING_OF[self.arm]](context.read(self.scores))
        n = min(self.validation_n, tests.smallest)
        value_P = tests.each(partial(best_of_n, ns=[n]), score, tests.correct, tests.finished)[:, 0]
        facts = context.read(self.train).known
        kept: Row = {
            "metric": "kept_best_of_n",
            "n": n,
            "value": float(value_P.mean()),
            "problem_values": value_P.tolist(),
            "single_draw": tests.single(n),
        }
        rows = [kept]
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
        shared |= labels_of(self.arm, [facts])
        choice = None if self.choice is None else (self.choice.key, context.read(self.choice))
        effort = {"passed_over": passed_over(facts.updates, facts.solutions, self.batch_size)}
        # Facts of the training override the point: the threshold may have been chosen, or not needed.
        return Rows(
            rows=[
                row | shared | {"variant": variant, "level": level}
                for variant, level in self.shown
                for row in rows
            ],
            chosen=[self.hyperparameters | facts_for_records(facts, choice) | effort],
        )


def passed_over(updates: int, solutions: int, batch_size: int) -> int:
    """Counts the solutions that updates learn from, once per pass; a pass's last batch holds the rest."""
    passes, further = divmod(updates, -(-solutions // batch_size))
    return passes * solutions + further * batch_size
