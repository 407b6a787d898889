"""Models that judge steps, loaded from checkpoints with various heads: class logits at every token.

Classes go from negative to positive, as in a RewardModel, so that `scoring.score` accepts all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import TokenClassifierOutput

from lightning_modules.backbones import load_whole
from lightning_modules.row_choice import tolerance


class _HeadedDecoder(PreTrainedModel):
    """A decoder from transformers, named ``model``, and a head with the name that its checkpoints give it."""

    base_model_prefix = "model"
    classes = 2
    head_name = "score"
    _supports_sdpa = True
    _keys_to_ignore_on_load_unexpected = [r"^lm_head\."]

    def __init__(self, config: PreTrainedConfig) -> None:
        config.num_labels = self.classes
        super().__init__(config)
        self.model = AutoModel.from_config(config)
        self.add_head(config)
        self.post_init()

    def add_head(self, config: PreTrainedConfig) -> None:
        """Makes the head's modules."""
        raise NotImplementedError

    def forward(self, **inputs: Any) -> TokenClassifierOutput:
        head = self.get_submodule(self.head_name)
        return _class_logits(head(self.model(**inputs).last_hidden_state))


class TwoLayerHead(_HeadedDecoder):
    """Two linear layers with a ReLU between them, named ``score``: Qwen2ForProcessRewardModel."""

    outputs = 2

    def add_head(self, config: PreTrainedConfig) -> None:
        width = config.hidden_size
        self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, self.outputs))


class TwoLayerValueHead(TwoLayerHead):
    """Two linear layers to one value, named ``score``: Qwen2.5-Math-RM. Its sigmoid is P(positive)."""

    outputs = 1


class ValueHead(_HeadedDecoder):
    """One value per token, named ``v_head.summary``: Skywork's PRMs. Its sigmoid is P(positive)."""

    head_name = "v_head.summary"

    def add_head(self, config: PreTrainedConfig) -> None:
        self.v_head = nn.ModuleDict({"summary": nn.Linear(config.hidden_size, 1)})


class ThreeClassHead(_HeadedDecoder):
    """A linear layer to negative, neutral and positive, named ``score_head``: ReasonEval."""

    classes = 3
    head_name = "score_head"

    def add_head(self, config: PreTrainedConfig) -> None:
        bias = getattr(config, "use_bias", getattr(config, "bias", False))
        self.score_head = nn.Linear(config.hidden_size, self.classes, bias=bool(bias))


class _Judge(nn.Module):
    """A decoder and a linear head with one or two outputs at every token."""

    def __init__(self, model: PreTrainedModel, head: nn.Linear) -> None:
        super().__init__()
        self.model, self.head, self.config = model.base_model, head, model.config
        self.config.num_labels = 2

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the weights."""
        return self.head.weight.dtype

    def forward(self, **inputs: Any) -> TokenClassifierOutput:
        """Computes logits [B, T, 2]; the sigmoid of a single output is P(positive)."""
        return _class_logits(self.head(self.model(**inputs).last_hidden_state))

    def _differs(self, ours: torch.Tensor, theirs: torch.Tensor) -> bool:
        """Returns whether two float64 results differ by more than rounding explains."""
        largest = max(1.0, float(theirs.abs().max()))
        return bool((theirs - ours).abs().max() > tolerance(self.dtype) * largest)


class WordJudge(_Judge):
    """A causal language model whose next word is the judgment: only its logits of two tokens."""

    def __init__(self, model: PreTrainedModel, *, negative: int, positive: int) -> None:
        """
        Args:
            model: a causal language model from transformers, with an output layer.
            negative: token for a wrong step.
            positive: token for a right step.

        Raises:
            ValueError: it has no output layer, or caps or scales that layer's product.
        """
        output = model.get_output_embeddings()
        if output is None:
            raise ValueError(
                f"{type(model).__name__}: found no output layer; allowed: a causal language model"
            )
        words = [negative, positive]
        head = nn.Linear(output.in_features, 2, bias=output.bias is not None).to(output.weight)
        head.weight.data = output.weight.data[words].clone()
        if output.bias is not None:
            head.bias.data = output.bias.data[words].clone()
        super().__init__(model, head)
        ids = torch.tensor([[*words, *words]], device=head.weight.device)
        with torch.inference_mode():
            theirs = model(input_ids=ids, use_cache=False).logits[..., words].double()
            ours = self(input_ids=ids, use_cache=False).logits.double()
        if self._differs(ours, theirs):
            raise ValueError(
                f"{type(model).__name__}: found logits that are more than its output layer's product; "
                "allowed: models without scaling or capping"
            )


class SequenceJudge(_Judge):
    """A sequence classifier that scores a sequence at its last token: its logits at every token."""

    def __init__(self, model: PreTrainedModel) -> None:
        """
        Args:
            model: a sequence classifier from transformers, with one value or with two classes.

        Raises:
            ValueError: it has more classes, or scores elsewhere than at the last token, as encoders do.
        """
        heads = [child for child in model.children() if isinstance(child, nn.Linear)]
        if len(heads) != 1 or heads[0].out_features not in (1, 2):
            found = " and ".join(f"{head.out_features} outputs" for head in heads) or "no linear head"
            raise ValueError(f"{type(model).__name__}: found {found}; allowed: one value, or two classes")
        super().__init__(model, heads[0])
        ids = [token for token in range(5) if token != self.config.pad_token_id][:4]
        batch = torch.tensor([ids], device=self.head.weight.device)
        with torch.inference_mode():
            theirs = model(input_ids=batch).logits.double()
            ours = self.head(self.model(input_ids=batch).last_hidden_state[:, -1]).double()
        if self._differs(ours, theirs):
            raise ValueError(
                f"{type(model).__name__}: found scores that are not those at the last token; allowed: "
                "decoders, which score there"
            )


def _class_logits(logits: torch.Tensor) -> TokenClassifierOutput:
    """Wraps logits [B, T, C]; for a single value, C = 1, logits [B, T, 2] whose softmax is its sigmoid."""
    if logits.shape[-1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
    return TokenClassifierOutput(logits=logits)


def load_headed(kind: type[_HeadedDecoder], folder: Path, *, dtype: str) -> PreTrainedModel:
    """Loads a checkpoint with one of the heads above, without any code stored with it; see `load_whole`."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    return load_whole(kind, folder, dtype, config=config)


def load_token_classifier(folder: Path, *, dtype: str, trust_remote_code: bool = False) -> PreTrainedModel:
    """Loads a token classification model with transformers; see `load_whole`."""
    return load_whole(AutoModelForTokenClassification, folder, dtype, trust_remote_code=trust_remote_code)


def load_sequence_judge(folder: Path, *, dtype: str, trust_remote_code: bool = False) -> SequenceJudge:
    """Loads a sequence classifier; see `load_whole` and `SequenceJudge`."""
    model = load_whole(AutoModelForSequenceClassification, folder, dtype, trust_remote_code=trust_remote_code)
    return SequenceJudge(model)


def load_word_judge(
    folder: Path, *, negative: int, positive: int, dtype: str, trust_remote_code: bool = False
) -> WordJudge:
    """Loads a causal language model that judges by two words; see `load_whole` and `WordJudge`."""
    model = load_whole(AutoModelForCausalLM, folder, dtype, trust_remote_code=trust_remote_code)
    return WordJudge(model, negative=negative, positive=positive)
