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
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
)
from transformers.utils import is_flash_attn_2_available

from lightning_modules.presets import Attention, Dtype, Preset

HEAD_STD = 1e-3
"""Standard deviation of a new head's weights."""
POOLED = "mean_logit_scores_solution"
"""Attribute of a backbone's config: whether the mean of a solution's logits scores it, not its last token."""
SUMMED = "summed_logits_score_steps"
"""Attribute of a backbone's config: whether sums of tokens' logits score steps and solutions."""
DROPOUTS = (
    *("attention_dropout", "attn_pdrop", "resid_pdrop", "embd_pdrop"),
    *("hidden_dropout", "classifier_dropout", "summary_first_dropout"),
)
"""Names of dropout rates in configs; there is no dropout unless it is requested."""


def preset_config(preset: Preset, vocabulary: int, **special: int | None) -> PreTrainedConfig:
    """Makes transformers' config of a preset, with tied embeddings; ``special`` are ids of special tokens."""
    config: PreTrainedConfig = AutoConfig.for_model(
        preset.architecture,
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
    """Builds a causal language model for a tokenizer, with random weights and tied embeddings."""
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
    """Loads a model from safetensors files only; a missing weight is an error, not initialized at random.

    Args:
        kind: class of the model, from transformers or like those.
        checkpoint: folder or name of the checkpoint.
        dtype: dtype of the weights; auto: unchanged.
        new_head: whether a token classifier's head may be missing or have another shape, because the caller
            initializes it.
        arguments: arguments for `from_pretrained`.

    Raises:
        ValueError: weights are missing, have other shapes, or cannot be read.
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
    head = f"{find_head(model)[0]}." if new_head else None
    for fault in ("missing_keys", "mismatched_keys"):
        names = sorted(str(key if isinstance(key, str) else key[0]) for key in info[fault])
        if names := [name for name in names if head is None or not name.startswith(head)]:
            raise ValueError(
                f"weights in {checkpoint}: found {fault.removesuffix('_keys')} {', '.join(names[:3])} "
                f"({len(names)} in all); allowed: all weights of a {type(model).__name__}"
            )
    return cast(PreTrainedModel, model.eval())


def load_causal(
    checkpoint: str | Path, dtype: Dtype = "float32", attention: Attention | None = None
) -> PreTrainedModel:
    """Loads a causal language model from a folder or by name, by default in float32, and without dropout.

    Raises:
        ValueError: the folder does not exist, or weights are missing, have other shapes, or cannot be read.
    """
    return load_whole(
        AutoModelForCausalLM,
        checkpoint,
        getattr(torch, dtype),
        config=load_config(checkpoint),
        attn_implementation=attention,
    )


def load_classifier(
    checkpoint: str | Path,
    *,
    num_labels: int,
    seed: int,
    dtype: Dtype = "float32",
    attention: Attention = "sdpa",
    layers: int | None = None,
) -> PreTrainedModel:
    """Loads a checkpoint with a new token classification head of ``num_labels`` classes, drawn from ``seed``.

    The head's weights are small, so that the first updates align it with the task before it moves the
    backbone in a meaningless direction: Adam's updates are as large for noise as for a signal.

    Args:
        checkpoint: folder or name of the checkpoint.
        num_labels: number of classes.
        seed: seed for the head's weights.
        dtype: dtype of the weights.
        attention: attention implementation in transformers.
        layers: number of first layers to keep; None: all.

    Raises:
        ValueError: the folder does not exist, its architecture has no such head, weights are missing, or the
            attention implementation is not installed.
    """
    config = load_config(checkpoint, num_labels=num_labels)
    if layers is not None:
        keep_layers(config, layers)
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
        _, head = find_head(model)
        torch.nn.init.normal_(head.weight, std=HEAD_STD)
        if head.bias is not None:
            torch.nn.init.zeros_(head.bias)
    return model


def find_head(model: torch.nn.Module) -> tuple[str, torch.nn.Linear]:
    """Finds the name (score or classifier, by family) and module of a token classifier's last layer."""
    children = [(name, child) for name, child in model.named_children() if isinstance(child, torch.nn.Linear)]
    assert len(children) == 1, f"{type(model).__name__} has one linear layer after its backbone"
    return children[0]


def keep_layers(config: PreTrainedConfig, layers: int) -> None:
    """Changes a config to that of a model with only the first layers; a ValueError if it has fewer."""
    depth = int(config.num_hidden_layers)
    if not 1 <= layers <= depth:
        raise ValueError(f"layers: found {layers}; allowed: 1 to {depth}, the layers of the checkpoint")
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]


def layers_of(model: torch.nn.Module) -> list[torch.nn.Module]:
    """Lists the layers of a transformers model; none if transformers does not name its kind of layer."""
    names = set(getattr(model, "_no_split_modules", None) or ())
    return [module for module in model.modules() if type(module).__name__ in names]


def compile_layers(model: torch.nn.Module, backend: str = "inductor") -> None:
    """Lets torch compile the layers, once for all of them and for all sizes of batches.

    Kernels are cached on disk, for later processes too.

    Args:
        model: A transformers model.
        backend: torch's name of the compiler.
    """
    for layer in layers_of(model):
        layer.compile(dynamic=True, backend=backend)


def recompute_activations(model: PreTrainedModel) -> None:
    """Makes layers recompute their activations for the gradients instead of keeping them, to save memory."""
    name = "activation_checkpointing_enable"  # its name in recent versions of transformers
    enable = getattr(model, name if hasattr(model, name) else "gradient_checkpointing_enable")
    enable({"use_reentrant": False})


def check_architecture(checkpoint: str, model_type: str | None, architectures: Sequence[str] | None) -> None:
    """Checks by the architecture in its config that a student can be made from a checkpoint.

    Raises:
        ValueError: it is not a causal language model, or transformers has no such token classifier.
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
            f"checkpoint {checkpoint}: found architecture {architectures[0]}; allowed for {model_type}: "
            f"{causal}"
        )


def load_config(checkpoint: str | Path, **more: Any) -> PreTrainedConfig:
    """Loads a checkpoint's config and sets all dropout in it to 0."""
    if isinstance(checkpoint, Path) and not (checkpoint / "config.json").is_file():
        raise ValueError(
            f"checkpoint {checkpoint}: found no config.json; allowed: a transformers checkpoint folder"
        )
    config: PreTrainedConfig = AutoConfig.from_pretrained(str(checkpoint), trust_remote_code=False, **more)
    for name in DROPOUTS:
        if getattr(config, name, None):
            setattr(config, name, 0.0)
    return config
