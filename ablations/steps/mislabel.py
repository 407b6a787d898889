"""Steps on the quality of labelers: the oracle's labels with errors, and the errors of any labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablations.data.artifacts import Ratings, Samples
from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.data.thresholds import exceeds
from ablations.engine.step import Context, Step
from ablations.steps.evaluation_rows import Row, Rows, defined
from ablations.world.annotator import draw_per_step
from ablations.world.labeling_errors import KINDS_OF_ERRORS, LabeledSteps
from ablations.world.world import NEGATIVE
from ablations.world.worlds import world_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Mislabel(Step[StepScores], name="mislabeled"):
    """Labels samples as the oracle rates them, but for the errors of a simulated labeler.

    The same labeler errs on the same lines: a hash of its seed, the problem and the lines so far decides it,
    for every kind of error and every dose.
    """

    world: str
    samples: Step[Samples]
    ratings: Step[Ratings]
    """The oracle's ratings of the samples."""
    errors: str | None = None
    """A kind in ``KINDS_OF_ERRORS``; None: there are none."""
    dose: float = 0.0
    """Balanced error, from 0 to 1/2."""
    seed: int = 0
    """Seed of the errors; another one makes another labeler."""

    def run(self, context: Context) -> StepScores:
        ratings = context.read(self.ratings).steps
        wrong = ratings.values == NEGATIVE
        if self.errors is not None:
            wrong ^= self._flipped(context.read(self.samples), ratings)
        return StepScores.from_positive(Ragged(values=(~wrong).astype(np.float64), offsets=ratings.offsets))

    def _flipped(self, samples: Samples, ratings: Ragged) -> npt.NDArray[np.bool_]:
        """Returns which labels are errors: bool [total steps]."""
        assert self.errors is not None
        world, all_steps = world_of(self.world), samples.steps()
        texts = [samples.problems[p].text for p in samples.solutions.problem_index]
        wrong = ratings.values == NEGATIVE
        steps = LabeledSteps(
            wrong=wrong,
            hard=np.array([world.is_hard(line) for lines in all_steps for line in lines], dtype=bool),
            place=np.arange(len(wrong)) - ratings.offsets[ratings.row_index] + 1,
            judged=ratings.up_to_first(wrong),
        )
        draws = [
            draw
            for text, lines in zip(texts, all_steps, strict=True)
            for draw in draw_per_step(f"labeler-{self.seed}", text, lines)
        ]
        return np.array(draws) < KINDS_OF_ERRORS[self.errors](steps, self.dose)


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasureLabeler(Step[Rows], name="labeler_errors"):
    """Compares a labeler's labels of steps with the oracle's, up to the first wrong step of each solution."""

    variant: str
    level: float
    labels: Step[StepScores]
    threshold: float
    """P(negative) above which a step is incorrect."""
    ratings: Step[Ratings]

    def run(self, context: Context) -> Rows:
        ratings = context.read(self.ratings).steps
        wrong = ratings.values == NEGATIVE
        labeled_wrong = np.asarray(exceeds(context.read(self.labels).prob.values[:, 0], self.threshold))
        judged = ratings.up_to_first(wrong)
        missed, accused = ~labeled_wrong[judged & wrong], labeled_wrong[judged & ~wrong]
        shared: Row = {"arm": "labeler", "variant": self.variant, "level": self.level}
        found = {"missed_errors": missed, "false_alarms": accused, "wrong_labels": np.append(missed, accused)}
        rows = [row for name, errs in found.items() if len(errs) for row in defined(name, float(errs.mean()))]
        return Rows(rows=[row | shared for row in rows])
