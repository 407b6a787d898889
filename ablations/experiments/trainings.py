"""Cells: the trainings of one kind of supervision, acquisition and data scale, and their evaluation."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property

from ablations.data.artifacts import ChosenRows, Ratings
from ablations.engine.costs.work import Role, scoring, training
from ablations.engine.revision import revision
from ablations.engine.step import Step
from ablations.evaluation.scoring_rules import SCORING_OF
from ablations.experiments.fold import (
    SECONDS_PER_HEAD,
    Fold,
    Scorer,
    TrainingFold,
    draw,
    seconds_per_token,
    texts_of,
)
from ablations.experiments.run_settings import RunSettings
from ablations.experiments.settings import FIRST_TUNING_SEED, StudentSettings
from ablations.steps.acquire import AskSelector
from ablations.steps.collect import DrawRows
from ablations.steps.evaluate import CompareWithLabeler, EvaluateCell, EvaluateReferences
from ablations.steps.evaluation_rows import Rows
from ablations.steps.records import GatherRecords
from ablations.steps.score import ScoreSolutions
from ablations.steps.train_student import ChooseRate, MeasureLabelNoise, TrainStudent
from ablations.steps.validate import passed_over
from ablations.supervision import TARGETS, LabelerArm, OracleArm
from ablations.world.world import Kind


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """The trainings of one arm, acquisition and data scale in one fold."""

    students: StudentSettings
    """How the models are made."""
    fold: TrainingFold
    """Fold to train on; for tests, a full `Fold`."""
    arm: str
    data_scale: int
    acquisition: str = "uniform"
    """How the labeled solutions are chosen."""
    acquired: Callable[[int], Step[ChosenRows]] | None = None
    """Seed -> the step that chooses them; None for ``uniform``, where the training draws them itself."""
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

    def train(self, seed: int, tried: float | None = None, layer: int | None = None) -> TrainStudent:
        """Returns a seed's training.

        Args:
            seed: redraws training subset, order and head.
            tried: a learning rate to try, keeping only the facts; None: the chosen one.
            layer: the layer of a frozen trunk to try it with; None: the chosen one, or there is no trunk.
        """
        choice = None if tried is not None else self.choice
        students, lengths = self.students, self.fold.lengths
        learning_rate = tried
        if tried is None and choice is None:
            (learning_rate,) = students.learning_rates
            layer = None if students.frozen is None else students.frozen.layers[0]
        rate = "chosen rate" if learning_rate is None else f"rate {learning_rate:g}"
        if tried is not None and layer is not None:
            rate += f" layer {layer}"
        updates = students.updates(self.fold.problems * self.data_scale, outcome=self.of_outcomes)
        seen = passed_over(updates, self.fold.problems * self.data_scale, students.batch_size)
        target = TARGETS[self.arm]
        by_labeler = isinstance(target, LabelerArm)
        if isinstance(target, LabelerArm) and target.of_steps and not self.fold.steps_labeled:
            able = ", ".join(
                name for name, arm in TARGETS.items() if not isinstance(arm, LabelerArm) or not arm.of_steps
            )
            raise ValueError(
                f"arms: found {self.arm} with a labeler that scores whole solutions; allowed: {able}"
            )
        return TrainStudent(
            arm=self.arm,
            data_scale=self.data_scale,
            seed=seed,
            threshold=self.fold.threshold if by_labeler else None,
            soft_targets=by_labeler and students.soft_targets,
            bootstrap=self.bootstrap,
            samples=self.fold.train,
            labels=self.fold.train_labels if by_labeler else None,
            ratings=self._ratings if isinstance(target, OracleArm) else None,
            acquired=None if self.acquired is None else self.acquired(seed),
            base=self.fold.base,
            validation=self.fold.validation,
            start=None if self.start is None else self.start.train(seed),
            choice=choice,
            learning_rate=learning_rate,
            states=self.fold.train_states,
            validation_states=self.fold.validation_states,
            layer=layer,
            hidden=0 if students.frozen is None else students.frozen.hidden,
            heads=0 if students.frozen is None else students.frozen.heads,
            tuning=tried is not None,
            updates=updates,
            batch_size=students.batch_size,
            evaluations=students.evaluations,
            validation_n=students.validation_n,
            patience=students.patience,
            warmup=students.warmup,
            decay=students.decay,
            weight_decay=students.weight_decay,
            dropout=students.dropout,
            outcome_loss=students.outcome_loss if self.of_outcomes else "every_token",
            accumulate=students.accumulate,
            max_length=self.fold.max_length,
            chat_template=students.chat_template,
            lora=students.lora,
            dtype=students.dtype,
            attention=students.attention,
            gradient_checkpointing=students.gradient_checkpointing,
            precision=students.precision,
            device=self.fold.device,
            label=f"train {self.name} seed {seed} {rate}{self.fold.name}",
            weight=updates
            * students.batch_size
            * lengths.tokens
            * lengths.slowness
            * seconds_per_token(students.backbone)
            + 2
            if students.frozen is None
            else SECONDS_PER_HEAD,
            work=(
                training(self.role, lengths, seen, steps=not self.of_outcomes),
                scoring(self.role, texts_of(self.fold.validation), times=students.evaluations),
            )
            if students.frozen is None
            else (),
        )

    def label_noise(self, seed: int) -> MeasureLabelNoise:
        """Measures how far the labels of a seed's training differ from the oracle's."""
        train = self.train(seed)
        return MeasureLabelNoise(
            arm=train.arm,
            data_scale=train.data_scale,
            seed=seed,
            threshold=train.threshold,
            bootstrap=train.bootstrap,
            samples=train.samples,
            labels=train.labels,
            ratings=self._ratings,
            acquired=train.acquired,
            label=f"label noise of {self.name} seed {seed}",
            weight=0.1,
        )

    @cached_property
    def choice(self) -> ChooseRate | None:
        """The choice of learning rate and layer, by seeds that are never reported; None: there is none."""
        if self.rate_of is not None:
            return self.rate_of.choice
        students = self.students
        layers = (None,) if students.frozen is None else students.frozen.layers
        if len(students.learning_rates) == len(layers) == 1:
            return None
        seeds = range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + students.tuning_seeds)
        return ChooseRate(
            candidates=tuple(
                self.train(seed, rate, layer)
                for rate in students.learning_rates
                for layer in layers
                for seed in seeds
            ),
            label=f"choose the learning rate of {self.name}{self.fold.name}",
            weight=0.1,
        )

    def scorer(self, seed: int) -> Scorer:
        """Returns a seed's model, to score samples."""
        return Scorer(
            model=self.train(seed),
            device=self.fold.device,
            role=self.role,
            backbone=self.students.backbone,
            max_length=self.fold.max_length,
            base=None if self.students.lora is None else self.fold.base,
        )

    def drawn(self, seed: int) -> DrawRows:
        """Returns the uniform draw of the solutions that a seed's training draws itself."""
        label = f"x{self.data_scale} seed {seed}{self.fold.name}"
        return draw(self.fold.train, self.data_scale, seed, label)

    def scores(self, seed: int) -> ScoreSolutions:
        """Returns a seed's scores of the test solutions."""
        return self.scores_of(seed, self.tested, f"test problems{self.fold.name}")

    def scores_of(self, seed: int, fold: Fold, which: str) -> ScoreSolutions:
        """Returns a seed's scores of the test samples of a fold; ``which`` names them for display."""
        return self.scorer(seed).score(fold.test, f"{self.name} seed {seed} on {which}", fold.test_states)

    def opinion(self, seed: int, *, steps: bool = False) -> AskSelector:
        """Returns the opinion of a seed's model on the training samples; see `AskSelector`."""
        label = f"{self.name} seed {seed}{self.fold.name}"
        return self.scorer(seed).ask(self.fold.train, label, self.fold.train_states, steps=steps)

    @property
    def of_outcomes(self) -> bool:
        """Whether whole solutions are labeled."""
        return SCORING_OF[self.arm] == "last_token"

    @property
    def _ratings(self) -> Step[Ratings]:
        assert self.fold.train_ratings is not None, "only an embedded world has an oracle"
        return self.fold.train_ratings


