"""Low-rank adapters (LoRA, through peft): only they and the head are trained and saved.

A folder of adapters holds them and the head as peft writes them, and the config of the whole model; the
weights that they adapt stay where they are.
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

from lightning_modules.backbones import head_of

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
    """Adds adapters to a token classification model, so that only they and the head are trained.

    Args:
        model: model to change in place.
        rank: rank of the adapters.
        alpha: the adapters' output is multiplied by ``alpha / rank``.
        dropout: dropout on the adapters' inputs.
        targets: last names of the layers that get an adapter; None: all linear layers except the head.
        seed: seed for the adapters' weights.

    Returns:
        peft's model around it.

    Raises:
        ValueError: peft is not installed, or a target is not a linear layer of the model.
    """
    if importlib.util.find_spec("peft") is None:
        raise ValueError("lora: found no peft on this machine; allowed: null, or where peft is installed")
    import peft

    layers = linear_layers(model)
    strange = sorted(set(targets or ()) - set(layers))
    if strange:
        raise ValueError(
            f"lora.targets: found {', '.join(strange)}; allowed for {type(model).__name__}: "
            f"{', '.join(layers)}"
        )
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=sorted(targets or layers),
        modules_to_save=[head_of(model)[0]],
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    with torch.random.fork_rng(devices=[]), _quietly():
        torch.manual_seed(seed)
        adapted = peft.get_peft_model(model, config)
    adapted.peft_config["default"].base_model_name_or_path = None  # given by whoever loads it
    return adapted


def linear_layers(model: PreTrainedModel) -> list[str]:
    """Lists the last names of a backbone's linear layers, without its head."""
    kinds = (torch.nn.Linear, Conv1D)
    found = {name for name, module in model.base_model.named_modules() if isinstance(module, kinds)}
    return sorted({name.rpartition(".")[2] for name in found})


def is_adapted(model: torch.nn.Module) -> bool:
    """Returns whether a model has adapters."""
    return hasattr(model, "peft_config")


def save_adapters(model: Any, folder: str | Path, state: dict[str, torch.Tensor] | None = None) -> None:
    """Writes adapters, head and the whole model's config.

    Args:
        model: model made by `add_adapters`.
        folder: folder to write to.
        state: weights to write instead of the model's own; None: the model's own.
    """
    import peft
    from safetensors.torch import save_file

    Path(folder).mkdir(parents=True, exist_ok=True)
    held = peft.get_peft_model_state_dict(model, state_dict=state, save_embedding_layers=False)
    tensors = {name: tensor.contiguous().cpu() for name, tensor in held.items()}
    save_file(tensors, Path(folder) / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    model.peft_config["default"].save_pretrained(str(folder))
    model.config.save_pretrained(folder)


def load_adapters(folder: str | Path, base: str | Path) -> Any:
    """Loads what `save_adapters` wrote, around the base that it adapts; its training can be continued.

    Args:
        folder: folder of the adapters.
        base: folder of the weights with which they were trained, in the same dtype.
    """
    import peft

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    model = AutoModelForTokenClassification.from_pretrained(
        str(base), config=config, dtype=config.dtype, use_safetensors=True
    )
    with _quietly():
        return peft.PeftModel.from_pretrained(model, str(folder), is_trainable=True)


def merged(model: Any) -> PreTrainedModel:
    """Merges the adapters into the weights: the same logits without adapters. Changes the model."""
    plain: PreTrainedModel = model.merge_and_unload()
    return plain


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        # peft uses what transformers deprecates
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        yield
