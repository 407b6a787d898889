"""Size of a backbone, from its config only: no weights are made or read."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig

from lightning_modules.backbones import preset_config
from lightning_modules.presets import PRESETS

EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
"""Config attributes with the number of experts."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Numbers that determine the operations of a transformer."""

    name: str
    """Name for display."""
    parameters: int
    """Parameters of the whole language model; tied embeddings count once."""
    reward: int
    """Parameters that multiply each token in a reward model: without embeddings and the small head."""
    language: int
    """Parameters that multiply each token in a language model: with its head."""
    layers: int
    """Number of blocks."""
    width: int
    """Width of attention: number of heads times the width of a head."""


def size_of(name: str, *, vocabulary: int, download: bool = False) -> Size:
    """Measures a preset or a transformers checkpoint.

    Args:
        name: name of a preset, a folder with a config.json, or a checkpoint's name.
        vocabulary: number of tokens of a preset.
        download: whether a missing config may be downloaded.

    Raises:
        ValueError: the name is unknown, or not that of a dense causal language model.
    """
    if name in PRESETS:
        return measure(name, preset_config(PRESETS[name], vocabulary))
    what = f"{', '.join(PRESETS)}, a folder with a config.json, or a checkpoint's name"
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=not download)
    except (OSError, ValueError) as error:
        where = "" if download else " whose config was fetched before"
        raise ValueError(f"backbone: found {name!r}; allowed: {what}{where}") from error
    if any((getattr(config, field, None) or 0) > 1 for field in EXPERTS):
        raise ValueError(f"backbone: found {name!r}, a mixture of experts; allowed: {what}, of a dense model")
    try:
        return measure(Path(name).name, config)
    except ValueError as error:
        raise ValueError(
            f"backbone: found {name!r}, a {config.model_type}; allowed: {what}, of a causal language model"
        ) from error


def measure(name: str, config: PreTrainedConfig) -> Size:
    """Counts the parameters of a causal language model that is built without memory for its weights.

    Raises:
        ValueError: the config belongs to another kind of model.
    """
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    tables = {m.weight: m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    head = model.get_output_embeddings().weight
    total = sum(parameter.numel() for parameter in model.parameters())
    body = total - sum(({head: head.numel()} | tables).values())
    heads = config.num_attention_heads
    return Size(
        name=name,
        parameters=total,
        reward=body,
        language=body + head.numel(),
        layers=config.num_hidden_layers,
        width=heads * (getattr(config, "head_dim", None) or config.hidden_size // heads),
    )
