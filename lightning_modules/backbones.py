"""Backbones: a preset built from scratch, or a transformers checkpoint in a folder or by name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen2Config,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
)
from transformers.utils import is_flash_attn_2_available

from lightning_modules.presets import Attention, Dtype, Preset

HEAD_STD = 1e-3
"""Standard deviation of a new head's weights."""
DROPOUTS = (
    *("attention_dropout", "attn_pdrop", "resid_pdrop", "embd_pdrop"),
    *("hidden_dropout", "classifier_dropout", "summary_first_dropout"),
)
"""What configs call the shares that are dropped; there is none unless it is asked for."""
_CONFIGS: dict[str, Any] = {"llama": LlamaConfig, "qwen2": Qwen2Config}


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


def load_whole(
    kind: Any, checkpoint: str | Path, dtype: str | torch.dtype, *, new_head: bool = False, **arguments: Any
) -> PreTrainedModel:
    """A model whose weights come from safetensors alone; none is drawn at random in place of a missing one.

    Args:
        kind: transformers' class for it.
        checkpoint: its folder or its name.
        dtype: of the weights; auto: as they are.
        new_head: whether the head of a token classifier is drawn anew, whatever the checkpoint holds of it.
        arguments: for `from_pretrained`.

    Raises:
        ValueError: weights are missing, of other shapes, or cannot be read.
    """
    try:
        model, info = kind.from_pretrained(
            str(checkpoint),
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **arguments,
        )
    except SafetensorError as error:
        raise ValueError(
            f"weights in {checkpoint}: found no readable safetensors file ({error}); allowed: the whole file"
        ) from error
    head = f"{head_of(model)[0]}." if new_head else None
    for fault in ("missing_keys", "mismatched_keys"):
        keys = sorted(str(key if isinstance(key, str) else key[0]) for key in info[fault])
        names = [key for key in keys if head is None or not key.startswith(head)]
        if names:
            raise ValueError(
                f"weights in {checkpoint}: found {fault.removesuffix('_keys')} {', '.join(names[:3])} "
                f"({len(names)} in all); allowed: all weights of a {type(model).__name__}"
            )
    return cast(PreTrainedModel, model.eval())


def load_causal(checkpoint: str | Path) -> PreTrainedModel:
    """A causal language model from a folder or a name, in float32 and without dropout.

    Raises:
        ValueError: the folder is absent, or weights are missing, of other shapes, or cannot be read.
    """
    return load_whole(AutoModelForCausalLM, checkpoint, torch.float32, config=_config(checkpoint))


def load_classifier(
    checkpoint: str | Path,
    *,
    num_labels: int,
    seed: int,
    dtype: Dtype = "float32",
    attention: Attention = "sdpa",
) -> PreTrainedModel:
    """The same checkpoint with a token classification head of ``num_labels`` classes, drawn from ``seed``.

    The head is small, so that the first updates turn it towards the task before it sends the backbone, whose
    updates Adam makes as large for noise as for a signal, in a direction that means nothing.

    Args:
        checkpoint: a folder or a name.
        num_labels: of the head.
        seed: of the head.
        dtype: of the weights.
        attention: which of transformers' implementations.

    Raises:
        ValueError: the folder is absent, its architecture has no such head here, weights are missing, or the
            implementation of attention is not installed.
    """
    config = _config(checkpoint, num_labels=num_labels)
    check_architecture(str(checkpoint), config.model_type, config.architectures)
    if attention == "flash_attention_2" and not is_flash_attn_2_available():
        raise ValueError("attention: found flash_attention_2, which is not installed; allowed: sdpa, eager")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = load_whole(
            AutoModelForTokenClassification,
            checkpoint,
            getattr(torch, dtype),
            new_head=True,
            config=config,
            attn_implementation=attention,
        )
        _, head = head_of(model)
        torch.nn.init.normal_(head.weight, std=HEAD_STD)
        if head.bias is not None:
            torch.nn.init.zeros_(head.bias)
    return model


def head_of(model: torch.nn.Module) -> tuple[str, torch.nn.Linear]:
    """The last layer of a token classification model, and its name: score or classifier, by family."""
    children = [(name, child) for name, child in model.named_children() if isinstance(child, torch.nn.Linear)]
    assert len(children) == 1, f"{type(model).__name__} has one linear layer behind its backbone"
    return children[0]


def recompute_activations(model: PreTrainedModel) -> None:
    """What is inside a layer is computed again for its gradients rather than kept: less memory, more time."""
    name = "activation_checkpointing_enable"  # as transformers calls it now
    enable = getattr(model, name if hasattr(model, name) else "gradient_checkpointing_enable")
    enable({"use_reentrant": False})


def check_architecture(checkpoint: str, model_type: str | None, architectures: Sequence[str] | None) -> None:
    """Holds what a checkpoint's config says of it to what students can be made of.

    Raises:
        ValueError: it is no causal language model, or transformers has no token classifier of its kind.
    """
    known = sorted(set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) & set(MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES))
    if model_type not in known:
        raise ValueError(
            f"checkpoint {checkpoint}: found model_type {model_type}; allowed: those to which transformers "
            f"gives a token classification head, {', '.join(known)}"
        )
    causal = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[model_type]
    if architectures and causal not in architectures:
        raise ValueError(
            f"checkpoint {checkpoint}: found architecture {architectures[0]}; allowed of a {model_type}: "
            f"{causal}"
        )


def _config(checkpoint: str | Path, **more: Any) -> PreTrainedConfig:
    """A checkpoint's config, with no dropout in it."""
    if isinstance(checkpoint, Path) and not (checkpoint / "config.json").is_file():
        raise ValueError(
            f"checkpoint {checkpoint}: found no config.json; allowed: a transformers checkpoint folder"
        )
    config: PreTrainedConfig = AutoConfig.from_pretrained(str(checkpoint), trust_remote_code=False, **more)
    for name in DROPOUTS:
        if getattr(config, name, None):
            setattr(config, name, 0.0)
    return config
