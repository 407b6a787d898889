"""The step that audits a model's scores for right answers that are reached by wrong reasoning."""

from dataclasses import dataclass
from functools import partial

from ablations.data.artifacts import Ratings, Samples
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.evaluation.best_of_n import best_of_n
from ablations.evaluation.false_positives import compare_scores, has_wrong_step
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from ablations.evaluation.solution_metrics import ScoredSolutions
from ablations.steps.evaluation_rows import EvaluatedSolutions, Rows, defined


@dataclass(frozen=True, kw_only=True, eq=False)
class AuditFalsePositives(Step[Rows], name="audit"):
    """Finds how often best-of-N chooses a right answer by wrong reasoning, and how such answers score."""

    arm: str
    samples: Step[Samples]
    scores: Step[StepScores]
    ratings: Step[Ratings]
    """The oracle's ratings of the samples."""

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions([context.read(self.samples)])
        score = SCORINGS[SCORING_OF[self.arm]](context.read(self.scores))
        flawed = has_wrong_step(context.read(self.ratings).steps)
        won = tests.each(partial(best_of_n, ns=tests.ns), score, tests.correct & flawed, tests.finished)
        solutions = ScoredSolutions(
            score=score,
            correct=tests.correct,
            finished=tests.finished,
            problem=tests.problem,
            n_steps=tests.n_steps,
        )
        found = compare_scores(solutions, flawed)
        rows = [
            *tests.per_n("flawed_wins", won),
            *defined("sound_above_flawed", found.sound_above),
            *defined("flawed_above_wrong", found.flawed_above),
        ]
        return Rows(rows=[{"arm": self.arm} | row for row in rows])
