"""Families of checkpoints that can label, and how to find a checkpoint's family."""

from __future__ import annotations

from ablations.labelers import (
    math_shepherd,
    qwen_prm,
    reasoneval,
    reward_model,
    rlhflow,
    sequence_classification,
    skywork,
    token_classification,
)
from ablations.labelers.checkpoints import Checkpoint
from ablations.labelers.family import Family

FAMILIES: dict[str, Family] = {
    "token-classification": token_classification.FAMILY,
    "qwen-prm": qwen_prm.FAMILY,
    "rlhflow": rlhflow.FAMILY,
    "math-shepherd": math_shepherd.FAMILY,
    "skywork": skywork.FAMILY,
    "reasoneval": reasoneval.FAMILY,
    "reward-model": reward_model.FAMILY,
    "sequence-classification": sequence_classification.FAMILY,
}


def family_of(checkpoint: Checkpoint, named: str | None = None) -> str:
    """Returns the family that the user names, or else the one that recognizes the checkpoint.

    Raises:
        ValueError: there is no family of that name, or not exactly one recognizes the checkpoint.
    """
    if named is not None:
        if named not in FAMILIES:
            raise ValueError(f"family: found {named!r}; allowed: {', '.join(FAMILIES)}")
        return named
    matches = [name for name, family in FAMILIES.items() if family.recognizes(checkpoint)]
    if len(matches) != 1:
        labels = f" with the classes {', '.join(checkpoint.labels)}" if checkpoint.labels else ""
        raise ValueError(
            f"family: found a {checkpoint.architecture or 'checkpoint without a class'}{labels} in "
            f"{checkpoint.name}, which does not show its family; allowed: to name one of "
            f"{', '.join(FAMILIES)}"
        )
    return matches[0]


def check_code(checkpoint: Checkpoint, family: str, trust_remote_code: bool) -> None:
    """Checks that code shipped with a checkpoint is run only if the user trusts it.

    Raises:
        ValueError: the checkpoint needs such code, and the user does not trust it.
    """
    if checkpoint.remote and not FAMILIES[family].native and not trust_remote_code:
        native = ", ".join(name for name, known in FAMILIES.items() if known.native)
        raise ValueError(
            f"labeler: found remote code (auto_map) in the config of {checkpoint.name}; allowed: a family "
            f"that needs no remote code ({native}), or --trust-remote-code"
        )
