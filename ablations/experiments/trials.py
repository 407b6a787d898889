"""A trial: one arm trained at one point in hyperparameter space and evaluated on validation problems.

No trial reads a test problem. A sweep, by grid or by another search, is a set of trials.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

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
        others = {field.name for field in fields(cls)} - {"learning_rate", "threshold"}
        return cls(
            learning_rate=students.learning_rates[0],
            threshold=threshold,
            **{name: getattr(students, name) for name in others},
        )

    def students(self, students: StudentSettings) -> StudentSettings:
        """Returns the students' settings at this point; raises a ValueError if it is out of range."""
        check_fields(self)
        values = asdict(self)
        rate, _ = values.pop("learning_rate"), values.pop("threshold")
        return replace(students, learning_rates=(rate,), **values)


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

    Raises:
        ValueError: a hyperparameter is out of its range.
    """
    center = asdict(Hyperparameters.of(students, fold.threshold))
    varied = {name: value for name, value in asdict(point).items() if value != center[name]}
    words = "".join(f", {name} {value:g}" for name, value in varied.items())
    trainings = Trainings(
        students=point.students(students),
        fold=replace(fold, threshold=point.threshold),
        arm=arm,
        data_scale=data_scale,
    )
    name = f"{arm} x{data_scale} seed {seed}{words}"
    return validate(trainings, seed, name, facts=asdict(point), shown=tuple(shown))


def validate(
    trainings: Trainings, seed: int, name: str, *, facts: dict[str, Json], shown: tuple[Shown, ...]
) -> ValidateStudent:
    """Returns the step that evaluates a training on validation problems.

    Args:
        trainings: the trainings of its kind.
        seed: its seed.
        name: its name for display.
        facts: further facts for the records.
        shown: see `ValidateStudent`.
    """
    students, validation = trainings.students, trainings.fold.validation
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
        samples=validation,
        scores=replace(trainings.scorer(seed), model=train).score(
            validation, f"{name} on validation problems", trainings.fold.validation_states
        ),
        label=f"judge {name}",
    )
