"""The families of checkpoints that can label, and which of them a checkpoint is of."""

from __future__ import annotations

from ablations.labelers import (
    math_shepherd,
    qwen_prm,
    reasoneval,
    reward_model,
    rlhflow,
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
}


def family_of(checkpoint: Checkpoint, named: str | None = None) -> str:
    """The family that the user names, or else that a checkpoint tells.

    Raises:
        ValueError: there is none of that name, or the checkpoint does not tell one.
    """
    if named is not None:
        if named not in FAMILIES:
            raise ValueError(f"family: found {named!r}; allowed: {', '.join(FAMILIES)}")
        return named
    told = [name for name, family in FAMILIES.items() if family.recognises(checkpoint)]
    if len(told) != 1:
        labels = f" with the classes {', '.join(checkpoint.labels)}" if checkpoint.labels else ""
        raise ValueError(
            f"family: found a {checkpoint.architecture or 'checkpoint without a class'}{labels} in "
            f"{checkpoint.name}, which does not tell its family; allowed: to name one of "
            f"{', '.join(FAMILIES)}"
        )
    return told[0]


def check_code(checkpoint: Checkpoint, family: str, trust_remote_code: bool) -> None:
    """Code that lies beside a checkpoint is run only where the user trusts it.

    Raises:
        ValueError: the checkpoint needs it, and the user does not.
    """
    if checkpoint.remote and not FAMILIES[family].native and not trust_remote_code:
        native = ", ".join(name for name, one in FAMILIES.items() if one.native)
        raise ValueError(
            f"labeler: found remote code (auto_map) in the config of {checkpoint.name}; allowed: a family "
            f"whose code is here ({native}), or --trust-remote-code"
        )
