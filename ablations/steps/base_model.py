"""Causal language models as artifacts: weights in the store, or a checkpoint that stays where it is.

A checkpoint's artifact records its name and the revision of its files.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.data.json_files import Json, read_json, write_json
from ablations.data.models import MODEL, NamedBase, SavedModel
from ablations.engine.step import Context, Step, apart
from ablations.labelers.checkpoints import Checkpoint, find_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHECKPOINT, FACTS = "checkpoint.json", "facts.json"


@dataclass(frozen=True, kw_only=True)
class NamedCheckpoint:
    """A checkpoint that the user named."""

    name: str
    revision: str
    """Hash of its files."""
    architecture: str | None
    """Type of the model, as its config names it."""


@dataclass(frozen=True, kw_only=True)
class CausalModel(SavedModel):
    """A causal language model: a base that trainings start from, or a generator."""

    checkpoint: NamedCheckpoint | None = None
    """The checkpoint that the user named; None: the weights are in the store."""
    facts: dict[str, Json] | None = None
    """Facts about how it was made, for readers."""

    def named_base(self, tokenizer: PreTrainedTokenizerBase) -> NamedBase | None:
        """Returns what a training that started from it reports; None unless the user named it."""
        if self.checkpoint is None:
            return None
        from lightning_modules.tokenization import has_chat_template

        return NamedBase(**asdict(self.checkpoint), chat_template=has_chat_template(tokenizer))

    def write(self, folder: Path) -> None:
        """Writes the folder ``MODEL`` or ``CHECKPOINT``, and ``FACTS`` if there are any."""
        super().write(folder)
        if self.checkpoint is not None:
            write_json(folder / CHECKPOINT, asdict(self.checkpoint))
        if self.facts is not None:
            write_json(folder / FACTS, self.facts)

    @classmethod
    def read(cls, folder: Path) -> CausalModel:
        """Finds the model.

        Raises:
            ValueError: it is a checkpoint whose files are missing or have changed.
        """
        if (folder / MODEL).is_dir():
            return cls(path=folder / MODEL)
        named = NamedCheckpoint(**read_json(folder / CHECKPOINT))
        return cls(path=find_unchanged(named.name, named.revision).folder, checkpoint=named)


@dataclass(frozen=True, kw_only=True, eq=False)
class UseCheckpoint(Step[CausalModel], name="checkpoint"):
    """Records which checkpoint the user named, without copying weights."""

    revision: str
    """Hash of its files."""
    checkpoint: str = apart()
    """Its folder, or its name on the hub."""

    @classmethod
    def of(cls, name: str, found: Checkpoint) -> UseCheckpoint:
        """Returns the step for a checkpoint that was found under a name, which may be a relative path."""
        local = Path(name).is_dir()
        return cls(
            revision=revision_of(found),
            checkpoint=str(Path(name).absolute()) if local else name,
            label=f"checkpoint {Path(name).name if local else name}",
        )

    def run(self, context: Context) -> CausalModel:
        architecture = find_unchanged(self.checkpoint, self.revision).config.get("model_type")
        named = NamedCheckpoint(name=self.checkpoint, revision=self.revision, architecture=architecture)
        return CausalModel(checkpoint=named)


def find_unchanged(name: str, revision: str) -> Checkpoint:
    """Finds a checkpoint that the user named, whose files must be those that the plan found.

    Raises:
        ValueError: it is missing, or its files have changed.
    """
    found = find_checkpoint(name, "checkpoint")
    current = revision_of(found)
    if current != revision:
        raise ValueError(
            f"checkpoint {name}: found revision {current[:12]}; allowed: {revision[:12]}, that of its files "
            "when the run was planned"
        )
    return found


def revision_of(found: Checkpoint) -> str:
    """Returns a checkpoint's revision; files are reread only if they have changed."""
    stats = ((path.name, path.stat()) for path in sorted(found.folder.iterdir()))
    return _revision(str(found.folder), tuple((name, s.st_size, s.st_mtime_ns) for name, s in stats))


@lru_cache
def _revision(folder: str, stats: tuple[tuple[str, int, int], ...]) -> str:
    return find_checkpoint(folder, "checkpoint").revision()
