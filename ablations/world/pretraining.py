"""Pretraining and MathMix finetuning of a world's base models."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ablations.world.bases import Pretraining
from ablations.world.text import BLOCK, Corpus, build_tokenizer
from ablations.world.worlds import world_of
from lightning_modules.backbones import build_causal
from lightning_modules.encoding import IGNORE
from lightning_modules.language_model import LanguageModel, TextData
from lightning_modules.presets import PRESETS
from lightning_modules.training import fit

_HELD_OUT_UPDATE = 1_000_000 * BLOCK


def pretrain(
    world: str,
    recipe: Pretraining,
    out: Path,
    *,
    revision: str,
    checkpoint_every: int = 250,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Makes a base model; if killed and called again, resumes from its last saved state.

    Args:
        world: key in ``WORLDS``.
        recipe: how to make it.
        out: folder of the base; the state of an unfinished run is next to it.
        revision: revision of the code, for the manifest, which is returned.
        checkpoint_every: updates between two saved states.
        progress: called with the fraction of updates done.
    """
    start = time.monotonic()
    embedded = world_of(world)
    tokenizer = build_tokenizer(embedded)
    corpus = Corpus(embedded, seed=recipe.seed, batch_tokens=recipe.batch_tokens)
    model = LanguageModel(
        build_causal(PRESETS[recipe.preset], tokenizer, seed=recipe.seed),
        learning_rate=recipe.learning_rate,
        total_updates=recipe.updates,
        decay=recipe.mathmix,
    )
    # No run of another world, recipe or vocabulary resumes from this state.
    text = json.dumps([world, asdict(recipe), sorted(tokenizer.get_vocab())])
    state = out.with_name(f"{out.name}.{hashlib.sha256(text.encode()).hexdigest()[:8]}.state")
    fit(
        model,
        TextData(corpus.batch, updates=recipe.updates),
        updates=recipe.updates,
        precision=recipe.precision,
        checkpoint_folder=state,
        checkpoint_every=checkpoint_every,
        progress=progress,
    )
    batches = [corpus.batch(_HELD_OUT_UPDATE + i) for i in range(BLOCK)]
    with torch.inference_mode():
        losses = [model.eval().loss(*map(torch.from_numpy, batch)).item() for batch in batches]
    counts = [int((target_BT != IGNORE).sum()) for _, target_BT in batches]
    backbone = model.backbone
    backbone.save_pretrained(out)
    tokenizer.save_pretrained(out)
    tokens = recipe.updates * recipe.batch_tokens
    parameters = sum(p.numel() for p in backbone.parameters())
    sizes = [size for size, pretraining in embedded.pretrainings.items() if pretraining == recipe]
    manifest: dict[str, Any] = {
        "command": f"ablations world pretrain --world {world} --size {(sizes or [recipe.preset])[0]}",
        "world": world,
        "recipe": asdict(recipe),
        "revision": revision,
        "parameters": parameters,
        "tokens": tokens,
        "tokens_with_target": round(sum(counts) / (BLOCK * recipe.batch_tokens) * tokens),
        "compute_flop": 6 * parameters * tokens,
        "held_out_loss": float(np.average(losses, weights=counts)),
        "seconds_of_last_start": round(time.monotonic() - start),
        "sha256": hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest(),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    shutil.rmtree(state, ignore_errors=True)  # a short run saved none
    return manifest
