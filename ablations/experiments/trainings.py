"""Cells: the trainings of one kind of supervision, acquisition and data scale, and their evaluation."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ablations.engine.costs.work import Role, scoring, training
from ablations.engine.revision import revision
from ablations.engine.step import Task
from ablations.evaluation.scoring_rules import SCORING_OF
from ablations.experiments.fold import Fold, TrainingFold, scores_task, seconds_per_token
from ablations.experiments.scales import SupervisionSettings
from ablations.experiments.settings import FIRST_TUNING_SEED
from ablations.steps.validate import passed_over
from ablations.supervision import TARGETS, LabelerArm, OracleArm
from ablations.world.world import Kind

UNSAID: dict[str, Any] = {
    **{"warmup": 0.05, "weight_decay": 0.01, "dropout": 0.0},
    **{"chat_template": "auto", "lora": None, "dtype": "float32", "attention": "sdpa"},
    **{"gradient_checkpointing": False, "accumulate": 1},
}
"""Values that a training uses where its config is silent, whatever the settings' defaults are."""


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """The trainings of one arm, acquisition and data scale in one fold."""

    settings: SupervisionSettings
    fold: TrainingFold
    """Fold to train on; for tests, a full `Fold`."""
    arm: str
    data_scale: int
    acquisition: str = "uniform"
    """How the labeled solutions are chosen."""
    acquired: Callable[[int], Task] | None = None
    """Seed -> the task that chooses them; None for ``uniform``, where the training draws them itself."""
    start: "Trainings | None" = None
    """Trainings whose weights these start from; None: the base, with a new head."""
    variant: str | None = None
    """Name in the records for whatever else is varied."""
    level: float | None = None
    """Number that goes with the variant."""
    bootstrap: int | None = None
    """Resample of the labeled problems to train on; None: each of them once."""
    rate_of: "Trainings | None" = None
    """Trainings whose learning rate is used; None: these choose their own."""
    role: Role = "student"
    """Role whose backbone is trained, for estimates."""

    @property
    def tested(self) -> Fold:
        """The fold, which must have test problems."""
        assert isinstance(self.fold, Fold), "a fold without test problems cannot judge"
        return self.fold

    @property
    def name(self) -> str:
        """Name for display."""
        how = "" if self.acquisition == "uniform" else f" {self.acquisition}"
        again = "" if self.bootstrap is None else f" bootstrap {self.bootstrap}"
        varied = "" if self.variant is None else f" {self.variant}"
        return f"{self.arm}{how} x{self.data_scale}{again}{varied}"

    def train(self, seed: int, tried: float | None = None) -> Task:
        """Returns a seed's training.

        Args:
            seed: redraws training subset, order and head.
            tried: a learning rate to try, keeping only the facts; None: the chosen one.
        """
        choice = None if tried is not None else self.choice
        students, lengths = self.settings.students, self.fold.lengths
        outcome = SCORING_OF[self.arm] == "last_token"
        updates = students.updates(self.fold.problems * self.data_scale, outcome=outcome)
        seen = passed_over(updates, self.fold.problems * self.data_scale, students.batch_size)
        assert self.fold.validation.texts is not None, "samples say how many they are"
        learning_rate = tried
        if tried is None and choice is None:
            (learning_rate,) = students.learning_rates
        rate = "chosen rate" if learning_rate is None else f"rate {learning_rate:g}"
        inputs = {
            "base": self.fold.base,
            "samples": self.fold.train,
            "validation": self.fold.validation,
        }
        labelled = isinstance(TARGETS[self.arm], LabelerArm)
        if labelled:
            inputs["labels"] = self.fold.train_labels
        elif isinstance(TARGETS[self.arm], OracleArm):
            inputs["ratings"] = self._ratings
        if self.acquired is not None:
            inputs["acquired"] = self.acquired(seed)
        if self.start is not None:
            inputs["start"] = self.start.train(seed)
        return Task(
            stage="train",
            config={
                "arm": self.arm,
                "data_scale": self.data_scale,
                "seed": seed,
                "learning_rate": learning_rate,
                "threshold": self.settings.labeler.threshold if labelled else None,
                "updates": updates,
                "batch_size": students.batch_size,
                "evaluations": students.evaluations,
                "patience": students.patience,
                "decay": students.decay,
                "validation_n": students.validation_n,
                "precision": students.precision,
                "device": students.device,
                "max_length": self.settings.pool.max_length if self.settings.pool else None,
            }
            | ({} if tried is None else {"tuning": True})
            | ({} if self.bootstrap is None else {"bootstrap": self.bootstrap})
            | {
                name: getattr(students, name)
                for name, unsaid in UNSAID.items()
                if getattr(students, name) != unsaid
            }
            | ({"outcome_loss": students.outcome_loss} if outcome else {})
            | ({"soft_targets": True} if labelled and students.soft_targets else {}),
            inputs=inputs if choice is None else inputs | {"choice": choice},
            label=f"train {self.name} seed {seed} {rate}{self.fold.name}",
            weight=updates
            * students.batch_size
            * lengths.tokens
            * lengths.slowness
            * seconds_per_token(students.backbone)
            + 2,
            work=(
                training(self.role, lengths, seen, steps=not outcome),
                scoring(self.role, self.fold.validation.texts, times=students.evaluations),
            ),
        )

    @property
    def _ratings(self) -> Task:
        assert self.fold.train_ratings is not None, "only an embedded world has an oracle"
        return self.fold.train_ratings

    def label_noise(self, seed: int) -> Task:
        """Measures how far the labels of a seed's training differ from the oracle's."""
        train = self.train(seed)
        names = ("samples", "labels", "acquired")
        return Task(
            stage="label_noise",
            config={
                name: train.config[name]
                for name in ("arm", "data_scale", "seed", "threshold", "bootstrap")
                if name in train.config
            },
            inputs={name: train.inputs[name] for name in names if name in train.inputs}
            | {"ratings": self._ratings},
            label=f"label noise of {self.name} seed {seed}",
            weight=0.1,
        )

    @cached_property
    def choice(self) -> Task | None:
        """The choice of learning rate, with seeds that are never reported; None: there is only one rate."""
        if self.rate_of is not None:
            return self.rate_of.choice
        students = self.settings.students
        if len(students.learning_rates) == 1:
            return None
        seeds = range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + students.tuning_seeds)
        return Task(
            stage="choose",
            inputs={
                "candidates": tuple(
                    self.train(seed, rate) for rate in students.learning_rates for seed in seeds
                )
            },
            label=f"choose the learning rate of {self.name}{self.fold.name}",
            weight=0.1,
        )

    def model(self, seed: int) -> dict[str, Any]:
        """Returns a seed's reward model as inputs; adapters come with the base that they need."""
        base = {"base": self.fold.base} if self.settings.students.lora is not None else {}
        return {"model": self.train(seed)} | base

    def scores(self, seed: int) -> Task:
        """Returns a seed's scores of the test solutions."""
        return scores_task(
            self.model(seed),
            self.tested.test,
            self.settings,
            f"{self.name} seed {seed} on test problems{self.fold.name}",
            self.role,
        )


