"""Default settings of an experiment."""

from pathlib import Path
from typing import Any

from ablations.experiments import EXPERIMENTS


def settings_of(
    experiment: str, scale: str, world: str | None = None, pool: Path | None = None, labeler: str = "sharp"
) -> Any:
    """Returns the defaults of an experiment at a scale, in a world or on a pool."""
    return EXPERIMENTS[experiment].settings(scale, world, pool, None if pool is None else labeler)
