"""Artifacts that no run and no sweep refers to."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ablations.engine.store import Store

ARTIFACTS_FILE = "artifacts.txt"
"""File in a sweep's out folder with the addresses of all that its trials read and made, one per line."""


def find_unused(store: Store, used: Collection[str]) -> dict[str, int]:
    """Returns the sizes in bytes of the artifacts that are not in ``used``, by address."""
    return {address: store.size(address) for address in store.addresses() if address not in used}


def sweep_addresses(runs: Path) -> dict[Path, set[str]]:
    """Returns the addresses that sweeps refer to, by the file that lists them."""
    files = sorted({*runs.glob(f"*/{ARTIFACTS_FILE}"), *runs.glob(f"*/*/{ARTIFACTS_FILE}")})
    return {file: set(file.read_text(encoding="utf-8").split()) for file in files}
