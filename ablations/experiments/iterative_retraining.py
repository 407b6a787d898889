"""Iterative retraining: the selector is trained again on all that is labelled so far (the paper's 4.2).

A first selector is trained on few solutions per problem, drawn uniformly. In every round the current selector
scores the pool, the most convincing wrong answers not yet labelled are bought, and a new selector is trained
on all labels; the last one is the result. The paper found this unstable, and no cause. Here each round's
selector is judged on test problems, and measured: the order of its scores against the round before, the class
balance and near-duplicates of what was chosen, its calibration on it and on the pool. The ways are

* ``train_on``: a round's selector goes on from the weights of the one before;
* ``from_base``: it starts from the base with a new head (one remedy);
* ``uniform_share``: ``train_on``, and a share of each round's budget is drawn uniformly (the other remedy);
* ``one_shot``: the first selector chooses the whole budget at once; trained from the base.

    ablations run iterative_retraining --scale small          (two cores: about 25 minutes)

In all ways, a round trains like any training on as many labels, with a fresh optimizer and schedule, at the
learning rate chosen for process supervision on as many uniform solutions.

Expected: the paper's instability, if it comes from training on, is seen in ``train_on`` and not in
``from_base``; if it comes from what is chosen, it is less in ``uniform_share``.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablations.acquisition.strategies import AcquisitionSettings
from ablations.engine.experiment import Plan
from ablations.engine.step import Task
from ablations.experiments import scales
from ablations.experiments.definition import experiment
from ablations.experiments.fold import Fold, drawn_task, opinion_task
from ablations.experiments.scales import SupervisionSettings, process_alone
from ablations.experiments.settings import each_once
from ablations.experiments.sources import folds_of
from ablations.experiments.trainings import Trainings, cell_task, records_task, references_task
from results.vocabulary import FIRST, WAYS

ACQUISITION = "convincing_wrong_answers"
"""How every round after the first chooses."""


@dataclass(frozen=True, kw_only=True)
class IterativeRetrainingSettings(SupervisionSettings):
    """All that decides the experiment's records; `data_scales` are the totals labelled after each round."""

    arms: tuple[str, ...] = ("process",)
    """Forms of supervision; process alone."""
    ways: tuple[str, ...] = tuple(WAYS)
    """How a round's selector comes about."""
    uniform_share: float = 0.25
    """Of `uniform_share`: share of each round's budget that is drawn uniformly."""
    acquisition: AcquisitionSettings = AcquisitionSettings()
    """How convincing wrong answers are chosen, and what counts as a near-duplicate."""

    def __post_init__(self) -> None:
        super().__post_init__()
        process_alone(self.arms)
        if len(self.data_scales) < 2:
            raise ValueError(
                f"data_scales: found {list(self.data_scales)}; allowed: two or more, one a round"
            )
        each_once("ways", self.ways, WAYS)
        if not 0 < self.uniform_share <= 1:
            raise ValueError(f"uniform_share: found {self.uniform_share}; allowed: above 0, to 1")


_RETRAINING: dict[str, dict[str, Any]] = {
    # Of the two solutions that `supervision` draws at this scale too few are distinct for a second round.
    "smoke": dict(data_scales=(1, 2, 3), pool_samples=6),
    "quick": dict(data_scales=(1, 2, 4)),
    "small": dict(data_scales=(1, 2, 4, 8)),
    "paper": dict(data_scales=(1, 5, 20, 100)),
}
_POOL_TOTALS = {"smoke": (1, 2), "quick": (1, 2, 4), "small": (1, 2, 4, 8), "paper": (1, 2, 4, 8)}


def settings(
    scale: str, world: str | None, pool: Path | None, labeler: str | None
) -> IterativeRetrainingSettings:
    """Those of `supervision` at the same scale, whose artifacts are used again, and the rounds."""
    given = scales.settings(scale, world, pool, labeler)
    chosen = _RETRAINING[scale]
    if pool is not None:
        totals = tuple(total for total in _POOL_TOTALS[scale] if total <= given.pool_samples)
        chosen = dict(data_scales=totals)
    return scales.extended(IterativeRetrainingSettings, given, arms=("process",), **chosen)


