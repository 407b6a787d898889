"""Head on stored hidden states: a token classifier whose tokens are rows of a table of states.

A solution in tokens becomes a solution in rows (`ablations.data.states`), and everything that trains and
scores reward models works on it unchanged.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput

from lightning_modules.backbones import HEAD_STD, POOLED, head_of, load_classifier


class StateHeadConfig(PreTrainedConfig):
    """Sizes of a head on states."""

    model_type = "state_head"

    def __init__(
        self, width: int = 1, hidden: int = 0, layer: int = 1, pooled: bool = False, **more: Any
    ) -> None:
        """
        Args:
            width: Width of the states.
            hidden: Width of the hidden layer; 0: the head is linear.
            layer: Layer of the trunk that the states are of.
            pooled: Whether a solution is scored at the mean of its states rather than at its last token.
            more: Arguments for transformers.
        """
        self.width, self.hidden, self.layer, self.pooled = width, hidden, layer, pooled
        super().__init__(**{"tie_word_embeddings": False, **more})


class StateHead(PreTrainedModel):
    """Class logits from states that are standardized first: by a linear layer, or by one hidden layer."""

    config_class = StateHeadConfig
    config: StateHeadConfig
    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, config: StateHeadConfig) -> None:
        super().__init__(config)
        self.register_buffer("mean", torch.zeros(config.width))
        self.register_buffer("scale", torch.ones(config.width))
        self.hidden = torch.nn.Linear(config.width, config.hidden) if config.hidden else None
        self.dropout = torch.nn.Dropout(0.0)
        self.score = torch.nn.Linear(config.hidden or config.width, int(config.num_labels or 2))
        self.table = torch.empty(0, config.width)
        """Float [rows, width]: the states that row numbers refer to; never saved."""
        self.post_init()

    def _init_weights(self, module: torch.nn.Module) -> None:
        """Keeps torch's initialization."""

    def get_input_embeddings(self) -> Any:
        """Returns what stands for embeddings: the table is its weight."""
        return SimpleNamespace(weight=self.table)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        use_cache: bool = False,
    ) -> TokenClassifierOutput:
        """Computes logits [B, T, C] of the states at rows [B, T]."""
        states = self.table[input_ids.to(self.table.device)].to(self.mean)
        states = (states - self.mean) * self.scale
        if self.hidden is not None:
            states = torch.nn.functional.gelu(self.hidden(states))
        return TokenClassifierOutput(logits=self.score(self.dropout(states)))

    def standardize(self, rows: torch.Tensor) -> None:
        """Standardizes by the mean and the standard deviation of some states [rows, width]."""
        states = rows.float()
        self.mean.copy_(states.mean(0))
        self.scale.copy_(1 / states.std(0, correction=0).clamp_min(1e-6))


def new_head(config: StateHeadConfig, *, seed: int) -> StateHead:
    """Makes a head with small random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = StateHead(config)
        torch.nn.init.normal_(head.score.weight, std=HEAD_STD)
        torch.nn.init.zeros_(head.score.bias)
    return head


def whole_model(head: StateHead, base: str | Path) -> PreTrainedModel:
    """Joins a linear head and its trunk to a token classifier: the checkpoint cut to the head's layer.

    Args:
        head: The head.
        base: Folder of the checkpoint that its states are from.

    Raises:
        ValueError: The head has a hidden layer, which no token classifier has.
    """
    if head.hidden is not None:
        raise ValueError(
            f"hidden: found a hidden layer of {head.config.hidden}; allowed: a linear head, as token "
            "classifiers have"
        )
    model = load_classifier(base, num_labels=head.score.out_features, seed=0, layers=head.config.layer)
    _, last = head_of(model)
    weight = head.score.weight * head.scale
    with torch.no_grad():
        last.weight.copy_(weight)
        if last.bias is None:
            last.bias = torch.nn.Parameter(torch.zeros(last.out_features))
        last.bias.copy_(head.score.bias - weight @ head.mean)
    model.config.id2label, model.config.label2id = head.config.id2label, head.config.label2id
    if head.config.pooled:
        setattr(model.config, POOLED, True)
    return model


AutoConfig.register(StateHeadConfig.model_type, StateHeadConfig)
AutoModelForTokenClassification.register(StateHeadConfig, StateHead)
