"""Where an experiment's solutions and labels come from: the embedded world, or the folds of a pool."""

from ablations.experiments.embedded import embedded_fold
from ablations.experiments.fold import Fold
from ablations.experiments.pool import pool_folds
from ablations.experiments.scales import SupervisionSettings


def folds_of(settings: SupervisionSettings) -> list[Fold]:
    """The folds of an experiment: those of its pool, or the single one of an embedded world."""
    return pool_folds(settings) if settings.pool is not None else [embedded_fold(settings)]
