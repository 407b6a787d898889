"""Checkpoints: finds them by folder or by name on the hub, and inspects them before anything is loaded."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.engine.files import sha256

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
GENERATION = "generation_config.json"
"""Optional file with a checkpoint's settings for sampling, among them its end tokens."""
TOKENIZER = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
)
"""Files that decide what text a model reads, if a checkpoint has them."""
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "*.tiktoken")
"""Files that hold a tokenizer's vocabulary; a checkpoint has at least one of them."""
HUB_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
"""OWNER/NAME, with @REVISION if it is not the main one."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Contents of a checkpoint's folder."""

    name: str
    """Name of the checkpoint, as the user gave it."""
    folder: Path
    config: dict[str, Any]
    """Its config.json."""
    weights: tuple[Path, ...]
    """Its safetensors files, by name."""

    @property
    def architecture(self) -> str:
        """The class that wrote it; empty if it does not say."""
        names = self.config.get("architectures")
        return str(names[0]) if isinstance(names, list) and names else ""

    @property
    def remote(self) -> bool:
        """Whether its model is meant to run on code shipped with it."""
        return bool(self.config.get("auto_map"))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of its classes, in their order; empty if its config has none."""
        names = self.config.get("id2label") or {}
        return tuple(str(names[key]) for key in sorted(names, key=int))

    @property
    def rows(self) -> int | None:
        """Rows of its embeddings; None if its config does not say."""
        text = self.config.get("text_config") or self.config
        return text.get("vocab_size") if isinstance(text, dict) else None

    def tensors(self) -> set[str]:
        """Returns the names of its weights."""
        return {name for path in self.weights for name in _tensors(path)}

    def added_tokens(self) -> set[str]:
        """Returns the texts of the tokens that were added to its tokenizer."""
        path = self.folder / "tokenizer.json"
        if not path.is_file():
            return set()
        return {token["content"] for token in _read_json(path).get("added_tokens", [])}

    def revision(self) -> str:
        """Computes the sha256 (hex) over its config, tokenizer and weights."""
        digest = hashlib.sha256()
        for name in ("config.json", *TOKENIZER, *(path.name for path in self.weights)):
            if (self.folder / name).is_file():
                digest.update(f"{name} {sha256(self.folder / name)}\n".encode())
        return digest.hexdigest()


def find_checkpoint(name: str, field: str = "labeler") -> Checkpoint:
    """Finds a checkpoint by its folder, or by OWNER/NAME[@REVISION] on the hub if there is no folder OWNER.

    Raises:
        ValueError: there is no such checkpoint, it is not a complete model, its weights are not safetensors,
            or a file is damaged.
    """
    folder = Path(name) if Path(name).is_dir() else _fetch(name, field)
    file = folder / "config.json"
    if not file.is_file():
        adapter = (folder / "adapter_config.json").is_file()
        found = "an adapter without its model" if adapter else "no config.json"
        raise ValueError(
            f"{field}: found {found} in {folder}; allowed: a checkpoint as save_pretrained writes it"
        )
    config = _read_json(file)
    if not isinstance(config, dict):
        raise ValueError(f"{file}: found no object; allowed: the config of a transformers model")
    checkpoint = Checkpoint(name=name, folder=folder, config=config, weights=tuple(_weights(folder, field)))
    checkpoint.tensors()  # notices a truncated file here, before any work begins
    _check_tokenizer(folder, field)
    return checkpoint


def _tensors(path: Path) -> list[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return list(file.keys())
    except SafetensorError as error:
        raise ValueError(
            f"{path}: found no readable safetensors file ({error}); allowed: the whole file, as "
            "save_pretrained writes it"
        ) from None


def _check_tokenizer(folder: Path, field: str) -> None:
    """Checks for a vocabulary, without which transformers makes up a tokenizer that drops all text."""
    if not any(any(folder.glob(name)) for name in VOCABULARIES):
        raise ValueError(
            f"{field}: found no vocabulary in {folder}; allowed: a checkpoint with its tokenizer, one of "
            f"{', '.join(VOCABULARIES)}"
        )
    path = folder / "tokenizer.json"
    if path.is_file():
        from tokenizers import Tokenizer

        try:
            Tokenizer.from_file(str(path))
        except Exception as error:  # the library has no exception class of its own for this
            raise ValueError(
                f"{path}: found no readable tokenizer ({error}); allowed: as save_pretrained writes it"
            ) from None


def short_name(name: str) -> str:
    """Returns the last part of a name that `find_checkpoint` takes."""
    return Path(name if Path(name).is_dir() else name.partition("@")[0]).resolve().name


def _fetch(name: str, field: str) -> Path:
    parts = HUB_NAME.fullmatch(name)
    if parts is None or Path(name).parent.is_dir():
        raise ValueError(
            f"{field}: found no folder {name}; allowed: a checkpoint's folder, or OWNER/NAME[@REVISION] "
            "on the hub"
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                parts["repository"],
                revision=parts["revision"],
                allow_patterns=["config.json", "*.safetensors", INDEX, GENERATION, *TOKENIZER],
            )
        )
    except (OSError, ValueError) as error:  # it does not exist, access is denied, or the hub is unreachable
        message = " ".join(str(error).split())
        raise ValueError(
            f"{field}: found neither a folder {name} nor such a checkpoint on the hub ({message}); allowed: "
            "one of them"
        ) from error


def _weights(folder: Path, field: str) -> Iterable[Path]:
    """Returns a checkpoint's safetensors files; files of other formats can run code when they are read."""
    if (folder / INDEX).is_file():
        index = _read_json(folder / INDEX)
        weight_map = index.get("weight_map") if isinstance(index, dict) else None
        if not isinstance(weight_map, dict):
            raise ValueError(f"{folder / INDEX}: found no weight_map; allowed: as save_pretrained writes it")
        names = sorted(set(weight_map.values()))
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise ValueError(
                f"{field}: found no {missing[0]} in {folder} ({len(missing)} of {len(names)} files are "
                f"missing); allowed: all that {INDEX} names"
            )
        return [folder / name for name in names]
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    others = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth", ".ckpt"))
    raise ValueError(
        f"{field}: found {f'weights only as {others[0]}' if others else 'no weights'} in {folder}; allowed: "
        f"safetensors ({WEIGHTS}, or {INDEX} and its files), which save_pretrained writes"
    )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: found no JSON ({error}); allowed: JSON") from None
