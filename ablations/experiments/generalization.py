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
from ablations.engine.step import Step
from ablations.experiments import scales
from ablations.experiments.definition import experiment
from ablations.experiments.fold import Fold
from ablations.experiments.scales import SupervisionSettings
from ablations.experiments.settings import each_once
from ablations.experiments.trainings import (
    Trainings,
    evaluate_cell,
    evaluate_references,
    gather_records,
)
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.evaluate import EvaluateKind
from ablations.steps.evaluation_rows import Rows
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
            cell = evaluate_cell([trainings], seed)
            cells.append(cell)
            judged += [_judged(trainings, seed, cell, kind, fold) for kind, fold in folds.items()]
    lines = [evaluate_references(settings, [fold], kind) for kind, fold in folds.items()]
    references = evaluate_references(settings, [usual])
    records = gather_records("generalization", settings, (*cells, *judged, *lines), references)
    return Plan(targets=(*cells, *judged, *lines, references), records=records)


def _judged(trainings: Trainings, seed: int, cell: Step[Rows], kind: Kind, fold: Fold) -> EvaluateKind:
    """Evaluates a student on test problems of one kind."""
    assert fold.ratings is not None, "an embedded world has an oracle"
    which = f"{kind} test problems"
    return EvaluateKind(
        kind=kind,
        cell=cell,
        samples=fold.test,
        scores=trainings.scores_of(seed, fold.test, which),
        ratings=fold.ratings,
        label=f"judge {trainings.name} seed {seed} on {which}",
    )


GENERALIZATION = experiment(settings, plan)
