"""A key-value cache for attention with spare room."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):
    """A layer's cache that doubles its room when full; transformers' own is copied at every token."""

    keys: torch.Tensor | None
    values: torch.Tensor | None
    _room: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        used = self.get_seq_length()
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        rows, heads, new, width = key_states.shape
        need = used + new
        if self._room is None or self._room[0].shape[0] != rows or self._room[0].shape[2] < need:
            shape = (rows, heads, max(2 * need, 64))
            keys, values = (
                key_states.new_empty(*shape, width),
                value_states.new_empty(*shape, value_states.shape[3]),
            )
            if self.keys is not None and self.values is not None and used:
                keys[:, :, :used], values[:, :, :used] = self.keys, self.values
            self._room = keys, values
        keys, values = self._room
        keys[:, :, used:need], values[:, :, used:need] = key_states, value_states
        self.keys, self.values = keys[:, :, :need], values[:, :, :need]
        return self.keys, self.values

    def select(self, rows: torch.Tensor) -> None:
        """Keeps rows of the batch in the given order; a row may be repeated."""
        assert self.keys is not None and self.values is not None
        self._room = None
        self.keys, self.values = self.keys[rows], self.values[rows]
