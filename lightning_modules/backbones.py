"""Backbones: a preset built from scratch, or a transformers checkpoint in a folder or by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen2Config,
)

HEAD_STD = 1e-3
"""Standard deviation of a new head's weights."""
Architecture = Literal["llama", "qwen2"]
_CONFIGS: dict[str, Any] = {"llama": LlamaConfig, "qwen2": Qwen2Config}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Sizes of a transformer that is built from scratch."""

    architecture: Architecture = "llama"
    """Which of transformers' families."""
    hidden: int
    """Width of the residual stream."""
    layers: int
    """Number of blocks. Verifying takes depth: a step is predicted before it can be compared."""
    heads: int
    """Attention heads; ``hidden`` is a multiple of it."""
    intermediate: int
    """Width of the feed-forward part."""
    max_positions: int = 1024
    """Longest sequence, in tokens."""

    def __post_init__(self) -> None:
        if self.architecture not in _CONFIGS:
            raise ValueError(f"architecture: found {self.architecture!r}; allowed: {sorted(_CONFIGS)}")
        if self.hidden % (2 * self.heads):
            raise ValueError(
                f"hidden: found {self.hidden}; allowed: multiples of 2 * heads = {2 * self.heads}"
            )


PRESETS: dict[str, Preset] = {
    "tiny": Preset(hidden=32, layers=2, heads=2, intermediate=64),
    "small": Preset(hidden=64, layers=4, heads=4, intermediate=176),
    "small_qwen2": Preset(architecture="qwen2", hidden=64, layers=4, heads=4, intermediate=176),
    "large": Preset(hidden=160, layers=6, heads=5, intermediate=432),
}
"""``large`` has about ten times the parameters of ``small``."""


def preset_config(preset: Preset, vocabulary: int, **special: int | None) -> PreTrainedConfig:
    """A preset as transformers describes it, with tied embeddings.

    Args:
        preset: sizes.
        vocabulary: tokens of the tokenizer.
        special: ids of its special tokens, by their names in the config.
    """
    config: PreTrainedConfig = _CONFIGS[preset.architecture](
        vocab_size=vocabulary,
        hidden_size=preset.hidden,
        intermediate_size=preset.intermediate,
        num_hidden_layers=preset.layers,
        num_attention_heads=preset.heads,
        num_key_value_heads=preset.heads,
        max_position_embeddings=preset.max_positions,
        tie_word_embeddings=True,
        **special,
    )
    return config


def build_causal(preset: Preset, tokenizer: PreTrainedTokenizerBase, *, seed: int) -> PreTrainedModel:
    """A causal language model with random weights, tied embeddings and the tokenizer's special tokens."""
    config = preset_config(
        preset,
        len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cast(PreTrainedModel, AutoModelForCausalLM.from_config(config))


def load_causal(checkpoint: str | Path) -> PreTrainedModel:
    """A causal language model from a folder or a name, in float32.

    Raises:
        ValueError: the folder is absent.
    """
    return cast(
        PreTrainedModel, AutoModelForCausalLM.from_pretrained(_checked(checkpoint), dtype=torch.float32)
    )


def load_classifier(checkpoint: str | Path, *, num_labels: int, seed: int) -> PreTrainedModel:
    """The same checkpoint with a token classification head of ``num_labels`` classes, drawn from ``seed``.

    The head is small, so that the first updates turn it towards the task before it sends the backbone, whose
    updates Adam makes as large for noise as for a signal, in a direction that means nothing.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForTokenClassification.from_pretrained(
            _checked(checkpoint), num_labels=num_labels, dtype=torch.float32
        )
        linears = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
        head = next(linear for linear in reversed(linears) if linear.out_features == num_labels)
        torch.nn.init.normal_(head.weight, std=HEAD_STD)
        if head.bias is not None:
            torch.nn.init.zeros_(head.bias)
    return cast(PreTrainedModel, model)


def _checked(checkpoint: str | Path) -> str:
    if isinstance(checkpoint, Path) and not (checkpoint / "config.json").is_file():
        raise ValueError(
            f"checkpoint {checkpoint}: found no config.json; allowed: a transformers checkpoint folder"
        )
    return str(checkpoint)
