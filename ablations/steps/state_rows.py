"""Solutions as rows of stored states, for the training and scoring of heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ablations.data.artifacts import Samples
from ablations.data.states import States, table_of
from lightning_modules.encoding import Encoded

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from lightning_modules.state_head import StateHead


class StateRows:
    """The states of one layer, from one or more artifacts, with consecutively numbered rows."""

    def __init__(self, *, layer: int, pooled: bool) -> None:
        """
        Args:
            layer: layer of the states.
            pooled: whether a solution ends with the mean of its states rather than the last one.
        """
        self.layer, self.pooled = layer, pooled
        self._parts: list[States] = []

    def encoded(self, states: States, samples: Samples) -> list[Encoded]:
        """Encodes samples by the rows of their states in an artifact."""
        first = 0
        for part in self._parts:
            if part.shards == states.shards:
                break
            first += part.rows
        else:
            self._parts.append(states)
        return states.encoded(samples, pooled=self.pooled, first_row=first)

    def attach(self, backbone: PreTrainedModel, standardize_by: list[Encoded] | None = None) -> None:
        """Gives a head its table of states, standardized by the rows of solutions if any are given."""
        head = cast("StateHead", backbone)
        head.table = table_of(self._parts, self.layer)
        if standardize_by is not None:
            head.standardize(head.table[np.unique(np.concatenate([e.ids for e in standardize_by]))])
