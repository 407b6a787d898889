"""Head on stored hidden states: a token classifier whose tokens are rows of a table of states.

`ablations.data.states` turns solutions in tokens into solutions in rows, with which reward models are trained
and scored as usual.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput

from lightning_modules.backbones import HEAD_STD, POOLED, find_head, load_classifier


class StateHeadConfig(PreTrainedConfig):
    """Sizes of a head on states."""

    model_type = "state_head"

    def __init__(
        self,
        width: int = 1,
        hidden: int = 0,
        heads: int = 0,
        layer: int = 1,
        pooled: bool = False,
        **more: Any,
    ) -> None:
        """
        Args:
            width: Width of the states.
            hidden: Width of the hidden layer; 0: the head is linear.
            heads: Attention heads of a transformer layer after the hidden layer; 0: there is none.
            layer: Layer of the trunk from which the states are.
            pooled: Whether a solution is scored at the mean of its states rather than at its last token.
            more: Arguments for transformers.
        """
        self.width, self.hidden, self.heads = width, hidden, heads
        self.layer, self.pooled = layer, pooled
        super().__init__(**{"tie_word_embeddings": False, **more})


class StateHead(PreTrainedModel):
    """Class logits of standardized states: by a linear layer, which may come after a hidden layer, or after a
    hidden layer and a transformer layer over the solution's states."""

    config_class = StateHeadConfig
    config: StateHeadConfig
    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, config: StateHeadConfig) -> None:
        super().__init__(config)
        self.register_buffer("mean", torch.zeros(config.width))
        self.register_buffer("scale", torch.ones(config.width))
        self.hidden = torch.nn.Linear(config.width, config.hidden) if config.hidden else None
        self.over_steps = OverSteps(config.hidden, config.heads) if config.heads else None
        self.dropout = torch.nn.Dropout(0.0)
        self.score = torch.nn.Linear(config.hidden or config.width, int(config.num_labels or 2))
        self.table = torch.empty(0, config.width)
        """Float [rows, width]: the states by row number; never saved."""
        self.post_init()

    def _init_weights(self, module: torch.nn.Module) -> None:
        """Keeps torch's initialization."""

    def get_input_embeddings(self) -> Any:
        """Returns the table as the weight of embeddings."""
        return SimpleNamespace(weight=self.table)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        use_cache: bool = False,
    ) -> TokenClassifierOutput:
        """Computes logits [B, T, C] of the states in rows [B, T]."""
        states = self.table[input_ids.to(self.table.device)].to(self.mean)
        states = (states - self.mean) * self.scale
        if self.hidden is not None:
            states = torch.nn.functional.gelu(self.hidden(states))
        if self.over_steps is not None:
            states = self.over_steps(states, attention_mask, position_ids)
        return TokenClassifierOutput(logits=self.score(self.dropout(states)))

    def standardize(self, rows: torch.Tensor) -> None:
        """Sets mean and standard deviation to those of states [rows, width]."""
        states = rows.float()
        self.mean.copy_(states.mean(0))
        self.scale.copy_(1 / states.std(0, correction=0).clamp_min(1e-6))


class OverSteps(torch.nn.Module):
    """One causal transformer layer: each state sees itself and those before it in its solution."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.norm_after = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.wide, self.narrow = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(
        self, states: torch.Tensor, mask: torch.Tensor | None, positions: torch.Tensor | None
    ) -> torch.Tensor:
        """Computes new states [B, T, H].

        Args:
            states: [B, T, H].
            mask: [B, T], 1 where there is a state; None: everywhere.
            positions: int [B, T], each state's number in its solution; None: its column.
        """
        B, T, H = states.shape
        if positions is None:
            positions = torch.arange(T, device=states.device).expand(B, T)
        visible = torch.ones(1, 1, T, T, dtype=torch.bool, device=states.device).tril()
        if mask is not None:  # padding is on the right, so that every row of the mask sees a state
            visible = visible & mask[:, None, None].bool()
        x = self.norm(states + _sinusoids(positions, H).to(states))
        q, k, v = (part.view(B, T, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        seen = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        states = states + self.out(seen.transpose(1, 2).reshape(B, T, H))
        return states + self.narrow(torch.nn.functional.gelu(self.wide(self.norm_after(states))))


def _sinusoids(positions: torch.Tensor, width: int) -> torch.Tensor:
    """Returns fixed encodings [B, T, width] of positions [B, T], as in arXiv 1706.03762."""
    rates = 10_000 ** (-torch.arange(0, width, 2, device=positions.device) / width)
    angles = positions[..., None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[..., :width]


def new_head(config: StateHeadConfig, *, seed: int) -> StateHead:
    """Makes a head with small random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = StateHead(config)
        torch.nn.init.normal_(head.score.weight, std=HEAD_STD)
        torch.nn.init.zeros_(head.score.bias)
    return head


def join_trunk(head: StateHead, base: str | Path) -> PreTrainedModel:
    """Joins a linear head with its trunk, the first layers of a checkpoint, to a token classifier.

    Raises:
        ValueError: The head has a hidden layer, which no token classifier has.
    """
    if head.hidden is not None:
        raise ValueError(
            f"hidden: found a hidden layer of {head.config.hidden}; allowed: a linear head, as token "
            "classifiers have"
        )
    model = load_classifier(base, num_labels=head.score.out_features, seed=0, layers=head.config.layer)
    _, last = find_head(model)
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
