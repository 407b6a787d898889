"""A key-value cache for attention with room to grow."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):
    """A layer's cache that doubles its room when full; the one in transformers is copied at every token."""

    keys: torch.Tensor | None
    values: torch.Tensor | None
    _room: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        used = self.get_seq_length()
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        need = used + key_states.shape[2]
        if (
            self._room is None
            or self._room[0].shape[0] != key_states.shape[0]
            or self._room[0].shape[2] < need
        ):
            shape = (*key_states.shape[:2], max(2 * need, 64), key_states.shape[3])
            grown = key_states.new_empty(shape), value_states.new_empty(shape[:3] + value_states.shape[3:])
            if self.keys is not None and self.values is not None and used:
                grown[0][:, :, :used], grown[1][:, :, :used] = self.keys, self.values
            self._room = grown
        keys, values = self._room
        keys[:, :, used:need], values[:, :, used:need] = key_states, value_states
        found = keys[:, :, :need], values[:, :, :need]
        self.keys, self.values = found
        return found

    def select(self, rows: torch.Tensor) -> None:
        """Keeps `rows` of the batch, in that order, each as often as it is listed."""
        assert self.keys is not None and self.values is not None
        self._room = None
        self.keys, self.values = self.keys[rows], self.values[rows]
