"""Steps that evaluate students: the rows of a cell, and the reference lines next to the cells."""

import hashlib
from dataclasses import dataclass
from functools import partial

import numpy as np

from ablations.data.artifacts import Ratings, Samples
from ablations.data.models import RateChoice, TrainedStudent
from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.data.thresholds import exceeds
from ablations.engine.step import Context, Step
from ablations.evaluation.best_of_n import majority, pass_at_n, random_choice
from ablations.evaluation.discrimination import calibration, step_auroc
from ablations.evaluation.scoring_rules import SCORING_OF
from ablations.steps.evaluation_rows import EvaluatedSolutions, Row, Rows, defined, join_scores, random_row
from ablations.steps.training_facts import (
    cell_columns,
    count_labels,
    count_unscored,
    facts_for_records,
    read_choice,
)
from ablations.world.world import Kind


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateCell(Step[Rows], name="cell", version=3):
    """Evaluates one reward model on test problems, or one per fold."""

    arm: str
    acquisition: str = "uniform"
    data_scale: int
    seed: int
    variant: str | None = None
    level: float | None = None
    trains: tuple[Step[TrainedStudent], ...]
    """The trainings, one per fold."""
    choices: tuple[Step[RateChoice], ...] = ()
    """The choices of their learning rates, if any."""
    scores: tuple[Step[StepScores], ...]
    """Their scores of the test samples."""
    samples: tuple[Step[Samples], ...]
    """The test samples."""
    ratings: tuple[Step[Ratings], ...] = ()
    """The oracle's ratings of the test samples, if there is an oracle."""
    further: tuple[Step[Rows], ...] = ()
    """Further rows of the cell."""

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions(context.read_all(self.samples))
        scores = context.read_all(self.scores)
        rows = tests.scored(scores, SCORING_OF[self.arm], context.read_all(self.ratings))
        trained = [student.known for student in context.read_all(self.trains)]
        for points in zip(*(facts.course for facts in trained), strict=True):
            update, value = np.mean(points, axis=0).tolist()
            rows.append({"metric": "validation_best_of_n", "n": round(update), "value": value})
        best = float(np.mean([facts.best_value for facts in trained]))
        rows.append({"metric": "kept_best_of_n", "n": trained[0].validation_n, "value": best})
        for further in context.read_all(self.further):
            rows += further.rows
        solutions_hash = trained[0].solutions_hash
        if len(trained) > 1:
            joined = "".join(facts.solutions_hash for facts in trained)
            solutions_hash = hashlib.sha256(joined.encode()).hexdigest()
        shared: Row = {
            "arm": self.arm,
            "acquisition": self.acquisition,
            "data_scale": self.data_scale,
            "seed": self.seed,
            "solutions_hash": solutions_hash,
            "distinct_solutions": sum(facts.distinct_solutions for facts in trained),
        }
        if self.variant is not None:
            shared |= {"variant": self.variant, "level": self.level}
        shared |= count_labels(self.arm, trained)
        choices = [read_choice(context, choice) for choice in self.choices or [None] * len(trained)]
        chosen = [
            facts_for_records(facts, choice) | count_unscored(samples, fold_scores)
            for facts, choice, samples, fold_scores in zip(
                trained, choices, tests.samples, scores, strict=True
            )
        ]
        return Rows(rows=[row | shared for row in rows], chosen=chosen)


