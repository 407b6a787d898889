"""Reward models trained here, as RewardModel.export writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablations.data.artifacts import prompt_of
from ablations.labelers.checkpoints import Checkpoint
from ablations.labelers.family import Family, Loading
from lightning_modules import encoding
from lightning_modules.judging_heads import load_token_classifier
from lightning_modules.reward_model import CLASSES


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognizes a checkpoint by the names of its classes."""
    return (
        checkpoint.architecture.endswith("ForTokenClassification") and checkpoint.labels in CLASSES.values()
    )


def load(loading: Loading) -> Any:
    """Loads the model, which has two or three classes."""
    model = load_token_classifier(
        loading.folder, dtype=loading.dtype, trust_remote_code=loading.trust_remote_code
    )
    if model.config.num_labels not in CLASSES:
        raise ValueError(
            f"labeler: found {model.config.num_labels} classes; allowed for this family: {sorted(CLASSES)}"
        )
    return model


def encode(tokenizer: Any, problem: str, steps: Sequence[str], separator: str) -> encoding.Encoded:
    """Encodes a solution as models trained here read it."""
    return encoding.encode(tokenizer, prompt_of(problem), steps)


FAMILY = Family(
    template="[BOS]{problem}, a newline and, for each step, {step} and a newline; judged at each step's last "
    "token. A chat template, where there is one, opens instead: user {problem}",
    recognizes=recognizes,
    load=load,
    encode=encode,
)
