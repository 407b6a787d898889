"""Reward models of this project, as RewardModel.export writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablations.data.artifacts import prompt_of
from ablations.labelers.checkpoints import Checkpoint
from ablations.labelers.family import Family, load_classifier
from lightning_modules import encoding
from lightning_modules.reward_model import CLASSES


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognizes a checkpoint by the names of its classes."""
    return (
        checkpoint.architecture.endswith("ForTokenClassification") and checkpoint.labels in CLASSES.values()
    )


def encode(tokenizer: Any, problem: str, steps: Sequence[str], separator: str) -> encoding.Encoded:
    """Encodes a solution as this project's models read it."""
    return encoding.encode(tokenizer, prompt_of(problem), steps)


FAMILY = Family(
    template="[BOS]{problem}, a newline and, for each step, {step} and a newline; judged at each step's last "
    "token. A chat template, where there is one, opens instead: user {problem}",
    recognizes=recognizes,
    load=lambda loading: load_classifier(loading, *CLASSES),
    encode=encode,
)
