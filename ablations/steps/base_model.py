"""The base model of a training run: weights in the store, or a checkpoint that stays where it is.

A checkpoint's artifact records its name and the revision of its files. All stages load bases through this
module.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ablations.data.artifacts import MODEL, read_json, write_json
from ablations.engine.step import Context, Inputs, one
from ablations.labelers.checkpoints import Checkpoint, find_checkpoint
from lightning_modules.tokenization import has_chat_template

CHECKPOINT = "checkpoint.json"


@dataclass(frozen=True, kw_only=True)
class Base:
    """A model that training starts from."""

    folder: Path
    """Folder with its config, weights and tokenizer."""
    checkpoint: dict[str, str] | None = None
    """Name, revision and architecture of a checkpoint that the user named; None: the base is in the store."""


def said_of(base: Base, tokenizer: Any) -> dict[str, Any]:
    """Returns what the facts of a training run say about its base, if the user named it."""
    if base.checkpoint is None:
        return {}
    return {"checkpoint": {**base.checkpoint, "chat_template": has_chat_template(tokenizer)}}


def checkpoint(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Records which checkpoint ``context.local`` names, without copying weights. Config: revision."""
    name = context.local["checkpoint"]
    found = unchanged(name, config["revision"])
    write_json(
        out / CHECKPOINT,
        {"name": name, "revision": config["revision"], "architecture": found.config.get("model_type")},
    )


def base_of(inputs: Inputs) -> Base:
    """Returns the base of the input ``base``.

    Raises:
        ValueError: it is a checkpoint whose files are missing or have changed.
    """
    artifact = one(inputs, "base")
    if (artifact / MODEL).is_dir():
        return Base(folder=artifact / MODEL)
    named = read_json(artifact / CHECKPOINT)
    return Base(folder=unchanged(named["name"], named["revision"]).folder, checkpoint=named)


def unchanged(name: str, revision: str) -> Checkpoint:
    """Returns a checkpoint that the user named, if its files are still those that the plan found.

    Raises:
        ValueError: it is missing, or its files have changed.
    """
    found = find_checkpoint(name, "checkpoint")
    now = revision_of(found)
    if now != revision:
        raise ValueError(
            f"checkpoint {name}: found revision {now[:12]}; allowed: {revision[:12]}, its files as they were "
            "planned"
        )
    return found


def revision_of(found: Checkpoint) -> str:
    """Returns a checkpoint's revision; this process rereads files only if they have changed."""
    stats = ((path.name, path.stat()) for path in sorted(found.folder.iterdir()))
    return _revision(str(found.folder), tuple((name, s.st_size, s.st_mtime_ns) for name, s in stats))


@lru_cache
def _revision(folder: str, stats: tuple[tuple[str, int, int], ...]) -> str:
    return find_checkpoint(folder, "checkpoint").revision()
