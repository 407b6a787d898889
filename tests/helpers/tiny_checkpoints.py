"""Tiny causal checkpoints of real architectures: random weights and the family's tokenizer class."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2Tokenizer,
    GPTNeoXConfig,
    GPTNeoXTokenizer,
    LlamaConfig,
    LlamaTokenizer,
    MistralConfig,
    Qwen2Config,
    Qwen2Tokenizer,
    Qwen3Config,
    SmolLM3Config,
)

CORPUS = [
    "Ann has 12 eggs, buys 30, then 5. How many now?\n12 + 30 = 42\nThen 42 + 5 = 47.\nThe answer is 47\n",
    "Natalia sold 48 clips.\nThen she sold half as many.\nThe answer is 72\nThen\nThe\n12\n",
]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
BODY: dict[str, Any] = dict(
    hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
)
SIZES = BODY | {"max_position_embeddings": 512, "initializer_range": 0.3}
OWN = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, initializer_range=0.3)
CONFIGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "qwen2": (Qwen2Config, SIZES),
    "qwen3": (Qwen3Config, SIZES | {"head_dim": 8}),
    "llama": (LlamaConfig, SIZES | {"attention_dropout": 0.1}),
    "mistral": (MistralConfig, SIZES | {"sliding_window": None}),
    "mistral-window": (MistralConfig, SIZES | {"sliding_window": 8}),  # shorter than the solutions
    "gpt-neox": (GPTNeoXConfig, OWN | {"intermediate_size": 64, "max_position_embeddings": 512}),
    "gpt2": (GPT2Config, OWN | {"n_positions": 512}),  # dropout of 0.1 everywhere, the default
    "smollm": (LlamaConfig, SIZES | {"tie_word_embeddings": True}),
    "smollm3": (SmolLM3Config, SIZES | {"num_hidden_layers": 4}),  # every fourth layer ignores positions
}
FAMILIES = tuple(CONFIGS)


def tokenizer_of(family: str) -> Any:
    """Makes a family's tokenizer with a vocabulary learned from a few sums."""
    if family in ("llama", "mistral", "mistral-window"):
        return _llama()
    kind = {"gpt2": GPT2Tokenizer, "smollm": GPT2Tokenizer, "gpt-neox": GPTNeoXTokenizer}.get(
        family, Qwen2Tokenizer
    )
    tokenizer = kind().train_new_from_iterator(
        [CORPUS], 330, new_special_tokens=["<|im_start|>", "<|im_end|>"], show_progress=False
    )
    if family == "qwen2":
        tokenizer.chat_template = CHATML
    return tokenizer


def _llama() -> LlamaTokenizer:
    """Tokens span line ends, bytes replace unknown characters, there is a BOS and no padding."""
    trained = LlamaTokenizer().train_new_from_iterator([CORPUS], 150, show_progress=False)
    model = json.loads(trained.backend_tokenizer.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *model["vocab"]]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    merges = [tuple(pair) for pair in model["merges"]]
    return LlamaTokenizer(vocab=vocabulary, merges=merges)


def write_checkpoint(family: str, folder: Path, **config: Any) -> Path:
    """Writes a family's checkpoint; ``config`` overrides the family's."""
    tokenizer = tokenizer_of(family)
    kind, values = CONFIGS[family]
    torch.manual_seed(7)
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    # the table is larger than the vocabulary, as in public checkpoints
    sizes = {"vocab_size": len(tokenizer) + 3} | special | config
    model = AutoModelForCausalLM.from_config(kind(**values | sizes))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
