"""A base with random weights and its own tokenizer, for small trials without a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ablations.data.checks import allowed
from ablations.engine.step import Context, Inputs
from ablations.finetuning.provenance import LeftOut, write_facts
from ablations.finetuning.split import HeldOut
from ablations.finetuning.texts import kept, read_any
from ablations.steps.read_pool import train_tokenizer
from lightning_modules.backbones import build_causal
from lightning_modules.presets import PRESETS


def scratch(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Trains a tokenizer on the text in ``context.local``, and draws random weights of a preset."""
    allowed("preset", config["preset"], tuple(PRESETS))
    held_out = HeldOut.of(context.local["held_out"], share=config["held_out_share"], seed=config["seed"])
    left_out = LeftOut()
    texts = (text for path in context.local["text"] for text in read_any(path))
    learnt = list(kept(texts, held_out, left_out))
    if not learnt:
        raise ValueError(f"text: found none, {left_out}; allowed: one or more")
    tokenizer = train_tokenizer(learnt, config["vocabulary"])
    model = build_causal(PRESETS[config["preset"]], tokenizer, seed=config["seed"])
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    counts = {"texts": len(learnt), "tokens": len(tokenizer), "parameters": model.num_parameters()}
    write_facts(out, config, left_out, counts)
