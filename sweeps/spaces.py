"""Search spaces, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Range:
    """A range of numbers, including both ends."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""
    log: bool = False
    """Whether every doubling is equally likely."""

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(
                f"low, high: found {self.low} and {self.high}; allowed: low below high, and above 0 if log"
            )


@dataclass(frozen=True, kw_only=True)
class Categorical:
    """A few values."""

    values: tuple[float | bool, ...]
    """Two or more distinct values."""

    def __post_init__(self) -> None:
        if len(self.values) < 2 or len(set(self.values)) != len(self.values):
            raise ValueError(f"values: found {list(self.values)}; allowed: two or more, each once")


@dataclass(frozen=True, kw_only=True)
class Space:
    """The hyperparameters to search, by their names in ``ablations.experiments.trials``."""

    of_all: Mapping[str, Range | Categorical]
    """Hyperparameters of every kind of supervision."""
    of_labeler: Mapping[str, Range | Categorical]
    """Additional hyperparameters of supervision that the labeler gives."""


_TRAINING: dict[str, Range | Categorical] = {
    "learning_rate": Range(low=2e-4, high=8e-3, log=True),
    "batch_size": Categorical(values=(16, 32, 64, 128)),
    "max_updates": Categorical(values=(0.25, 0.5, 1.0, 2.0)),  # multiples of the scale's updates
    "warmup": Range(low=0.0, high=0.3),
    "weight_decay": Range(low=1e-4, high=0.3, log=True),
    "dropout": Range(low=0.0, high=0.3),
}

SPACES: dict[str, Space] = {
    "reward_models": Space(
        of_all=_TRAINING,
        of_labeler={
            "threshold": Range(low=0.05, high=0.6),
            "soft_targets": Categorical(values=(False, True)),
        },
    ),
    "rates": Space(
        of_all={name: _TRAINING[name] for name in ("learning_rate", "max_updates")}, of_labeler={}
    ),
}
"""Name -> space."""
