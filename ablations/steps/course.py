"""How long, at what learning rate, and on which device a checkpoint is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ablations.data.field_types import Count, Positive, Range, Seed, check_fields
from ablations.labelers.choice import Device
from lightning_modules.presets import Precision


@dataclass(frozen=True, kw_only=True)
class Course:
    """Settings of a training run; with the data and the base, they decide the weights."""

    epochs: Count
    """Passes over the data."""
    updates: Count | None = None
    """Total optimizer updates, instead of whole passes; None: what the passes take."""
    batch: Count
    """Size of an update: most tokens of text, or number of solutions with their alternatives."""
    learning_rate: Positive
    """Highest learning rate."""
    max_length: Annotated[int, Range(least=2)] | None = None
    """Most tokens that are read at once; None: the kind of training decides."""
    seed: Seed = 0
    """Seed of all random draws."""
    device: Device = "cpu"
    """Device that it runs on."""
    precision: Precision = "32-true"
    """Precision of computation; weights are kept in float32."""

    def __post_init__(self) -> None:
        check_fields(self)

    def total(self, of_pass: int) -> int:
        """Returns the total number of updates, if a pass takes ``of_pass``."""
        return self.epochs * of_pass if self.updates is None else self.updates

    def length(self, positions: int | None, default: int | None = None) -> int | None:
        """Returns the most tokens that are read at once.

        Args:
            positions: number of positions that the model has; None: unknown.
            default: limit if ``max_length`` is None, unless the model has fewer positions; None: no limit.

        Raises:
            ValueError: ``max_length`` exceeds the model's positions.
        """
        return most_tokens(self.max_length, positions, default)


def most_tokens(max_length: int | None, positions: int | None, default: int | None = None) -> int | None:
    """Returns the most tokens that are read at once; see `Course.length`.

    Raises:
        ValueError: ``max_length`` exceeds the model's positions.
    """
    if max_length is None:
        known = [limit for limit in (positions, default) if limit is not None]
        return min(known, default=None)
    if positions is not None and max_length > positions:
        raise ValueError(
            f"max_length: found {max_length}; allowed: at most {positions}, the positions that the model has"
        )
    return max_length
