"""Skywork-o1's PRMs: a value head read at newlines.

The solution is split at newlines, and each line is tokenized separately, so a step of several lines is judged
at the newline of its last line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablations.labelers.checkpoints import Checkpoint
from ablations.labelers.family import Family, Loading, to_encoded
from lightning_modules.encoding import Encoded
from lightning_modules.judging_heads import ValueHead, load_headed

NEWLINE = "\n"


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognizes a checkpoint by the class that wrote it or by its value head."""
    return checkpoint.architecture == "Qwen2ForPrmModel" or "v_head.summary.weight" in checkpoint.tensors()


def load(loading: Loading) -> Any:
    """Loads the model without its remote code."""
    return load_headed(ValueHead, loading.folder, dtype=loading.dtype)


def encode(tokenizer: Any, problem: str, steps: Sequence[str], separator: str) -> Encoded:
    """Encodes BOS, problem and newline; then each line and the newline token."""
    if tokenizer.bos_token is None:
        raise ValueError("tokenizer: found no BOS token; allowed for this family: a tokenizer that has one")
    ids = tokenizer.encode(tokenizer.bos_token + problem + NEWLINE, add_special_tokens=False)
    start, judged = len(ids), []
    newline = tokenizer.encode(NEWLINE, add_special_tokens=False)[-1]
    for step in steps:
        for line in step.split(NEWLINE):
            ids += [*tokenizer.encode(line, add_special_tokens=False), newline]
        judged.append(len(ids) - 1)
    return to_encoded(ids, start, judged)


FAMILY = Family(
    template="{BOS}{problem}, a newline and, for each line of each step, the line, tokenized alone, and a "
    "newline; judged at the newline of each step's last line",
    recognizes=recognizes,
    load=load,
    encode=encode,
    native=True,
)
