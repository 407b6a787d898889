"""Tiny causal checkpoints of two real architectures, with random weights and a token a byte."""

from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from ablations.steps.scratch_base import train_tokenizer

SIZES: dict[str, Any] = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=256,
)


def make_tokenizer(kind: str) -> Any:
    """Every byte is a token; Qwen2's has no BOS, Llama's has one and no padding."""
    tokenizer = train_tokenizer(["none"], 258)
    if kind == "llama":
        tokenizer.add_special_tokens({"bos_token": "<s>"})
        tokenizer.pad_token = None
    return tokenizer


def write_base(folder: Path, kind: str) -> None:
    tokenizer = make_tokenizer(kind)
    torch.manual_seed(0)
    if kind == "qwen2":
        model: Any = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), **SIZES))
    else:
        model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SIZES))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
