"""The step that evaluates one reward model, or several as an ensemble, by large N and in the tail."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ablations.data.artifacts import Ratings, Samples
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.evaluation.best_of_n import best_of_n, in_top, top_share, weighted_vote
from ablations.evaluation.discrimination import solution_auroc
from ablations.evaluation.ensembles import COMBINERS, log_right
from ablations.evaluation.false_positives import has_wrong_step
from ablations.evaluation.scoring_rules import SCORING_OF, Scores
from ablations.steps.evaluation_rows import EvaluatedSolutions, Row, Rows, defined
from ablations.steps.training_facts import cell_columns
from results.vocabulary import ONE_MODEL


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateEnsemble(Step[Rows], name="ensemble"):
    """Evaluates reward models that differ only in their seed, without training."""

    arm: str
    data_scale: int
    combiner: str | None = None
    """Key of ``COMBINERS``; None: there is only one model."""
    scores: tuple[Step[StepScores], ...]
    """Scores of the test samples, one per model."""
    samples: Step[Samples]
    """The test samples."""
    ratings: Step[Ratings]
    """The oracle's ratings of them."""
    validation_scores: tuple[Step[StepScores], ...]
    """Scores of the validation samples, one per model."""
    validation: Step[Samples]
    """Samples of the validation problems, on which N is chosen."""
    cell: Step[Rows] | None = None
    """The cell of the only model; None: there are several."""

    def run(self, context: Context) -> Rows:
        validation = EvaluatedSolutions([context.read(self.validation)])
        held_out = validation.best_of(self._combine(context, self.validation_scores), validation.ns)
        rows = validation.per_n("kept_best_of_n", held_out)
        tests = EvaluatedSolutions([context.read(self.samples)])
        rows += _rows(tests, self._combine(context, self.scores), context.read(self.ratings))
        if self.cell is not None:
            cell = context.read(self.cell)
            shared = cell_columns(self.cell.key, cell) | {"variant": ONE_MODEL}
            return Rows(rows=[row | shared for row in rows], chosen=cell.chosen)
        several: Row = {
            "arm": self.arm,
            "acquisition": "uniform",
            "data_scale": self.data_scale,
            "variant": self.combiner,
        }
        return Rows(rows=[row | several for row in rows])

    def _combine(self, context: Context, scores: tuple[Step[StepScores], ...]) -> Scores:
        score_KR = np.stack([log_right(one, SCORING_OF[self.arm]) for one in context.read_all(scores)])
        if self.combiner is None:
            assert len(score_KR) == 1, "several models need a combiner"
            return score_KR.ravel()
        return COMBINERS[self.combiner](score_KR)


def _rows(tests: EvaluatedSolutions, score: Scores, ratings: Ratings) -> list[Row]:
    """Returns the rows on test problems, by log P(right), float64 [R]."""
    believed = np.nan_to_num(np.exp(score))
    error_free = tests.correct & ~has_wrong_step(ratings.steps)
    best, top = partial(best_of_n, ns=tests.ns), partial(top_share, ns=tests.ns)
    vote = partial(weighted_vote, ns=[tests.smallest], draws=1, seed=0)
    rows = tests.by_score(score)
    for metric, values in (("best_of_n_error_free", error_free), ("believed_right", believed)):
        rows += tests.per_n(metric, tests.each(best, score, values, tests.finished))
    rows += tests.per_n("top_right", tests.each(top, score, tests.correct, tests.finished))
    voted = tests.each(vote, believed, tests.voted, tests.correct)
    rows += tests.per_n("weighted_vote", voted, ns=[tests.smallest])
    for n in tests.ns:
        seen = tests.each(partial(in_top, n=n), score, tests.finished).ravel()
        rows += [
            row | {"n": n}
            for row in defined("top_auroc", solution_auroc(score, tests.correct, seen, tests.problem))
        ]
    return rows