@dataclass(frozen=True, kw_only=True, eq=False)
class CompareWithLabeler(Step[Rows], name="compare_with_labeler"):
    """Compares a reward model's scores of steps with the labeler's labels, where there is no oracle."""

    scores: tuple[Step[StepScores], ...]
    """Scores of the test samples, one per fold."""
    labels: tuple[Step[StepScores], ...]
    """The labeler's scores of the test samples."""
    threshold: float
    """The labeler's P(negative) above which a step is wrong."""

    def run(self, context: Context) -> Rows:
        labels = join_scores(context.read_all(self.labels)).prob
        wrong = np.asarray(exceeds(labels.values[:, 0], self.threshold))
        truth = Ragged(values=np.where(wrong, -1, 1).astype(np.int8), offsets=labels.offsets)
        auroc = step_auroc(join_scores(context.read_all(self.scores)), truth)
        return Rows(rows=defined("step_auroc_by_labeler", auroc))


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateKind(Step[Rows], name="of_kind"):
    """Evaluates a cell's reward model on test problems of one kind."""

    kind: Kind
    cell: Step[Rows]
    samples: Step[Samples]
    scores: Step[StepScores]
    ratings: Step[Ratings]

    def run(self, context: Context) -> Rows:
        cell = context.read(self.cell)
        shared = cell_columns(self.cell.key, cell) | {"variant": self.kind}
        tests = EvaluatedSolutions([context.read(self.samples)])
        scoring = SCORING_OF[shared["arm"]]
        rows = tests.scored([context.read(self.scores)], scoring, [context.read(self.ratings)])
        return Rows(rows=[row | shared for row in rows], chosen=cell.chosen)


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateReferences(Step[Rows], name="references", version=3):
    """Computes the reference lines, which do not depend on any student."""

    samples: tuple[Step[Samples], ...]
    """The test samples, one per fold."""
    labels: tuple[Step[StepScores], ...]
    """The labeler's scores of the test samples."""
    ratings: tuple[Step[Ratings], ...] = ()
    """The oracle's ratings of the test samples, if there is an oracle."""
    pool_labels: Step[StepScores] | None = None
    """The labeler's scores of training samples, if it is evaluated on them."""
    pool_ratings: Step[Ratings] | None = None
    """The oracle's ratings of these training samples."""
    majority_draws: int
    """Random subsets per problem and N, for majority voting."""
    seed: int = 0
    bins: int = 10
    """Bins of the calibration."""
    kind: Kind | None = None
    """Kind of the test problems, if several are evaluated."""

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions(context.read_all(self.samples))
        correct, ns = tests.correct, tests.ns
        voting = partial(majority, ns=ns, draws=self.majority_draws, seed=self.seed)
        rows: list[Row] = [
            random_row(tests.each(random_choice, correct, tests.finished)),
            *tests.per_n("pass_at_n", tests.each(partial(pass_at_n, ns=ns), correct), {"arm": "oracle"}),
            *tests.per_n("majority", tests.each(voting, tests.voted, correct), {"arm": "majority"}),
        ]
        labels, ratings = context.read_all(self.labels), context.read_all(self.ratings)
        labeler_rows = tests.scored(labels, "product", ratings)
        if self.pool_labels is not None and self.pool_ratings is not None:
            pool_labels, pool_ratings = context.read(self.pool_labels), context.read(self.pool_ratings)
            labeler_rows += calibration_rows(pool_labels, pool_ratings.steps, self.bins)
        rows += [row | {"arm": "labeler"} for row in labeler_rows]
        if self.kind is not None:
            unfinished = float(np.mean(~tests.finished))
            rows.append({"arm": "random", "metric": "unfinished", "value": unfinished})
            rows = [row | {"variant": self.kind} for row in rows]
        return Rows(rows=rows)


def calibration_rows(scores: StepScores, truth: Ragged, bins: int) -> list[Row]:
    """Returns the rows of the labeler on training samples: step AUROC, and calibration up to first errors."""
    rows = defined("pool_step_auroc", step_auroc(scores, truth))
    seen = truth.up_to_first(truth.values < 0)
    found = calibration(1.0 - scores.prob.values[seen, 0], truth.values[seen] >= 0, bins)
    for b in np.flatnonzero(found.count).tolist():
        x, value, count = float(found.mean_predicted[b]), float(found.observed[b]), int(found.count[b])
        rows.append({"metric": "calibration", "n": b, "x": x, "count": count, "value": value})
    return rows
