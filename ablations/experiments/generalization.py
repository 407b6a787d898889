"""Generalization (the paper's out-of-distribution test, on fresh STEM questions).

Evaluates the students and the labeler of `supervision` at one data scale, without retraining, on test
problems of each kind that the world has: usual ones, ones longer than any in training, and ones about facts
that are rare in training.

    ablations run generalization --scale quick

Expected: PRM above ORM above majority voting on every kind (the paper, best-of-100: 72.9, 63.8, 61.3).
"""

from dataclasses import dataclass
from pathlib import Path

from ablations.engine.experiment import Plan
from ablations.engine.step import Task
from ablations.experiments import scales
from ablations.experiments.definition import experiment
from ablations.experiments.fold import Fold, scores_task
from ablations.experiments.scales import SupervisionSettings
from ablations.experiments.settings import each_once
from ablations.experiments.trainings import Trainings, cell_task, records_task, references_task
from ablations.experiments.world_fold import embedded_fold
from ablations.world.world import JUDGED, Kind
from ablations.world.worlds import world_of

_NO_POOL = "pool: found {}; allowed: none, since only an embedded world draws problems of several kinds"


@dataclass(frozen=True, kw_only=True)
class GeneralizationSettings(SupervisionSettings):
    """Settings that determine the experiment's records; `data_scales` has a single element."""

    kinds: tuple[Kind, ...] = JUDGED
    """Kinds of test problems: usual, long, rare; a world may lack some."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pool is not None:
            raise ValueError(_NO_POOL.format(self.pool.path))
        assert self.world is not None
        each_once("kinds", self.kinds, world_of(self.world).kinds)
        if len(self.data_scales) != 1:
            raise ValueError(f"data_scales: found {list(self.data_scales)}; allowed: a single one")


def settings(scale: str, world: str | None, pool: Path | None, labeler: str | None) -> GeneralizationSettings:
    """Returns `supervision`'s settings at the same scale, to reuse artifacts, at its largest data scale."""
    if pool is not None:
        raise ValueError(_NO_POOL.format(pool))
    given = scales.settings(scale, world, pool, labeler)
    kinds = world_of(str(given.world)).kinds
    return scales.extended(GeneralizationSettings, given, data_scales=given.data_scales[-1:], kinds=kinds)


def plan(settings: GeneralizationSettings) -> Plan:
    """Students and labeler on longer problems and on rare facts (the paper's out-of-distribution test)."""
    usual = embedded_fold(settings)
    folds = {kind: embedded_fold(settings, kind) for kind in settings.kinds}
    (data_scale,) = settings.data_scales
    cells, judged = [], []
    for arm in settings.arms:
        trainings = Trainings(settings=settings, fold=usual, arm=arm, data_scale=data_scale)
        for seed in range(settings.seeds):
            cell = cell_task([trainings], seed)
            cells.append(cell)
            judged += [_judged(trainings, seed, cell, kind, fold) for kind, fold in folds.items()]
    lines = [references_task(settings, [fold], kind) for kind, fold in folds.items()]
    references = references_task(settings, [usual])
    records = records_task("generalization", settings, (*cells, *judged, *lines), references)
    return Plan(targets=(*cells, *judged, *lines, references), records=records)


def _judged(trainings: Trainings, seed: int, cell: Task, kind: Kind, fold: Fold) -> Task:
    """Evaluates a student on test problems of one kind."""
    name = f"{trainings.name} seed {seed} on {kind} test problems"
    scores = scores_task(trainings.model(seed), fold.test, trainings.settings, name, trainings.role)
    assert fold.ratings is not None, "an embedded world has an oracle"
    return Task(
        stage="of_kind",
        config={"kind": kind},
        inputs={"cell": cell, "samples": fold.test, "scores": scores, "ratings": fold.ratings},
        label=f"judge {name}",
    )


GENERALIZATION = experiment(settings, plan)