def cell_task(by_fold: list[Trainings], seed: int, further: tuple[Task, ...] = ()) -> Task:
    """Evaluates one reward model (or one per fold); ``further`` tasks give more rows for it."""
    first = by_fold[0]
    inputs: dict[str, Any] = {
        "trains": tuple(trainings.train(seed) for trainings in by_fold),
        "scores": tuple(trainings.scores(seed) for trainings in by_fold),
        "samples": tuple(trainings.tested.test for trainings in by_fold),
    }
    choices = tuple(trainings.choice for trainings in by_fold if trainings.choice is not None)
    if choices:
        inputs["choices"] = choices
    if first.tested.ratings is not None:
        inputs["ratings"] = tuple(
            trainings.tested.ratings for trainings in by_fold if trainings.tested.ratings is not None
        )
    if first.fold.train_ratings is not None:
        further = (*further, first.label_noise(seed))
    if further:
        inputs["further"] = further
    return Task(
        stage="cell",
        config={"arm": first.arm, "data_scale": first.data_scale, "seed": seed}
        | ({"acquisition": first.acquisition} if first.acquisition != "uniform" else {})
        | ({"variant": first.variant, "level": first.level} if first.variant is not None else {}),
        inputs=inputs,
        label=f"cell {first.name} seed {seed}",
        weight=0.2,
    )


def references_task(settings: SupervisionSettings, folds: list[Fold], kind: Kind | None = None) -> Task:
    """Computes the reference lines, which do not depend on any student.

    Args:
        settings: the experiment's settings.
        folds: the folds, one or more.
        kind: kind of their test problems, if several kinds are evaluated; None: the labeler's labels of
            training solutions are evaluated too.
    """
    tests: dict[str, Any] = {
        "samples": tuple(fold.test for fold in folds),
        "labels": tuple(fold.test_labels for fold in folds),
    }
    of_world: dict[str, Any] = {}
    if folds[0].ratings is not None:
        tests["ratings"] = tuple(fold.ratings for fold in folds if fold.ratings is not None)
    if folds[0].ratings is not None and kind is None:
        of_world = {"pool_labels": folds[0].train_labels, "pool_ratings": folds[0].train_ratings}
    return Task(
        stage="references",
        config={"majority_draws": settings.majority_draws, "seed": 0, "bins": 10}
        | ({} if kind is None else {"kind": kind}),
        inputs=tests | of_world,
        label="reference lines" if kind is None else f"reference lines on {kind} problems",
        weight=5,
    )


def records_task(
    experiment: str, settings: SupervisionSettings, cells: tuple[Task, ...], references: Task | None
) -> Task:
    """Collects the run's tidy table, without reference lines if an experiment must not see test problems."""
    return Task(
        stage="records",
        config={
            "experiment": experiment,
            "scale": settings.scale,
            "dataset": settings.dataset,
            "settings": json.dumps(asdict(settings), sort_keys=True, default=str),
            "revision": revision(),
        },
        inputs={"cells": cells} | ({} if references is None else {"references": references}),
    )
