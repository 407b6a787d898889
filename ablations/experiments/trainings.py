"""Cells: the trainings of one kind of supervision, acquisition and data scale, and their evaluation."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ablations.data.artifacts import ChosenRows, Ratings
from ablations.engine.costs.work import Role, Work, scoring, training
from ablations.engine.revision import revision
from ablations.engine.step import Step
from ablations.evaluation.scoring_rules import SCORING_OF
from ablations.experiments.fold import (
    SECONDS_PER_HEAD,
    Fold,
    Scorer,
    TrainingFold,
    seconds_per_token,
    texts_of,
)
from ablations.experiments.run_settings import RunSettings
from ablations.experiments.settings import FIRST_TUNING_SEED, StudentSettings
from ablations.steps.acquire import AskSelector
from ablations.steps.collect import DrawRows
from ablations.steps.evaluate import CompareWithLabeler, EvaluateCell, EvaluateReferences
from ablations.steps.evaluation_rows import Rows
from ablations.steps.measure_shortcuts import MeasureShortcuts
from ablations.steps.records import GatherRecords
from ablations.steps.score import ScoreSolutions
from ablations.steps.train_student import ChooseRate, MeasureLabelNoise, TrainStudent
from ablations.steps.validate import passed_over
from ablations.supervision import (
    TARGETS,
    AnswerArm,
    ConsensusArm,
    LabelerArm,
    OracleArm,
    RolloutArm,
    rolls_out,
)
from ablations.world.world import Kind


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """The trainings of one arm, acquisition and data scale in one fold."""

    students: StudentSettings
    """Settings of the models."""
    fold: TrainingFold
    """Fold to train on; a `Fold`, if the models are tested."""
    arm: str
    data_scale: int
    acquisition: str = "uniform"
    """How the labeled solutions are chosen."""
    acquired: Callable[[int], Step[ChosenRows]] | None = None
    """Seed -> the step that chooses them; None for ``uniform``, where the training draws them itself."""
    start: "Trainings | None" = None
    """Trainings whose weights these start from; None: the base, with a new head."""
    variant: str | None = None
    """Name in the records for anything else that is varied."""
    level: float | None = None
    """Number that goes with the variant."""
    bootstrap: int | None = None
    """Number of the resample of the labeled solutions; None: each of them once."""
    rate_of: "Trainings | None" = None
    """Trainings whose learning rate is used; None: these choose their own."""
    role: Role = "student"
    """Role of the backbone, for estimates."""

    @property
    def tested(self) -> Fold:
        """The fold, which must have test problems."""
        assert isinstance(self.fold, Fold), "the fold has no test problems"
        return self.fold

    @property
    def name(self) -> str:
        """Name for display."""
        acquisition = "" if self.acquisition == "uniform" else f" {self.acquisition}"
        bootstrap = "" if self.bootstrap is None else f" bootstrap {self.bootstrap}"
        variant = "" if self.variant is None else f" {self.variant}"
        variant += "" if self.level is None else f" {self.level:g}"
        return f"{self.arm}{acquisition} x{self.data_scale}{bootstrap}{variant}"

    def train(self, seed: int, tried: float | None = None, layer: int | None = None) -> TrainStudent:
        """Returns a seed's training.

        Args:
            seed: redraws training subset, order and head.
            tried: a learning rate to try, keeping only the facts; None: the chosen one.
            layer: the layer of a frozen trunk to try it with; None: the chosen one, or there is no trunk.
        """
        choice = None if tried is not None else self.choice
        students, frozen, lengths = self.students, self.students.frozen, self.fold.lengths
        learning_rate = tried
        if tried is None and choice is None:
            (learning_rate,) = students.learning_rates
            layer = None if frozen is None else frozen.layers[0]
        rate = "chosen rate" if learning_rate is None else f"rate {learning_rate:g}"
        if tried is not None and layer is not None:
            rate += f" layer {layer}"
        solutions = self.fold.problems * self.data_scale
        updates = students.updates(solutions, outcome=self.labels_solutions)
        seconds = SECONDS_PER_HEAD
        work: tuple[Work, ...] = ()
        if frozen is None:
            tokens = updates * students.batch_size * lengths.tokens
            seen = passed_over(updates, solutions, students.batch_size)
            seconds = tokens * lengths.slowness * seconds_per_token(students.backbone) + 2
            work = (
                training(self.role, lengths, seen, steps=not self.labels_solutions),
                scoring(self.role, texts_of(self.fold.validation), times=students.evaluations),
            )
        target = TARGETS[self.arm]
        by_labeler = isinstance(target, LabelerArm | ConsensusArm)
        soft = isinstance(target, LabelerArm | RolloutArm) and target.soft
        step_loss = target.step_loss if isinstance(target, LabelerArm) else "cross_entropy"
        if isinstance(target, LabelerArm) and step_loss == "cross_entropy":
            soft = soft or students.soft_targets
        if isinstance(target, LabelerArm) and target.of_steps and not self.fold.steps_labeled:
            allowed = ", ".join(
                name for name, arm in TARGETS.items() if not isinstance(arm, LabelerArm) or not arm.of_steps
            )
            raise ValueError(
                f"arms: found {self.arm} with a labeler that scores whole solutions; allowed: {allowed}"
            )
        beta = target.beta if isinstance(target, AnswerArm) else None
        if beta is not None and (frozen is not None or students.lora is not None):
            raise ValueError(
                f"arms: found {self.arm} with students.{'lora' if frozen is None else 'frozen'}; allowed: "
                "the other arms, because implicit rewards need a whole language model"
            )
        outcome_loss = students.outcome_loss if beta is None else "sum_logit"
        return TrainStudent(
            arm=self.arm,
            data_scale=self.data_scale,
            seed=seed,
            threshold=self.fold.threshold if by_labeler else None,
            soft_targets=soft,
            bootstrap=self.bootstrap,
            samples=self.fold.train,
            labels=self.fold.train_labels if by_labeler else None,
            ratings=self._ratings if isinstance(target, OracleArm) else None,
            rollouts=self.fold.train_rollouts if rolls_out(self.arm) else None,
            acquired=None if self.acquired is None else self.acquired(seed),
            base=self.fold.base,
            validation=self.fold.validation,
            start=None if self.start is None else self.start.train(seed),
            choice=choice,
            learning_rate=learning_rate,
            states=self.fold.train_states,
            validation_states=self.fold.validation_states,
            layer=layer,
            hidden=0 if frozen is None else frozen.hidden,
            heads=0 if frozen is None else frozen.heads,
            tuning=tried is not None,
            updates=updates,
            outcome_loss=outcome_loss if self.labels_solutions else "every_token",
            step_loss=step_loss,
            beta=beta,
            max_length=self.fold.max_length,
            device=self.fold.device,
            label=f"train {self.name} seed {seed} {rate}{self.fold.name}",
            batch_size=students.batch_size,
            per_problem=students.per_problem,
            evaluations=students.evaluations,
            validation_n=students.validation_n,
            patience=students.patience,
            warmup=students.warmup,
            decay=students.decay,
            weight_decay=students.weight_decay,
            dropout=students.dropout,
            accumulate=students.accumulate,
            chat_template=students.chat_template,
            lora=students.lora,
            dtype=students.dtype,
            attention=students.attention,
            compile_layers=students.compile_layers,
            gradient_checkpointing=students.gradient_checkpointing,
            precision=students.precision,
            weight=seconds,
            work=work,
        )

    def label_noise(self, seed: int) -> MeasureLabelNoise:
        """Measures how much the labels of a seed's training, as decisions, differ from the oracle's."""
        rows = self._labeled_rows(seed) | {"ratings": self._ratings}
        return MeasureLabelNoise(**rows, label=f"label noise of {self.name} seed {seed}", weight=0.1)

    def shortcuts(self, seed: int) -> MeasureShortcuts:
        """Measures what length, position, format or the problem predict of a seed's labels."""
        return MeasureShortcuts(
            **self._labeled_rows(seed), label=f"shortcuts to the labels of {self.name}", weight=2
        )

    def _labeled_rows(self, seed: int) -> dict[str, Any]:
        """Returns the fields of ``LabeledRows`` of a seed's training, with labels as decisions."""
        train = self.train(seed)
        names = (
            *("arm", "data_scale", "seed", "threshold", "bootstrap"),
            *("samples", "labels", "rollouts", "acquired"),
        )
        return {name: getattr(train, name) for name in names}

    @cached_property
    def choice(self) -> ChooseRate | None:
        """The choice of learning rate and layer, by seeds that are never reported; None: no choice."""
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
        """Returns the scorer with a seed's model."""
        return Scorer(
            model=self.train(seed),
            device=self.fold.device,
            role=self.role,
            backbone=self.students.backbone,
            max_length=self.fold.max_length,
            base=None if self.students.lora is None else self.fold.base,
        )

    def drawn(self, seed: int) -> DrawRows:
        """Returns the step that draws the same solutions as a seed's training without ``acquired``."""
        label = f"draw x{self.data_scale} seed {seed}{self.fold.name}"
        return DrawRows(samples=self.fold.train, count=self.data_scale, seed=seed, label=label)

    def scores(self, seed: int) -> ScoreSolutions:
        """Returns a seed's scores of the test solutions."""
        return self.scores_of(seed, self.tested, f"test problems{self.fold.name}")

    def scores_of(self, seed: int, fold: Fold, problems: str) -> ScoreSolutions:
        """Returns a seed's scores of the test samples of a fold; ``problems`` names them for display."""
        return self.scorer(seed).score(fold.test, f"{self.name} seed {seed} on {problems}", fold.test_states)

    def opinion(self, seed: int, *, steps: bool = False) -> AskSelector:
        """Returns the opinion of a seed's model on the training samples; see `AskSelector`."""
        label = f"{self.name} seed {seed}{self.fold.name}"
        return self.scorer(seed).ask(self.fold.train, label, self.fold.train_states, steps=steps)

    @property
    def labels_solutions(self) -> bool:
        """Whether whole solutions are labeled, not steps."""
        return SCORING_OF[self.arm] == "last_token"

    @property
    def _ratings(self) -> Step[Ratings]:
        assert self.fold.train_ratings is not None, "only an embedded world has an oracle"
        return self.fold.train_ratings


def evaluate_cell(by_fold: list[Trainings], seed: int, further: tuple[Step[Rows], ...] = ()) -> EvaluateCell:
    """Returns the step that evaluates a seed's reward model in each fold; ``further`` adds rows."""
    first = by_fold[0]
    folds = [trainings.tested for trainings in by_fold]
    scores = tuple(trainings.scores(seed) for trainings in by_fold)
    if first.fold.train_ratings is not None:
        further = (*further, first.label_noise(seed))
    elif seed == 0:
        further = (*further, first.shortcuts(seed))
    if first.fold.train_ratings is None and first.fold.steps_labeled:
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
        kind: kind of the test problems, if several kinds are evaluated; None: the labels of training
            solutions are also evaluated.
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
    """Returns the step for the run's tidy table, without reference lines if it reads no test problems."""
    return GatherRecords(
        experiment=experiment,
        scale=settings.scale,
        dataset=settings.source.dataset,
        settings=json.dumps(asdict(settings), sort_keys=True, default=str),
        revision=revision(),
        cells=cells,
        references=references,
    )
