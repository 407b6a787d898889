"""Sharing of a model between processes in training: strategies, and splitting and gathering of weights."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.strategies import ModelParallelStrategy, Strategy
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import FSDPModule, fully_shard
from transformers import PreTrainedModel

from lightning_modules.adapters import is_adapted
from lightning_modules.backbones import layers_of
from lightning_modules.process_group import Group


def strategy_of(group: Group) -> str | Strategy:
    """Returns Lightning's strategy for a group."""
    if group.size == 1:
        return "auto"
    if group.strategy == "fsdp":
        return ModelParallelStrategy(data_parallel_size=group.size, tensor_parallel_size=1)
    return "ddp"


def shard(backbone: PreTrainedModel, mesh: Any) -> None:
    """Splits a backbone's weights over the processes of a mesh, each layer separately.

    Raises:
        ValueError: transformers does not name the layers of this architecture, or the backbone has adapters.
    """
    if is_adapted(backbone):
        raise ValueError("strategy: found fsdp with lora; allowed with adapters: auto, ddp")
    if isinstance(backbone, FSDPModule):
        return
    layers = layers_of(backbone)
    if not layers:
        raise ValueError(
            f"strategy: found fsdp for {type(backbone).__name__}, whose layers transformers does not name; "
            "allowed for it: auto, ddp"
        )
    for module in (*layers, backbone):
        part = fully_shard(module, mesh=mesh)
        if mesh.device_type == "cpu":  # gloo cannot average
            part.set_force_sum_reduction_for_comms(True)


def gather_weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies all trained weights, however they are split; all processes must call it.

    If the weights are split, only the first process gets them.
    """
    options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
    state = get_model_state_dict(module, options=options)
    return {name: tensor.clone() for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}
