"""Tiny causal checkpoints of two real architectures, with random weights and one token per byte."""

from pathlib import Path
from typing import Any

import torch
from tiny_checkpoints import BODY
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from ablations.steps.scratch_base import train_tokenizer


def make_tokenizer(kind: str) -> Any:
    """Makes a tokenizer with a token per byte; Qwen2's has no BOS, Llama's has one and no padding."""
    tokenizer = train_tokenizer(["none"], 258)
    if kind == "llama":
        tokenizer.add_special_tokens({"bos_token": "<s>"})
        tokenizer.pad_token = None
    return tokenizer


def write_base(folder: Path, kind: str) -> None:
    tokenizer = make_tokenizer(kind)
    torch.manual_seed(0)
    sizes = BODY | {"vocab_size": len(tokenizer), "max_position_embeddings": 256}
    qwen2 = kind == "qwen2"
    model: Any = Qwen2ForCausalLM(Qwen2Config(**sizes)) if qwen2 else LlamaForCausalLM(LlamaConfig(**sizes))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
