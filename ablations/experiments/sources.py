"""The folds of an experiment's source: the single one of an embedded world, or those of a pool."""

from ablations.experiments.fold import Fold
from ablations.experiments.pool_folds import pool_folds
from ablations.experiments.run_settings import StudentRunSettings
from ablations.experiments.source_settings import PoolSettings
from ablations.experiments.world_fold import embedded_fold


def folds_of(settings: StudentRunSettings) -> list[Fold]:
    """Returns the folds of an experiment with students."""
    source, device, students = settings.source, settings.device, settings.students
    if isinstance(source, PoolSettings):
        return pool_folds(source, device, students)
    return [embedded_fold(source, device, students)]
