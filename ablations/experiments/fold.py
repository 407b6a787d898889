"""One fold's data for training and evaluating students, and tasks on it; a world is a single fold."""

from dataclasses import dataclass, fields
from typing import Any

from ablations.engine.costs.work import Lengths, Role, scoring
from ablations.engine.step import Task
from ablations.experiments.scales import SupervisionSettings
from ablations.world.facts import FactWorld
from ablations.world.worlds import world_of

FACTS = Lengths(tokens=38, prompt=6.5, sharing=0.13, until_error=0.77, trained_row=64, scored_row=200)
"""Measured on 12,800 solutions to 200 problems of the world `facts`."""
ARITHMETIC = Lengths(tokens=70, prompt=17, sharing=0.23, until_error=0.7, trained_row=115, scored_row=200)
"""Measured on 169,600 solutions at scale `small` in the world `dropped`, laid out for both its backbones:
sharing on 1 to 128 solutions per problem, where it is accurate to 15%; beyond that it is an extrapolation."""
REAL = Lengths(
    tokens=300, prompt=55, sharing=0.03, until_error=0.93, trained_row=355, scored_row=400, slowness=2.3
)
"""Measured on 3,200 solutions to 100 problems of GSM8K, in the tokens of tokenizers trained on them."""
SECONDS_PER_TOKEN = {"small": 1 / 28_000, "large": 1 / 7_000}
"""Training time on one ordinary core, for estimates."""
SCORING_SPEED = 6
"""Tokens scored in the time that training on one token takes, for estimates."""


def lengths_of(world: str) -> Lengths:
    """Returns the typical lengths of solutions in an embedded world."""
    return FACTS if isinstance(world_of(world), FactWorld) else ARITHMETIC


@dataclass(frozen=True, kw_only=True)
class TrainingFold:
    """One fold's data for training and selecting students. No test problem can be reached from it."""

    base: Task
    """Small base model."""
    train: Task
    """Samples of the training problems."""
    train_labels: Task
    """The labeler's scores of them."""
    validation: Task
    """Samples of the validation problems."""
    problems: int
    """Number of training problems."""
    lengths: Lengths
    """Typical lengths of its solutions."""
    name: str = ""
    """Suffix for display that names the fold, if there are several."""
    train_ratings: Task | None = None
    """The oracle's ratings of the training samples; None where there is no oracle."""


@dataclass(frozen=True, kw_only=True)
class Fold(TrainingFold):
    """The artifacts of one fold; the embedded world is a single one."""

    test: Task
    """Samples of the test problems."""
    test_labels: Task
    """The labeler's scores of them."""
    ratings: Task | None = None
    """The oracle's ratings of the test samples."""
    large_prm: Task | None = None
    """The labeler's training in the embedded world: from the large base, on samples for its problems."""

    @property
    def training(self) -> TrainingFold:
        """The fold without its test data."""
        return TrainingFold(**{field.name: getattr(self, field.name) for field in fields(TrainingFold)})


def drawn_task(samples: Task, count: int, seed: int, label: str) -> Task:
    """Draws ``count`` solutions per problem uniformly, the same as a training with that seed draws itself."""
    return Task(
        stage="drawn",
        config={"count": count, "seed": seed},
        inputs={"samples": samples},
        label=f"draw {label}",
    )


def scores_task(
    model: dict[str, Any], samples: Task, settings: SupervisionSettings, label: str, role: Role
) -> Task:
    """Scores samples with a model."""
    return _scoring("scores", model, samples, settings, f"score {label}", role)


def opinion_task(
    model: dict[str, Any],
    samples: Task,
    settings: SupervisionSettings,
    label: str,
    role: Role,
    **more: bool,
) -> Task:
    """Computes a selector's opinion of samples; ``more`` goes into the stage's config."""
    return _scoring("opinion", model, samples, settings, f"opinion of {label}", role, **more)


def _scoring(
    stage: str,
    model: dict[str, Any],
    samples: Task,
    settings: SupervisionSettings,
    label: str,
    role: Role,
    **more: bool,
) -> Task:
    assert samples.texts is not None, "samples say how many they are"
    backbone = "large" if role == "large" else settings.students.backbone
    config = {
        "device": settings.students.device,
        "max_length": settings.pool.max_length if settings.pool else None,
    }
    return Task(
        stage=stage,
        config=config | more,
        inputs=model | {"samples": samples},
        label=label,
        weight=samples.texts.tokens * seconds_per_token(backbone) / SCORING_SPEED + 2,
        work=(scoring(role, samples.texts),),
    )


def seconds_per_token(backbone: str) -> float:
    """Returns the training time per token for a model's size or preset."""
    return SECONDS_PER_TOKEN["large" if backbone == "large" else "small"]
