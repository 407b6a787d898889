"""Steps that evaluate the large reward models: their rows, votes, collected data and quintiles."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ablations.data.annotations import Annotations
from ablations.data.artifacts import Ratings, Samples
from ablations.data.json_files import Json
from ablations.data.models import LargePrm, RateChoice, TrainedStudent
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.evaluation.best_of_n import best_of_n, majority, pass_at_n, random_choice, weighted_vote
from ablations.evaluation.difficulty import quintiles
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from ablations.steps.evaluation_rows import EvaluatedSolutions, Row, Rows, random_row
from ablations.steps.training_facts import facts_for_records, labels_of


@dataclass(frozen=True, kw_only=True, eq=False)
class LargeModel:
    """A large reward model that is evaluated, with its scores of the test samples."""

    arm: str
    samples: Step[Samples]
    scores: Step[StepScores]
    prm: Step[LargePrm] | None = None
    """The model, if it is a PRM."""
    train: Step[TrainedStudent] | None = None
    """The model, if it is an ORM."""
    choice: Step[RateChoice] | None = None
    """The choice of the ORM's learning rate, if there was one."""

    def labels(self, context: Context) -> Row:
        """Counts the labels that it was trained on; an ORM has labels of solutions only."""
        if self.train is not None:
            return labels_of(self.arm, [context.read(self.train).known])
        assert self.prm is not None
        facts = context.read(self.prm).facts
        return {"labelled_solutions": facts.solutions, "labelled_steps": facts.rated_steps}


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateLarge(LargeModel, Step[Rows], name="scorer", version=2):
    """Evaluates a large reward model by best-of-N and AUROC."""

    acquisition: str | None = None
    """How its training solutions were chosen, if several ways are compared."""
    ratings: Step[Ratings] | None = None
    """The oracle's ratings of the test samples, if there is one."""

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions([context.read(self.samples)])
        ratings = [] if self.ratings is None else [context.read(self.ratings)]
        rows = tests.scored([context.read(self.scores)], SCORING_OF[self.arm], ratings)
        shared: Row = {"arm": self.arm}
        if self.acquisition is not None:
            shared["acquisition"] = self.acquisition
        shared |= self.labels(context)
        return Rows(rows=[row | shared for row in rows], chosen=self._facts(context))

    def _facts(self, context: Context) -> list[dict[str, Json]] | None:
        if self.train is None:
            return None
        choice = None if self.choice is None else (self.choice.key, context.read(self.choice))
        facts = context.read(self.train).known
        return [facts_for_records(facts, choice, left_out=("curve", "planned"))]


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
        shared: Row = {"arm": self.arm}
        shared |= self.labels(context)
        return Rows(rows=tests.per_n("weighted_vote", value_PK, shared))


@dataclass(frozen=True, kw_only=True, eq=False)
class DescribeGenerations(Step[Rows], name="generations"):
    """Describes the collected data: in all, by phase and by generation."""

    samples: Step[Samples]
    annotations: tuple[Step[Annotations], ...]
    """Those of the first draw and of each generation."""

    def run(self, context: Context) -> Rows:
        right = context.read(self.samples).solutions.final_correct
        parts = context.read_all(self.annotations)
        rows = described(right, Annotations.join(parts))
        for level, phase in enumerate((parts[:1], parts[1:]), start=1):
            rows += described(right, Annotations.join(phase), variant="phase", level=level)
        for level, part in enumerate(parts):
            rows += described(right, part, variant="generation", level=level)
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
    """Random subsets per problem and N for majority voting."""
    seed: int = 0

    def run(self, context: Context) -> Rows:
        tests = EvaluatedSolutions([context.read(self.samples)])
        other = context.read(self.difficulty).solutions
        correct, finished, ns = tests.correct, tests.finished, tests.ns
        voting = partial(majority, ns=ns, draws=self.draws, seed=self.seed)
        curves = {
            ("majority", "majority"): tests.each(voting, tests.voted, correct),
            ("oracle", "pass_at_n"): tests.each(partial(pass_at_n, ns=ns), correct),
        }
        for arm, scores in zip(self.arms, context.read_all(self.scores), strict=True):
            score = SCORINGS[SCORING_OF[arm]](scores)
            curves[arm, "best_of_n"] = tests.each(partial(best_of_n, ns=ns), score, correct, finished)
        once_P = tests.each(random_choice, correct, finished)
        level_P = quintiles(other.per_problem(other.final_correct))
        rows: list[Row] = []
        for level in np.unique(level_P).tolist():
            of_level = level_P == level
            which: Row = {"variant": "quintile", "level": level}
            for (arm, metric), value_PK in curves.items():
                rows += tests.per_n(metric, value_PK[of_level], which | {"arm": arm})
            rows.append(random_row(once_P[of_level]) | which)
        return Rows(rows=rows)


def vote_weights(scores: StepScores, scoring: str) -> np.ndarray:
    """Returns the reward model's probability that each solution is right, 0 if unscored: float64 [R]."""
    found = np.where(scores.unscored, -np.inf if scoring == "product" else 0.0, SCORINGS[scoring](scores))
    return np.exp(found) if scoring == "product" else found


def described(
    right: np.ndarray, annotations: Annotations, variant: str | None = None, level: int | None = None
) -> list[Row]:
    """Computes the shares of labeled solutions that end right, and of their labeled steps that are right.

    Args:
        right: bool [R], whether each of the samples ends right.
        annotations: labels of some of the samples.
        variant: part of the data that they are; None: all.
        level: number of the part.

    Returns:
        One row per metric; none if nothing was labeled.
    """
    count, steps = len(annotations), annotations.rated_steps
    shared: Row = {"arm": "large_prm", "labelled_solutions": count, "labelled_steps": steps}
    if variant is not None:
        shared |= {"variant": variant, "level": level}
    shares = {
        "ends_right": (int(right[annotations.rows].sum()), count),
        "right_steps": (annotations.right_steps, steps),
    }
    rows: list[Row] = []
    for metric, (part, whole) in shares.items():
        if whole:
            rows.append(shared | {"metric": metric, "value": part / whole})
    return rows
