"""Artifacts that no run and no sweep refers to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ablations.engine.store import Store

ARTIFACTS_FILE = "artifacts.txt"
"""What a sweep leaves in its out folder: the addresses of all that its trials read and made, one a line."""


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


def of_sweeps(runs: Path) -> dict[Path, set[str]]:
    """The addresses that sweeps refer to, by the file that says so."""
    files = sorted({*runs.glob(f"*/{ARTIFACTS_FILE}"), *runs.glob(f"*/*/{ARTIFACTS_FILE}")})
    return {file: set(file.read_text(encoding="utf-8").split()) for file in files}


def remove(store: Store, found: Collection[Unused]) -> list[Unused]:
    """Deletes artifacts; those that some process works on at the moment stay.

    Returns:
        What was deleted.
    """
    return [one for one in found if store.discard(one.address)]
