"""Artifacts that no run refers to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ablations.store import Store


@dataclass(frozen=True, kw_only=True)
class Unused:
    """An artifact that no run refers to."""

    address: str
    """`<stage>/<key>`."""
    size: int
    """Bytes."""


def unused(store: Store, used: Collection[str]) -> list[Unused]:
    """The artifacts of a store but for those at some addresses, by address."""
    return [
        Unused(address=address, size=store.size(address))
        for address in store.addresses()
        if address not in used
    ]


def remove(store: Store, found: Collection[Unused]) -> list[Unused]:
    """Deletes artifacts; those that some process works on at the moment stay.

    Returns:
        What was deleted.
    """
    return [one for one in found if store.discard(one.address)]
