"""Token classification with two labels, as TRL's PRMTrainer trained it.

The prompt and each step are tokenized alone; after each step come the separator's tokens, the last of which
is judged. Nothing stands between the prompt and the first step. A step's text may hold the separator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ablations.labelers.checkpoints import Checkpoint
from ablations.labelers.family import Family, Loading, encoded
from lightning_modules.encoding import Encoded
from lightning_modules.judging_heads import load_token_classifier

UNNAMED = ("LABEL_0", "LABEL_1")
"""What transformers calls two classes that nobody named."""


def recognises(checkpoint: Checkpoint) -> bool:
    """Two classes without names."""
    return checkpoint.architecture.endswith("ForTokenClassification") and checkpoint.labels in ((), UNNAMED)


def load(loading: Loading) -> Any:
    """The model; two classes, the second is right."""
    model = load_token_classifier(
        loading.folder, dtype=loading.dtype, trust_remote_code=loading.trust_remote_code
    )
    if model.config.num_labels != 2:
        raise ValueError(f"labeler: found {model.config.num_labels} classes; allowed for this family: 2")
    return model


def encode(tokenizer: Any, problem: str, steps: Sequence[str], separator: str) -> Encoded:
    """[BOS] problem, then each step and the separator."""
    prompt, *parts = (
        tokenizer.encode(text, add_special_tokens=False) for text in (problem, *steps, separator)
    )
    after = parts.pop()
    if not after:
        raise ValueError(f"separator: found {separator!r}, which has no token; allowed: one that has")
    if tokenizer.bos_token_id is not None:
        prompt = [tokenizer.bos_token_id, *prompt]
    lengths = [len(prompt), *(len(part) + len(after) for part in parts)]
    ids = [*prompt, *(token for part in parts for token in (*part, *after))]
    return encoded(ids, len(prompt), np.cumsum(lengths)[1:] - 1)


FAMILY = Family(
    template="[BOS]{problem} and, for each step, {step}{separator}, each tokenized alone; judged at the last "
    "token of the separator",
    recognises=recognises,
    load=load,
    encode=encode,
    separator="\n",
)
