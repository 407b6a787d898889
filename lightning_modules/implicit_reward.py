"""Implicit rewards: a token classifier made of a language model and a frozen copy of what it was.

A token's logit is ``beta log(policy / reference)`` of the token given those before it. A solution's logit is
the sum over its tokens, and trained on labels of solutions alone; a step's is the sum over the step's tokens.
Source: "Free process rewards without process labels", arXiv 2412.01981.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask, create_mask
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import TokenClassifierOutput

from lightning_modules.backbones import SUMMED


class ImplicitRewardConfig(PreTrainedConfig):
    """Scale of the rewards, and the language model's config, whose attributes are also this one's."""

    model_type = "implicit_reward"
    sub_configs = {"causal": AutoConfig}

    def __init__(
        self, causal: PreTrainedConfig | dict[str, Any] | None = None, beta: float = 1.0, **more: Any
    ) -> None:
        """
        Args:
            causal: Config of the language model.
            beta: Scale of the log-ratios.
            more: Arguments for transformers.
        """
        self.causal = AutoConfig.for_model(**causal) if isinstance(causal, dict) else causal
        self.beta = beta
        setattr(self, SUMMED, True)
        super().__init__(**{"tie_word_embeddings": False, **more})

    def __getattr__(self, name: str) -> Any:
        causal = self.__dict__.get("causal")
        if causal is None or name.startswith("_"):
            raise AttributeError(name)
        return getattr(causal, name)


class ImplicitReward(PreTrainedModel):
    """Logits (0, beta times the log-ratio) of each token, which sum to those of steps and solutions."""

    config_class = ImplicitRewardConfig
    config: ImplicitRewardConfig
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True

    def __init__(self, config: ImplicitRewardConfig) -> None:
        super().__init__(config)
        self.policy = AutoModelForCausalLM.from_config(config.causal)
        self.reference = AutoModelForCausalLM.from_config(config.causal).requires_grad_(False)
        self.post_init()

    @classmethod
    def from_pretrained(cls, *args: Any, **named: Any) -> Any:
        """Loads a model, and freezes the reference, because transformers makes all weights trainable."""
        found = super().from_pretrained(*args, **named)
        (found[0] if isinstance(found, tuple) else found).reference.requires_grad_(False)
        return found

    def _init_weights(self, module: torch.nn.Module) -> None:
        """Keeps the language models' initialization."""

    def get_input_embeddings(self) -> Any:
        """Returns the policy's embeddings."""
        return self.policy.get_input_embeddings()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        use_cache: bool = False,
        **packing: Any,
    ) -> TokenClassifierOutput:
        """Computes logits [B, T, 2] in float32; zeros where a token has none before it."""
        rows = {"input_ids": input_ids, "attention_mask": attention_mask, "position_ids": position_ids}
        rows |= packing
        policy_BTV = self.policy(**rows, use_cache=use_cache).logits.float().log_softmax(-1)
        with torch.no_grad():
            reference_BTV = self.reference(**rows, use_cache=use_cache).logits.float().log_softmax(-1)
        before_BT = previous_columns(input_ids, attention_mask, position_ids)
        row_B1 = torch.arange(len(input_ids), device=input_ids.device)[:, None]
        at = (row_B1, before_BT.clamp_min(0), input_ids)
        logit_BT = self.config.beta * (policy_BTV[at] - reference_BTV[at])
        logit_BT = torch.where(before_BT >= 0, logit_BT, 0.0)
        return TokenClassifierOutput(logits=torch.stack([torch.zeros_like(logit_BT), logit_BT], -1))


def previous_columns(
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | BlockMask | None,
    position_ids: torch.Tensor | None = None,
) -> torch.Tensor:
    """Finds the column of the token before each one, int64 [B, T]; -1 if there is none.

    Args:
        input_ids: int64 [B, T].
        attention_mask: None; [B, T], 1 where there is a token; or [B, 1, T, T], additive or FlexAttention's,
            where a token sees those before it in its branch of a trie, of which the last is the one just
            before it.
        position_ids: int64 [B, T], from 0 where a sequence begins; None: each row is one.
    """
    column = torch.arange(input_ids.shape[1], device=input_ids.device)
    if isinstance(attention_mask, BlockMask):
        rows, width = input_ids.shape
        sees = create_mask(attention_mask.mask_mod, rows, 1, width, width, device=input_ids.device)
        return torch.where(sees[:, 0].tril(-1), column, -1).amax(-1)
    if attention_mask is not None and attention_mask.ndim == 4:
        seen = (attention_mask[:, 0] == 0).tril(-1)
        return torch.where(seen, column, -1).amax(-1)
    before = (column - 1).expand_as(input_ids)
    if position_ids is not None:
        before = torch.where(position_ids > 0, before, -1)
    return before if attention_mask is None else torch.where(attention_mask > 0, before, -1)


def implicit_reward(causal: PreTrainedModel, beta: float) -> ImplicitReward:
    """Makes implicit rewards that begin at a language model, so that all are 0."""
    config = ImplicitRewardConfig(causal=causal.config, beta=beta, num_labels=2)
    with torch.device("meta"):
        model = ImplicitReward(config)
    model.policy, model.reference = causal, copy.deepcopy(causal).requires_grad_(False)
    return model.eval()


AutoConfig.register(ImplicitRewardConfig.model_type, ImplicitRewardConfig)
AutoModelForTokenClassification.register(ImplicitRewardConfig, ImplicitReward)
