"""Artifacts that no run and no sweep refers to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ablations.engine.store import Store

ARTIFACTS_FILE = "artifacts.txt"
"""File in a sweep's out folder with the addresses of all that its trials read and made, one per line."""


@dataclass(frozen=True, kw_only=True)
class Unused:
    """An artifact that no run or sweep refers to."""

    address: str
    """`<step>/<key>`."""
    size: int
    """Size in bytes."""


def unused(store: Store, used: Collection[str]) -> list[Unused]:
    """Returns the artifacts of a store whose addresses are not in ``used``, sorted by address."""
    return [
        Unused(address=address, size=store.size(address))
        for address in store.addresses()
        if address not in used
    ]


def of_sweeps(runs: Path) -> dict[Path, set[str]]:
    """Returns the addresses that sweeps refer to, by the file that lists them."""
    files = sorted({*runs.glob(f"*/{ARTIFACTS_FILE}"), *runs.glob(f"*/*/{ARTIFACTS_FILE}")})
    return {file: set(file.read_text(encoding="utf-8").split()) for file in files}


def remove(store: Store, found: Collection[Unused]) -> list[Unused]:
    """Deletes artifacts, except those that a process is working on.

    Returns:
        The deleted artifacts.
    """
    return [one for one in found if store.discard(one.address)]
