"""Steps that evaluate the large reward models: their rows, votes, collected data and quintiles."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ablations.data.annotations import Annotations
from ablations.data.artifacts import Ratings, Samples
from ablations.data.models import LargePrm, RateChoice, TrainedStudent
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.evaluation.best_of_n import majority, pass_at_n, random_choice, weighted_vote
from ablations.evaluation.difficulty import quintiles
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from ablations.steps.evaluation_rows import EvaluatedSolutions, Row, Rows, random_row
from ablations.steps.training_facts import count_labels, facts_for_records, read_choice


@dataclass(frozen=True, kw_only=True, eq=False)
class LargeModel:
    """A large reward model to evaluate, with its scores of the test samples."""

    arm: str
    samples: Step[Samples]
    scores: Step[StepScores]
    prm: Step[LargePrm] | None = None
    """The model, if it is a PRM."""
    train: Step[TrainedStudent] | None = None
    """The model, if it is an ORM."""
    choice: Step[RateChoice] | None = None
    """The choice of the ORM's learning rate, if any."""

    def shared_columns(self, context: Context) -> Row:
        """Returns the arm, and the labels that it was trained on; an ORM has labels of solutions only."""
        row: Row = {"arm": self.arm}
        if self.train is not None:
            return row | count_labels(self.arm, [context.read(self.train).known])
        assert self.prm is not None
        facts = context.read(self.prm).facts
        return row | {"labelled_solutions": facts.solutions, "labelled_steps": facts.rated_steps}


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateLarge(LargeModel, Step[Rows], name="scorer", version=2):
    """Evaluates a large reward model by best-of-N and AUROC."""

    acquisition: str | None = None
    """How its training solutions were chosen, if several ways are compared."""
    ratings: Step[Ratings] | None = None
    """The oracle's ratings of the test samples, if there is an oracle."""

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions([context.read(self.samples)])
        ratings = [] if self.ratings is None else [context.read(self.ratings)]
        rows = tests.scored([context.read(self.scores)], SCORING_OF[self.arm], ratings)
        shared = self.shared_columns(context)
        if self.acquisition is not None:
            shared["acquisition"] = self.acquisition
        chosen = None
        if self.train is not None:
            facts, choice = context.read(self.train).known, read_choice(context, self.choice)
            chosen = [facts_for_records(facts, choice, left_out=("curve", "planned"))]
        return Rows(rows=[row | shared for row in rows], chosen=chosen)


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateVotes(LargeModel, Step[Rows], name="votes"):
    """Evaluates votes that are weighted by a large reward model's scores."""

    draws: int
    """Random subsets per problem and N."""
    seed: int = 0

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions([context.read(self.samples)])
        value_PK = tests.each(
            partial(weighted_vote, ns=tests.ns, draws=self.draws, seed=self.seed),
            vote_weights(context.read(self.scores), SCORING_OF[self.arm]),
            tests.voted,
            tests.correct,
        )
        return Rows(rows=tests.per_n("weighted_vote", value_PK, self.shared_columns(context)))


@dataclass(frozen=True, kw_only=True, eq=False)
class DescribeGenerations(Step[Rows], name="generations"):
    """Describes the collected data: in all, by phase and by generation."""

    samples: Step[Samples]
    annotations: tuple[Step[Annotations], ...]
    """Ratings of the first draw and of each generation."""

    def run(self, context: Context) -> Rows:
        right = context.read(self.samples).solutions.final_correct
        parts = context.read_all(self.annotations)
        rows = describe_annotations(right, Annotations.join(parts))
        for level, phase in enumerate((parts[:1], parts[1:]), start=1):
            rows += describe_annotations(right, Annotations.join(phase), variant="phase", level=level)
        for level, part in enumerate(parts):
            rows += describe_annotations(right, part, variant="generation", level=level)
        return Rows(rows=rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateQuintiles(Step[Rows], name="quintiles"):
    """Evaluates large models by difficulty of the problems."""

    samples: Step[Samples]
    """The test samples."""
    difficulty: Step[Samples]
    """Other samples of the same problems, from which difficulty is estimated."""
    arms: tuple[str, ...]
    scores: tuple[Step[StepScores], ...]
    """Scores of the test samples, one per arm."""
    draws: int
    """Random subsets per problem and N, for majority voting."""
    seed: int = 0

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions([context.read(self.samples)])
        other = context.read(self.difficulty).solutions
        voting = partial(majority, ns=tests.ns, draws=self.draws, seed=self.seed)
        curves = {
            ("majority", "majority"): tests.each(voting, tests.voted, tests.correct),
            ("oracle", "pass_at_n"): tests.each(partial(pass_at_n, ns=tests.ns), tests.correct),
        }
        for arm, scores in zip(self.arms, context.read_all(self.scores), strict=True):
            curves[arm, "best_of_n"] = tests.best_of(SCORINGS[SCORING_OF[arm]](scores), tests.ns)
        once_P = tests.each(random_choice, tests.correct, tests.finished)
        level_P = quintiles(other.per_problem(other.final_correct))
        rows: list[Row] = []
        for level in np.unique(level_P).tolist():
            at_level = level_P == level
            columns: Row = {"variant": "quintile", "level": level}
            for (arm, metric), value_PK in curves.items():
                rows += tests.per_n(metric, value_PK[at_level], columns | {"arm": arm})
            rows.append(random_row(once_P[at_level]) | columns)
        return Rows(rows=rows)


def vote_weights(scores: StepScores, scoring: str) -> np.ndarray:
    """Returns the reward model's probability that each solution is right, 0 if unscored: float64 [R]."""
    score = SCORINGS[scoring](scores)
    return np.where(scores.unscored, 0.0, np.exp(score) if scoring == "product" else score)


def describe_annotations(
    right: np.ndarray, annotations: Annotations, variant: str | None = None, level: int | None = None
) -> list[Row]:
    """Computes the shares of labeled solutions that end right, and of their labeled steps that are right.

    Args:
        right: bool [R], whether each of the samples ends right.
        annotations: ratings of some of the samples.
        variant: kind of the part of the data that was rated; None: all data.
        level: number of the part.

    Returns:
        One row per metric; none if nothing was labeled.
    """
    count, steps = len(annotations), annotations.rated_steps
    shared: Row = {"arm": "large_prm", "labelled_solutions": count, "labelled_steps": steps}
    if variant is not None:
        shared |= {"variant": variant, "level": level}
    rows: list[Row] = []
    if count:
        rows.append(shared | {"metric": "ends_right", "value": int(right[annotations.rows].sum()) / count})
    if steps:
        rows.append(shared | {"metric": "right_steps", "value": annotations.right_steps / steps})
    return rows
