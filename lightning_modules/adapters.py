"""Low-rank adapters (LoRA, through peft): only they and the head are trained and saved.

A folder of adapters holds them and the head as peft writes them, and the config of the whole model, but not
the weights that they adapt.
"""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from lightning_modules.backbones import find_head

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def add_adapters(
    model: PreTrainedModel,
    *,
    rank: int,
    alpha: float,
    dropout: float,
    targets: Sequence[str] | None,
    seed: int,
) -> Any:
    """Adds adapters to a token classification model and freezes all other weights except the head's.

    Changes the model in place and returns peft's wrapper around it. The settings are those of `presets.Lora`.

    Raises:
        ValueError: peft is not installed, or a target is not a linear layer of the model.
    """
    if importlib.util.find_spec("peft") is None:
        raise ValueError("lora: found no installation of peft; allowed: null, unless peft is installed")
    import peft

    layers = linear_layers(model)
    unknown = sorted(set(targets or ()) - set(layers))
    if unknown:
        raise ValueError(
            f"lora.targets: found {', '.join(unknown)}; allowed for {type(model).__name__}: "
            f"{', '.join(layers)}"
        )
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=sorted(targets or layers),
        modules_to_save=[find_head(model)[0]],
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    with torch.random.fork_rng(devices=[]), _ignore_deprecation():
        torch.manual_seed(seed)
        adapted = peft.get_peft_model(model, config)
    adapted.peft_config["default"].base_model_name_or_path = None  # the caller of load_adapters names it
    return adapted


def linear_layers(model: PreTrainedModel) -> list[str]:
    """Lists the last parts of the names of a backbone's linear layers, without its head."""
    modules = model.base_model.named_modules()
    linear = (name for name, module in modules if isinstance(module, (torch.nn.Linear, Conv1D)))
    return sorted({name.rpartition(".")[2] for name in linear})


def is_adapted(model: torch.nn.Module) -> bool:
    """Returns whether a model has adapters."""
    return hasattr(model, "peft_config")


def save_adapters(model: Any, folder: str | Path, state: dict[str, torch.Tensor] | None = None) -> None:
    """Writes adapters, head and the whole model's config; ``state`` replaces the model's own weights."""
    import peft
    from safetensors.torch import save_file

    Path(folder).mkdir(parents=True, exist_ok=True)
    weights = peft.get_peft_model_state_dict(model, state_dict=state, save_embedding_layers=False)
    tensors = {name: tensor.contiguous().cpu() for name, tensor in weights.items()}
    save_file(tensors, Path(folder) / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    model.peft_config["default"].save_pretrained(str(folder))
    model.config.save_pretrained(folder)


def load_adapters(folder: str | Path, base: str | Path) -> Any:
    """Loads what `save_adapters` wrote, with the base that it adapts, ready for further training."""
    import peft

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    model = AutoModelForTokenClassification.from_pretrained(
        str(base), config=config, dtype=config.dtype, use_safetensors=True
    )
    with _ignore_deprecation():
        return peft.PeftModel.from_pretrained(model, str(folder), is_trainable=True)


@contextlib.contextmanager
def _ignore_deprecation() -> Iterator[None]:
    with warnings.catch_warnings():
        # Raised by peft's use of transformers.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        yield
