"""A base of random weights, with a tokenizer of its own: for small trials, without any checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ablations.arguments import allowed
from ablations.finetuning.facts import LeftOut, write_facts
from ablations.finetuning.language import HELD_OUT
from ablations.finetuning.split import digest, held_out
from ablations.finetuning.texts import about, read_any
from ablations.formats.questions import normalised
from ablations.pipeline import Context, Inputs
from ablations.stages.pools import train_tokenizer
from lightning_modules.backbones import PRESETS, build_causal


def scratch(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Text in ``context.local`` -> a tokenizer trained on it, random weights of a preset."""
    allowed("preset", config["preset"], tuple(PRESETS))
    texts = [text for path in context.local["text"] for text in read_any(path)]
    problems = held_out(
        (normalised(text.problem) for text in texts if text.problem is not None),
        context.local["held_out"],
        share=config["held_out_share"],
        seed=config["seed"],
    )
    left_out = LeftOut()
    learnt = []
    for text in texts:
        if about(text, problems):
            left_out.add(HELD_OUT, text.name)
        else:
            learnt.append(text.text)
    if not learnt:
        raise ValueError(f"text: found none, {left_out}; allowed: one or more")
    tokenizer = train_tokenizer(learnt, config["vocabulary"])
    model = build_causal(PRESETS[config["preset"]], tokenizer, seed=config["seed"])
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    counts = {"texts": len(learnt), "tokens": len(tokenizer), "parameters": model.num_parameters()}
    split = {"problems": len(problems), "sha256": digest(problems)}
    write_facts(out, config, left_out, counts, held_out=split)
