"""The worlds' base models: pretrained and MathMix-finetuned here, shipped with the package, or made again.

A base is a transformers folder (config, safetensors, tokenizer) with a ``manifest.json``: how it was made.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ablations.world.text import BLOCK, MIN_BATCH_TOKENS, Corpus, build_tokenizer
from ablations.world.worlds import world_of
from lightning_modules.backbones import PRESETS, build_causal
from lightning_modules.encoding import IGNORE
from lightning_modules.language_model import LanguageModel, TextData
from lightning_modules.training import Precision, fit

SHIPPED = Path(__file__).parent / "bases"
_HELD_OUT_UPDATE = 1_000_000 * BLOCK


@dataclass(frozen=True, kw_only=True)
class Pretraining:
    """How a base is made: pretraining at a steady learning rate, then MathMix while it falls to zero."""

    preset: str
    """Key in ``PRESETS``."""
    updates: int
    """Optimiser updates of both phases."""
    mathmix: float = 0.3
    """Share of the updates that is MathMix finetuning: fresh text of the same kind, falling learning rate."""
    batch_tokens: int = 1536
    """Most tokens of an update, padding included."""
    learning_rate: float = 2e-3
    """The highest one."""
    precision: Precision = "32-true"
    """Lightning's name."""
    seed: int = 1
    """Of the weights and the text."""

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset: found {self.preset!r}; allowed: {sorted(PRESETS)}")
        if self.batch_tokens < MIN_BATCH_TOKENS:
            raise ValueError(f"batch_tokens: found {self.batch_tokens}; allowed: {MIN_BATCH_TOKENS} or more")
        if self.updates < 1 or not 0 < self.mathmix < 1:
            raise ValueError(
                f"updates, mathmix: found {self.updates}, {self.mathmix}; allowed: >= 1, within (0, 1)"
            )


_ARITHMETIC = {
    "tiny": Pretraining(preset="tiny", updates=20, batch_tokens=1000),
    "small": Pretraining(preset="small", updates=4000),
    "large": Pretraining(preset="large", updates=4400, batch_tokens=3072, learning_rate=1.2e-3),
}
_FACTS = {
    "tiny": Pretraining(preset="tiny", updates=20, batch_tokens=1000),
    "small": Pretraining(preset="shallow", updates=5000, learning_rate=3e-3, mathmix=0.5),
    "large": Pretraining(preset="shallow_large", updates=5000, learning_rate=2e-3, mathmix=0.5),
}
PRETRAININGS = {"facts": _FACTS, "other_facts": _FACTS, "dropped": _ARITHMETIC}
"""World -> size of base model -> how it is made."""


def shipped_base(world: str, size: str) -> Path:
    """Folder of a shipped base model.

    Raises:
        ValueError: none of that world and size is shipped.
    """
    folder = SHIPPED / world / size
    if not (folder / "manifest.json").is_file():
        found = sorted(
            f"{path.parent.parent.name}/{path.parent.name}" for path in SHIPPED.glob("*/*/manifest.json")
        )
        raise ValueError(f"base model {world}/{size}: not shipped; allowed: {found}")
    return folder


def read_manifest(world: str, size: str) -> dict[str, Any]:
    """How a shipped base model was made."""
    manifest: dict[str, Any] = json.loads(
        (shipped_base(world, size) / "manifest.json").read_text(encoding="utf-8")
    )
    return manifest


def pretrain(
    world: str,
    recipe: Pretraining,
    out: Path,
    *,
    revision: str,
    checkpoint_every: int = 250,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Makes a base model; killed and called again, it goes on from its last state.

    Args:
        world: key in ``WORLDS``.
        recipe: how.
        out: folder of the base; the state of an unfinished run is kept beside it.
        revision: of the code, for the manifest.
        checkpoint_every: updates between two states.
        progress: called with the share of updates done.

    Returns:
        The manifest.
    """
    started = time.monotonic()
    tokenizer = build_tokenizer(world_of(world))
    corpus = Corpus(world_of(world), seed=recipe.seed, batch_tokens=recipe.batch_tokens)
    model = LanguageModel(
        build_causal(PRESETS[recipe.preset], tokenizer, seed=recipe.seed),
        learning_rate=recipe.learning_rate,
        total_updates=recipe.updates,
        decay=recipe.mathmix,
    )
    state = out.with_name(f"{out.name}.{_digest(world, recipe)}.state")
    fit(
        model,
        TextData(corpus.batch, updates=recipe.updates),
        updates=recipe.updates,
        precision=recipe.precision,
        checkpoint_folder=state,
        checkpoint_every=checkpoint_every,
        progress=progress,
    )
    held_out = Corpus(world_of(world), seed=recipe.seed, batch_tokens=recipe.batch_tokens)
    rows = [held_out.batch(_HELD_OUT_UPDATE + i) for i in range(BLOCK)]
    with torch.inference_mode():
        losses = [model.eval().loss(*(torch.from_numpy(array) for array in batch)).item() for batch in rows]
    counts = [int((target_BT != IGNORE).sum()) for _, target_BT in rows]
    held_out_loss = float(np.average(losses, weights=counts))
    backbone = model.backbone
    backbone.save_pretrained(out)
    tokenizer.save_pretrained(out)
    tokens = recipe.updates * recipe.batch_tokens
    parameters = sum(p.numel() for p in backbone.parameters())
    sizes = [size for size, known in PRETRAININGS[world].items() if known == recipe]
    manifest: dict[str, Any] = {
        "command": f"ablations world pretrain --world {world} --size {(sizes or [recipe.preset])[0]}",
        "world": world,
        "recipe": asdict(recipe),
        "revision": revision,
        "parameters": parameters,
        "tokens": tokens,
        "tokens_with_target": round(sum(counts) / (BLOCK * recipe.batch_tokens) * tokens),
        "compute_flop": 6 * parameters * tokens,
        "held_out_loss": held_out_loss,
        "seconds_of_last_start": round(time.monotonic() - started),
        "sha256": hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest(),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    shutil.rmtree(state, ignore_errors=True)  # a short run kept none
    return manifest


def _digest(world: str, recipe: Pretraining) -> str:
    """What an unfinished run's state belongs to: no other world, recipe or vocabulary goes on from it."""
    text = json.dumps([world, asdict(recipe), sorted(build_tokenizer(world_of(world)).get_vocab())])
    return hashlib.sha256(text.encode()).hexdigest()[:8]
