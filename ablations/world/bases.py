"""The worlds' base models: how they are made, and those shipped with the package.

A base is a transformers folder (config, safetensors, tokenizer) with a ``manifest.json`` on how it was made.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_modules.presets import PRESETS, Precision

SHIPPED = Path(__file__).parent / "bases"
MIN_BATCH_TOKENS = 600
"""Minimum number of tokens per batch; smaller batches could not hold the longest contexts."""


@dataclass(frozen=True, kw_only=True)
class Pretraining:
    """Recipe for a base: pretraining at a constant learning rate, then MathMix while it falls to zero."""

    preset: str
    """Key in ``PRESETS``."""
    updates: int
    """Optimizer updates of both phases together."""
    mathmix: float = 0.3
    """Share of the updates that are MathMix finetuning: new text of the same kind, falling learning rate."""
    batch_tokens: int = 1536
    """Maximum number of tokens per update, padding included."""
    learning_rate: float = 2e-3
    """Peak learning rate."""
    precision: Precision = "32-true"
    seed: int = 1
    """Seed for the weights and the text."""

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset: found {self.preset!r}; allowed: {sorted(PRESETS)}")
        if self.batch_tokens < MIN_BATCH_TOKENS:
            raise ValueError(f"batch_tokens: found {self.batch_tokens}; allowed: {MIN_BATCH_TOKENS} or more")
        if self.updates < 1 or not 0 < self.mathmix < 1:
            raise ValueError(
                f"updates, mathmix: found {self.updates}, {self.mathmix}; allowed: >= 1, within (0, 1)"
            )


TINY = Pretraining(preset="tiny", updates=20, batch_tokens=1000)
"""Recipe for tests of the machinery: the base learns next to nothing."""


def shipped_base(world: str, size: str) -> Path:
    """Returns the folder of a shipped base model.

    Raises:
        ValueError: no base of that world and size is shipped.
    """
    folder = SHIPPED / world / size
    if not (folder / "manifest.json").is_file():
        manifests = SHIPPED.glob("*/*/manifest.json")
        shipped = sorted(path.parent.relative_to(SHIPPED).as_posix() for path in manifests)
        raise ValueError(f"base model {world}/{size}: not shipped; allowed: {shipped}")
    return folder


def read_manifest(world: str, size: str) -> dict[str, Any]:
    """Reads how a shipped base model was made."""
    path = shipped_base(world, size) / "manifest.json"
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest
