"""A tiny token-classification checkpoint, as TRL's trainer leaves one."""

from pathlib import Path

import torch
from tiny_checkpoints import CONFIGS, tokenizer_of
from transformers import AutoModelForTokenClassification


def token_classifier(folder: Path) -> None:
    """Writes one, with random weights and two labels."""
    tokenizer = tokenizer_of("qwen2")
    tokenizer.chat_template = None
    kind, values = CONFIGS["qwen2"]
    torch.manual_seed(7)
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    config = kind(**values | {"vocab_size": len(tokenizer) + 3, "num_labels": 2} | special)
    AutoModelForTokenClassification.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
