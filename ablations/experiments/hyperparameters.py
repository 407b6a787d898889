"""Hyperparameters that matter to each form of supervision (the paper swept on the first ~10% of its labels).

One hyperparameter at a time is varied around a center, in the same way for every form of supervision, on a
tenth of the labels of the largest data scale: fewer solutions per problem. Models are evaluated only on
validation problems.

    ablations run hyperparameters --scale small
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypedDict

import yaml

from ablations.data.artifacts import RECORDS
from ablations.data.field_types import Count, NotNegative, PartShare, Positive, Share, check_fields
from ablations.engine.experiment import Plan
from ablations.experiments.definition import experiment
from ablations.experiments.fold import TrainingFold
from ablations.experiments.run_settings import StudentRunSettings, check_arms, check_data_scale
from ablations.experiments.scales import at_scale, shared
from ablations.experiments.source_settings import WorldSettings
from ablations.experiments.trainings import gather_records
from ablations.experiments.trials import OF_LABELER, PLAIN, Hyperparameters, trial
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.validate import Shown
from ablations.supervision import TARGETS, LabelerArm
from results.writing import write_text

CARRIED = "supervision.yaml"
"""File with the sweep's result for `supervision`, as its `--config` takes it."""


@dataclass(frozen=True, kw_only=True)
class Levels:
    """Values to try for each hyperparameter in addition to the center's; none: it is not varied."""

    learning_rate: tuple[Positive, ...] = ()
    """Peak learning rates."""
    batch_size: tuple[Count, ...] = ()
    """Solutions per update."""
    max_updates: tuple[Count, ...] = ()
    """Maximum numbers of updates."""
    warmup: tuple[Share, ...] = ()
    """Shares of the updates in which the learning rate rises."""
    weight_decay: tuple[NotNegative, ...] = ()
    """Weight decays."""
    threshold: tuple[Share, ...] = ()
    """P(negative) above which a step is incorrect; only for supervision by the labeler."""
    dropout: tuple[PartShare, ...] = ()
    """Dropout before the head."""
    soft_targets: tuple[bool, ...] = ()
    """Whether targets are probabilities rather than decisions; only for supervision by the labeler."""

    def __post_init__(self) -> None:
        check_fields(self, "levels.")


@dataclass(frozen=True, kw_only=True)
class HyperparametersSettings(StudentRunSettings):
    """Settings of the experiment; the center is `students` and the labeler's threshold."""

    source: WorldSettings
    """The embedded world."""
    arms: tuple[str, ...] = ("process", "prm_outcome", "final_answer")
    """Forms of supervision."""
    data_scale: int
    """Solutions labeled per problem."""
    levels: Levels
    """Values to try."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_arms(self.arms, self.source)
        check_data_scale(self.data_scale, self.source)
        if len(self.students.learning_rates) != 1:
            raise ValueError(
                f"students.learning_rates: found {list(self.students.learning_rates)}; allowed: one, the "
                "center's"
            )
        for name in ("process_epochs", "outcome_epochs"):
            if (epochs := getattr(self.students, name)) is not None:
                raise ValueError(
                    f"students.{name}: found {epochs}; allowed: null, because all arms get the same effort"
                )
        for name, values in asdict(self.levels).items():
            if len(set(values)) != len(values):
                raise ValueError(f"levels.{name}: found {list(values)}; allowed: each once")
            for value in values:
                try:
                    replace(self.center, **{name: value}).students(self.students)
                except ValueError as error:
                    raise ValueError(f"levels.{name}: {error}") from error

    @property
    def center(self) -> Hyperparameters:
        """The point around which the others are varied."""
        return Hyperparameters.of(self.students, self.source.labeler.threshold)

    def points(self, arm: str) -> dict[Hyperparameters, list[Shown]]:
        """Returns an arm's points, each with its place on every curve that it lies on."""
        points: dict[Hyperparameters, list[Shown]] = {self.center: [PLAIN]}
        for name, values in asdict(self.levels).items():
            curve = sorted({*values, getattr(self.center, name)}) if values else []
            if len(curve) < 2 or (name in OF_LABELER and not isinstance(TARGETS[arm], LabelerArm)):
                continue
            for value in curve:
                points.setdefault(replace(self.center, **{name: value}), []).append((name, float(value)))
        return points


class _AtScale(TypedDict, total=False):
    seeds: int
    levels: Levels
    device: str


