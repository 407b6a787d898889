"""The source of an experiment's solutions and labels: the embedded world, or the folds of a pool."""

from ablations.experiments.fold import Fold
from ablations.experiments.pool_folds import pool_folds
from ablations.experiments.scales import SupervisionSettings
from ablations.experiments.world_fold import embedded_fold


def folds_of(settings: SupervisionSettings) -> list[Fold]:
    """Returns the folds of an experiment: those of its pool, or the single fold of an embedded world."""
    return pool_folds(settings) if settings.pool is not None else [embedded_fold(settings)]
