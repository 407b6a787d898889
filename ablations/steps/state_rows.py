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
    """The states of one layer, from one artifact or several, with rows that are numbered through."""

    def __init__(self, *, layer: int, pooled: bool) -> None:
        """
        Args:
            layer: layer of the states.
            pooled: whether a solution ends with the mean of its states rather than with its last one.
        """
        self.layer, self.pooled = layer, pooled
        self._parts: list[States] = []

    def encoded(self, states: States, samples: Samples) -> list[Encoded]:
        """Returns some solutions, whose states an artifact has, with their rows as tokens."""
        files = [known.shards for known in self._parts]
        if states.shards not in files:
            self._parts.append(states)
            files.append(states.shards)
        first = sum(known.rows for known in self._parts[: files.index(states.shards)])
        return states.encoded(samples, pooled=self.pooled, first_row=first)

    def attach(self, backbone: PreTrainedModel, standardize_by: list[Encoded] | None = None) -> None:
        """Gives a head its table, and standardizes it by the rows of some solutions if they are given."""
        head = cast("StateHead", backbone)
        head.table = table_of(self._parts, self.layer)
        if standardize_by is not None:
            head.standardize(head.table[np.unique(np.concatenate([one.ids for one in standardize_by]))])