def evaluate_cell(by_fold: list[Trainings], seed: int, further: tuple[Step[Rows], ...] = ()) -> EvaluateCell:
    """Returns the step that evaluates one reward model (or one per fold); ``further`` gives it more rows."""
    first = by_fold[0]
    folds = [trainings.tested for trainings in by_fold]
    scores = tuple(trainings.scores(seed) for trainings in by_fold)
    if first.fold.train_ratings is not None:
        further = (*further, first.label_noise(seed))
    elif first.fold.steps_labeled:
        agreement = CompareWithLabeler(
            scores=scores,
            labels=tuple(fold.test_labels for fold in folds),
            threshold=first.fold.threshold,
            label=f"{first.name} seed {seed} against the labeler",
            weight=0.1,
        )
        further = (*further, agreement)
    return EvaluateCell(
        arm=first.arm,
        acquisition=first.acquisition,
        data_scale=first.data_scale,
        seed=seed,
        variant=first.variant,
        level=first.level,
        trains=tuple(trainings.train(seed) for trainings in by_fold),
        choices=tuple(trainings.choice for trainings in by_fold if trainings.choice is not None),
        scores=scores,
        samples=tuple(fold.test for fold in folds),
        ratings=tuple(fold.ratings for fold in folds if fold.ratings is not None),
        further=further,
        label=f"cell {first.name} seed {seed}",
        weight=0.2,
    )


def evaluate_references(
    folds: list[Fold], majority_draws: int, kind: Kind | None = None
) -> EvaluateReferences:
    """Returns the step for the reference lines, which do not depend on any student.

    Args:
        folds: the folds, one or more.
        majority_draws: subsets over which majority voting is averaged.
        kind: kind of their test problems, if several kinds are evaluated; None: the labeler's labels of
            training solutions are evaluated too.
    """
    on_pool = folds[0].ratings is not None and kind is None
    return EvaluateReferences(
        samples=tuple(fold.test for fold in folds),
        labels=tuple(fold.test_labels for fold in folds),
        ratings=tuple(fold.ratings for fold in folds if fold.ratings is not None),
        pool_labels=folds[0].train_labels if on_pool else None,
        pool_ratings=folds[0].train_ratings if on_pool else None,
        majority_draws=majority_draws,
        kind=kind,
        label="reference lines" if kind is None else f"reference lines on {kind} problems",
        weight=5,
    )


def gather_records(
    experiment: str, settings: RunSettings, cells: tuple[Step[Rows], ...], references: Step[Rows] | None
) -> GatherRecords:
    """Returns the step for the run's tidy table, without reference lines if it must see no test problems."""
    return GatherRecords(
        experiment=experiment,
        scale=settings.scale,
        dataset=settings.source.dataset,
        settings=json.dumps(asdict(settings), sort_keys=True, default=str),
        revision=revision(),
        cells=cells,
        references=references,
    )
