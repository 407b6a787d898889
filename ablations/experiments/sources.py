"""Where an experiment's solutions and labels come from: the embedded world, or the folds of a pool."""

from ablations.experiments.embedded import embedded_part
from ablations.experiments.fold import Fold
from ablations.experiments.pool import fold_parts
from ablations.experiments.scales import SupervisionSettings


def parts_of(settings: SupervisionSettings) -> list[Fold]:
    """The parts of an experiment: one of the embedded world, or one a fold of the pool."""
    return fold_parts(settings) if settings.pool is not None else [embedded_part(settings)]