def plan(settings: IterativeRetrainingSettings) -> Plan:
    """Iterative retraining: is a selector steady that is trained again every round (the paper's 4.2)?"""
    folds = folds_of(settings)
    cells = []
    for seed in range(settings.seeds):
        first = [_Round.first(settings, fold, seed) for fold in folds]
        cells.append(_cell(first))
        for way in settings.ways:
            rounds = first
            for level in range(1, len(settings.data_scales)):
                if way == "one_shot" and level < len(settings.data_scales) - 1:
                    continue
                rounds = [one.next(way, level) for one in rounds]
                cells.append(_cell(rounds))
    references = references_task(settings, folds)
    records = records_task("iterative_retraining", settings, tuple(cells), references)
    return Plan(targets=(*cells, references), records=records)


@dataclass(frozen=True, kw_only=True)
class _Round:
    """One round of one way and seed in one fold."""

    settings: IterativeRetrainingSettings
    fold: Fold
    seed: int
    chosen: Task
    """What it labels."""
    trainings: Trainings
    """The selector that is taught all that is labelled after it."""
    previous: "_Round | None" = None
    """The round whose selector chose."""

    @classmethod
    def first(cls, settings: IterativeRetrainingSettings, fold: Fold, seed: int) -> "_Round":
        """Few solutions per problem, drawn uniformly: the selector of `active_learning`."""
        total = settings.data_scales[0]
        chosen = drawn_task(fold.train, total, seed, f"x{total} seed {seed}{fold.name}")
        trainings = Trainings(
            settings=settings,
            fold=fold,
            arm="process",
            data_scale=total,
            rate_of=_uniform(settings, fold, total),
            variant=FIRST,
            level=0.0,
        )
        return cls(settings=settings, fold=fold, seed=seed, chosen=chosen, trainings=trainings)

    def next(self, way: str, level: int) -> "_Round":
        """What this round's selector chooses, and the selector that is taught it too."""
        total = self.settings.data_scales[level]
        given, share = self.settings.acquisition, self.settings.uniform_share
        chosen = Task(
            stage="acquired",
            config={
                "acquisition": ACQUISITION,
                "budget": total - self.trainings.data_scale,
                "seed": [self.seed, level],
                "wrong_fraction": given.wrong_fraction,
                "similarity": given.similarity,
            }
            | ({"uniform_share": share} if way == "uniform_share" else {}),
            inputs={"samples": self.fold.train, "opinions": (self.opinion,), "taken": self.chosen},
            label=f"choose {way} x{total} seed {self.seed}{self.fold.name}",
            weight=2,
        )
        trainings = Trainings(
            settings=self.settings,
            fold=self.fold,
            arm="process",
            data_scale=total,
            acquisition=ACQUISITION,
            acquired=lambda seed: chosen,
            start=self.trainings if way in ("train_on", "uniform_share") else None,
            rate_of=_uniform(self.settings, self.fold, total),
            variant=way,
            level=float(level),
        )
        return replace(self, chosen=chosen, trainings=trainings, previous=self)

    @property
    def opinion(self) -> Task:
        """What its selector thinks of the pool."""
        return opinion_task(
            self.trainings.model(self.seed),
            self.fold.train,
            self.settings,
            f"{self.trainings.name} seed {self.seed}{self.fold.name}",
            "student",
            steps=True,
        )


def _uniform(settings: IterativeRetrainingSettings, fold: Fold, total: int) -> Trainings:
    """Process supervision on as many uniform solutions, from the base: its learning rate is every way's."""
    return Trainings(settings=settings, fold=fold, arm="process", data_scale=total)


def _cell(rounds: list[_Round]) -> Task:
    """One round's selector, judged on test problems and measured; or one a fold."""
    first = rounds[0]
    previous = tuple(one.previous.opinion for one in rounds if one.previous is not None)
    measured = Task(
        stage="instability",
        config={
            "threshold": first.settings.labeler.threshold,
            "similarity": first.settings.acquisition.similarity,
            "bins": 10,
        },
        inputs={
            "samples": tuple(one.fold.train for one in rounds),
            "labels": tuple(one.fold.train_labels for one in rounds),
            "chosen": tuple(one.chosen for one in rounds),
            "opinions": tuple(one.opinion for one in rounds),
        }
        | ({"previous": previous} if previous else {}),
        label=f"measure {first.trainings.name} seed {first.seed}",
        weight=2,
    )
    return cell_task([one.trainings for one in rounds], first.seed, (measured,))


ITERATIVE_RETRAINING = experiment(settings, plan)
