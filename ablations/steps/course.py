"""Settings of the training run of a checkpoint: length, learning rate, device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from ablations.data.field_types import Count, Positive, Range, Seed, check_fields
from ablations.labelers.choice import Device
from lightning_modules.presets import Precision


@dataclass(frozen=True, kw_only=True)
class Course:
    """Settings of a training run; with data and base, they decide the weights."""

    epochs: Count
    """Passes over the data."""
    updates: Count | None = None
    """Total optimizer updates, instead of whole passes; None: those of the passes."""
    batch: Count
    """Size of an update: maximum tokens of text, or number of solutions with their alternatives."""
    learning_rate: Positive
    """Peak learning rate."""
    max_length: Annotated[int, Range(least=2)] | None = None
    """Maximum tokens that are read at once; None: the kind of training decides."""
    seed: Seed = 0
    """Seed of all random draws."""
    device: Device = "cpu"
    """Device: cpu or cuda."""
    precision: Precision = "32-true"
    """Precision of computation; weights are kept in float32."""

    def __post_init__(self) -> None:
        check_fields(self)

    def total(self, per_pass: int) -> int:
        """Returns the total number of updates, given those of a pass."""
        return self.epochs * per_pass if self.updates is None else self.updates


def most_tokens(max_length: int | None, config: Any, default: int | None = None) -> int | None:
    """Returns the maximum tokens that are read at once.

    Args:
        max_length: limit that the user sets, if any.
        config: the model's config.
        default: limit if the user sets none, unless the model has fewer positions; None: no limit.

    Raises:
        ValueError: ``max_length`` exceeds the model's positions.
    """
    positions = getattr(config, "max_position_embeddings", None)
    if max_length is None:
        known = [limit for limit in (positions, default) if limit is not None]
        return min(known, default=None)
    if positions is not None and max_length > positions:
        raise ValueError(
            f"max_length: found {max_length}; allowed: at most {positions}, the positions that the model has"
        )
    return max_length
