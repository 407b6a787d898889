"""A trial: one arm trained at one point in hyperparameter space and evaluated on validation problems.

No trial reads a test problem. A sweep, by grid or by any other search, is a set of trials.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from ablations.data.json_files import Json
from ablations.experiments.fold import TrainingFold, score
from ablations.experiments.scales import SupervisionSettings
from ablations.experiments.settings import LabelerSettings, StudentSettings
from ablations.experiments.trainings import Trainings
from ablations.steps.validate import Shown, ValidateStudent

PLAIN: Shown = (None, None)
"""The (variant, level) of a point where nothing is varied."""


OF_LABELER = ("threshold", "soft_targets")
"""Hyperparameters that apply only to supervision by the labeler."""


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """A point: the tunable hyperparameters of a reward model's training. Ranges are checked when applied."""

    learning_rate: float
    """Peak learning rate; above 0."""
    batch_size: int
    """Solutions per update; 1 or more."""
    max_updates: int
    """Maximum number of updates; 1 or more."""
    warmup: float
    """Share of the updates in which the learning rate rises; 0 to 1."""
    weight_decay: float
    """Weight decay of matrices other than embeddings; 0 or more."""
    threshold: float
    """P(negative) above which a step is incorrect, 0 to 1."""
    dropout: float = 0.0
    """Dropout before the head; 0 to below 1."""
    soft_targets: bool = False
    """Whether targets are the labeler's probabilities rather than its decisions."""

    @classmethod
    def of(cls, settings: SupervisionSettings) -> "Hyperparameters":
        """Returns an experiment's point, at the first of its learning rates."""
        students = settings.students
        return cls(
            learning_rate=students.learning_rates[0],
            batch_size=students.batch_size,
            max_updates=students.max_updates,
            warmup=students.warmup,
            weight_decay=students.weight_decay,
            threshold=settings.labeler.threshold,
            dropout=students.dropout,
            soft_targets=students.soft_targets,
        )

    def applied(self, settings: SupervisionSettings) -> SupervisionSettings:
        """Returns an experiment's settings at this point.

        Raises:
            ValueError: a hyperparameter is out of its range.
        """
        return replace(settings, students=self.students(settings), labeler=self.labeler(settings))

    def labeler(self, settings: SupervisionSettings) -> LabelerSettings:
        """Returns the labeler's settings at this point."""
        return replace(settings.labeler, threshold=self.threshold)

    def students(self, settings: SupervisionSettings) -> StudentSettings:
        """Returns the students' settings at this point."""
        return replace(
            settings.students,
            learning_rates=(self.learning_rate,),
            batch_size=self.batch_size,
            max_updates=self.max_updates,
            warmup=self.warmup,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            soft_targets=self.soft_targets,
        )


def trial(
    settings: SupervisionSettings,
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
        settings: everything that the point does not set.
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
    tried = point.applied(settings)
    differs = {
        name: value
        for name, value in asdict(point).items()
        if value != getattr(Hyperparameters.of(settings), name)
    }
    words = "".join(f", {name} {value:g}" for name, value in differs.items() if value is not None)
    name = f"{arm} x{data_scale} seed {seed}{words}"
    trainings = Trainings(settings=tried, fold=fold, arm=arm, data_scale=data_scale)
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
    students = trainings.settings.students
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
        scores=score(
            train,
            trainings.fold.validation,
            trainings.settings,
            f"{name} on validation problems",
            "student",
            trainings.adapted,
        ),
        label=f"judge {name}",
    )