_SWEPT: dict[str, _AtScale] = {
    "smoke": dict(
        levels=Levels(
            learning_rate=(1e-3,), max_updates=(2,), threshold=(0.4,), dropout=(0.1,), soft_targets=(True,)
        )
    ),
    "quick": dict(levels=Levels(learning_rate=(1.5e-3, 6e-3), max_updates=(100,), threshold=(0.4,))),
    "small": dict(
        seeds=8,
        levels=Levels(
            learning_rate=(7.5e-4, 1.5e-3, 6e-3, 1.2e-2),
            batch_size=(16, 64),
            max_updates=(100, 400),
            threshold=(0.1, 0.4),
        ),
    ),
    "paper": dict(
        levels=Levels(
            learning_rate=(2.5e-4, 5e-4, 2e-3, 4e-3),
            batch_size=(16, 32, 128, 256),
            max_updates=(1250, 2500, 10_000),
            warmup=(0.01, 0.2),
            weight_decay=(0.001, 0.1),
            threshold=(0.05, 0.1, 0.4),
            dropout=(0.1,),
            soft_targets=(True,),
        )
    ),
}

_SHARE = 0.1
"""Share of the labels at the largest data scale of `supervision`."""
_PAPER_UPDATES = 5000
"""Maximum updates of the center; fewer than on all labels, because there is a tenth of them."""


def settings(scale: str, source: WorldSettings) -> HyperparametersSettings:
    """Returns the defaults of a scale, around the (lower) middle learning rate of `supervision`."""
    usual = shared(scale, source)
    rates = usual.students.learning_rates
    students = replace(
        usual.students,
        learning_rates=(rates[(len(rates) - 1) // 2],),
        max_updates=_PAPER_UPDATES if scale == "paper" else usual.students.max_updates,
    )
    data_scale = max(1, round(_SHARE * usual.data_scales[-1]))
    return at_scale(
        HyperparametersSettings, scale, source, students=students, data_scale=data_scale, **_SWEPT[scale]
    )


def training_fold(settings: HyperparametersSettings) -> TrainingFold:
    """Returns the fold that trials train on, from which no test problem can be reached."""
    return embedded_fold(settings.source, settings.device, settings.students).training


def plan(settings: HyperparametersSettings) -> Plan:
    """Which hyperparameters matter to which supervision, on validation problems (the paper's sweeps)."""
    students, fold, data_scale = settings.students, training_fold(settings), settings.data_scale
    trials = tuple(
        trial(students, fold, arm=arm, data_scale=data_scale, point=point, seed=seed, shown=shown)
        for arm in settings.arms
        for point, shown in settings.points(arm).items()
        for seed in range(settings.seeds)
    )
    return Plan(targets=trials, records=gather_records("hyperparameters", settings, trials, None))


def carry(settings: HyperparametersSettings, out: Path) -> None:
    """Writes the grid from which `supervision` chooses each arm's learning rate: the best ones, bracketed.

    The grid extends from the rate below the lowest best one to the rate above the highest, where these were
    tried. Nothing else carries over: `supervision` trains all arms at one batch size, and combinations of
    changes were not tried. Problems, samples and labeler are those of the sweep.
    """
    from results.analyses.sensitivity import best_learning_rates
    from results.records import read_records

    best = best_learning_rates(read_records(out / RECORDS))
    if not best:
        return
    tried = sorted({*settings.levels.learning_rate, *settings.students.learning_rates})
    low, high = (tried.index(rate) for rate in (min(best.values()), max(best.values())))
    content = {
        "experiment": "supervision",
        "scale": settings.scale,
        "world": settings.source.world,
        "settings": {
            "source": asdict(settings.source),
            "students": {"learning_rates": tried[max(low - 1, 0) : high + 2]},
        },
    }
    lines = "".join(f"# {arm}: {rate:g}\n" for arm, rate in best.items())
    write_text(
        out / CARRIED,
        f"# Best learning rate of each arm on validation problems, with {settings.data_scale} labeled per "
        f"problem:\n{lines}{yaml.safe_dump(content, sort_keys=False)}",
    )
    print(out / CARRIED)


HYPERPARAMETERS = experiment(
    settings,
    plan,
    also=carry,
    no_pool="by cross-fitting every problem of a pool is a test problem of some fold, and none may be seen",
)
