"""A key-value cache for attention with spare room."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):
    """A layer's cache that doubles its room when full; transformers' own is copied at every token."""

    keys: torch.Tensor | None
    values: torch.Tensor | None
    _room: tuple[torch.Tensor, ...] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        used = self.get_seq_length()
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        need = used + key_states.shape[2]
        if not used:
            self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        if self._room is None or self._room[0].shape[2] < need:
            self._make_room(2 * need)
        assert self._room is not None
        for room, states in zip(self._room, (key_states, value_states), strict=True):
            room[:, :, used:need] = states
        self.keys, self.values = (room[:, :, :need] for room in self._room)
        return self.keys, self.values

    def repeat(self, rows: torch.Tensor) -> None:
        """Replaces the batch by copies of its rows; a row may be repeated."""
        self._make_room(2 * self.get_seq_length(), rows)

    def shrink(self, count: int, holes: torch.Tensor, rows: torch.Tensor) -> None:
        """Keeps the first `count` rows of the batch, after `rows` moved to `holes`, without new memory."""
        assert self._room is not None
        used = self.get_seq_length()
        for room in self._room:
            holes, rows = holes.to(room.device), rows.to(room.device)
            room[holes, :, :used] = room[:, :, :used].index_select(0, rows)
        self._room = tuple(room[:count] for room in self._room)
        self.keys, self.values = (room[:, :, :used] for room in self._room)

    def _make_room(self, length: int, rows: torch.Tensor | None = None) -> None:
        """Moves the states, or copies of `rows`, to tensors with room for at least `length` tokens."""
        assert self.keys is not None and self.values is not None
        used = self.get_seq_length()
        self._room = None  # the old keys are freed before the new values take memory
        key_room = _with_room(self.keys, max(length, 64), rows)
        self.keys = key_room[:, :, :used]
        value_room = _with_room(self.values, max(length, 64), rows)
        self.values = value_room[:, :, :used]
        self._room = (key_room, value_room)


def _with_room(states: torch.Tensor, length: int, rows: torch.Tensor | None) -> torch.Tensor:
    if rows is not None:
        states = states[rows]
    count, heads, used, width = states.shape
    room = states.new_empty(count, heads, length, width)
    room[:, :, :used] = states
    return room
