"""Tiny checkpoints with so few words that random weights write answers, some of them right."""

from pathlib import Path

import torch
from tiny_checkpoints import BODY
from transformers import GPT2Config, GPT2LMHeadModel, Qwen2Config, Qwen2ForTokenClassification

from ablations.steps.scratch_base import train_tokenizer

WORDS = ("see 1\n", "so 0\n", "#### 0\n", "#### 1\n")
"""All that a generator writes before it ends: two steps and two answers, equally likely."""


def write_generator(folder: Path) -> None:
    """Writes a causal checkpoint that ignores its input."""
    tokenizer = train_tokenizer(["none"], 258)  # every byte
    tokenizer.add_tokens(list(WORDS))
    ends = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), bos_token_id=None, **ends, **sizes))
    with torch.no_grad():  # the tied head reads only 10, in the first column of the embeddings
        model.transformer.ln_f.weight.zero_()
        model.transformer.ln_f.bias.zero_()
        model.transformer.ln_f.bias[0] = 10.0
        model.transformer.wte.weight[:, 0] = -1.0
        model.transformer.wte.weight[tokenizer.convert_tokens_to_ids([*WORDS, "<eos>"]), 0] = 0.5
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_prm(folder: Path) -> None:
    """Writes a token classifier of two classes as TRL makes it, with random weights."""
    tokenizer = train_tokenizer(["none"], 258)
    config = Qwen2Config(vocab_size=len(tokenizer), num_labels=2, **BODY)
    Qwen2ForTokenClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
