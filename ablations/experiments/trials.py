"""A trial: one arm trained at one point in hyperparameter space and evaluated on validation problems.

No trial reads a test problem. A sweep, by grid or by any other search, is a set of trials.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from ablations.data.field_types import Count, NotNegative, PartShare, Positive, Share, check_fields
from ablations.data.json_files import Json
from ablations.experiments.fold import TrainingFold
from ablations.experiments.settings import StudentSettings
from ablations.experiments.trainings import Trainings
from ablations.steps.validate import Shown, ValidateStudent

PLAIN: Shown = (None, None)
"""The (variant, level) of a point where nothing is varied."""


OF_LABELER = ("threshold", "soft_targets")
"""Hyperparameters that apply only to supervision by the labeler."""


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """A point: the tunable hyperparameters of a reward model's training. Ranges are checked when applied."""

    learning_rate: Positive
    """Peak learning rate."""
    batch_size: Count
    """Solutions per update."""
    max_updates: Count
    """Maximum number of updates."""
    warmup: Share
    """Share of the updates in which the learning rate rises."""
    weight_decay: NotNegative
    """Weight decay of matrices other than embeddings."""
    threshold: Share
    """P(negative) above which a step is incorrect."""
    dropout: PartShare = 0.0
    """Dropout before the head."""
    soft_targets: bool = False
    """Whether targets are the labeler's probabilities rather than its decisions."""

    @classmethod
    def of(cls, students: StudentSettings, threshold: float) -> "Hyperparameters":
        """Returns the point of some settings, at the first of their learning rates."""
        return cls(
            learning_rate=students.learning_rates[0],
            batch_size=students.batch_size,
            max_updates=students.max_updates,
            warmup=students.warmup,
            weight_decay=students.weight_decay,
            threshold=threshold,
            dropout=students.dropout,
            soft_targets=students.soft_targets,
        )

    def students(self, students: StudentSettings) -> StudentSettings:
        """Returns the students' settings at this point; raises a ValueError if it is out of range."""
        check_fields(self)
        return replace(
            students,
            learning_rates=(self.learning_rate,),
            batch_size=self.batch_size,
            max_updates=self.max_updates,
            warmup=self.warmup,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            soft_targets=self.soft_targets,
        )


def trial(
    students: StudentSettings,
    fold: TrainingFold,
    *,
    arm: str,
    data_scale: int,
    point: Hyperparameters,
    seed: int,
    shown: Sequence[Shown] = (PLAIN,),
) -> ValidateStudent:
    """Trains a model and evaluates it on validation problems.

    Args:
        students: everything about the training that the point does not set.
        fold: base, training samples, labels and validation samples.
        arm: form of supervision.
        data_scale: solutions labeled per problem.
        point: the hyperparameters.
        seed: redraws training subset, order and head.
        shown: the (variant, level) pairs under which the records show the point.

    Returns:
        A step whose rows hold ``kept_best_of_n``, with a value per validation problem, and
        ``validation_best_of_n`` over updates, once for each of ``shown``.

    Raises:
        ValueError: a hyperparameter is out of its range.
    """
    center = Hyperparameters.of(students, fold.threshold)
    differs = {name: value for name, value in asdict(point).items() if value != getattr(center, name)}
    words = "".join(f", {name} {value:g}" for name, value in differs.items() if value is not None)
    name = f"{arm} x{data_scale} seed {seed}{words}"
    trainings = Trainings(
        students=point.students(students),
        fold=replace(fold, threshold=point.threshold),
        arm=arm,
        data_scale=data_scale,
    )
    return validate(trainings, seed, name, facts=asdict(point), shown=tuple(shown))


def validate(
    trainings: Trainings, seed: int, name: str, *, facts: dict[str, Json], shown: tuple[Shown, ...]
) -> ValidateStudent:
    """Returns the step that evaluates a training on validation problems.

    Args:
        trainings: the trainings of its kind.
        seed: its seed.
        name: its name for display.
        facts: what the records say about it besides what it reports.
        shown: see `ValidateStudent`.
    """
    students = trainings.students
    train = replace(trainings.train(seed), label=f"train {name}")
    return ValidateStudent(
        arm=trainings.arm,
        data_scale=trainings.data_scale,
        seed=seed,
        validation_n=students.validation_n,
        batch_size=students.batch_size,
        hyperparameters=facts,
        shown=shown,
        train=train,
        choice=trainings.choice,
        samples=trainings.fold.validation,
        scores=replace(trainings.scorer(seed), model=train).score(
            trainings.fold.validation, f"{name} on validation problems", trainings.fold.validation_states
        ),
        label=f"judge {name}",
    )
