"""Token classification with two classes, the second of which is right, as trained by TRL's PRMTrainer.

The prompt and each step are tokenized separately; after each step come the separator's tokens, the last of
which is judged. Nothing comes between the prompt and the first step. A step's text may contain the separator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ablations.labelers.checkpoints import Checkpoint
from ablations.labelers.family import Family, load_classifier, to_encoded
from lightning_modules.encoding import Encoded

UNNAMED = ("LABEL_0", "LABEL_1")
"""Names that transformers gives to two unnamed classes."""


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognizes a token classifier whose two classes have no names."""
    return checkpoint.architecture.endswith("ForTokenClassification") and checkpoint.labels in ((), UNNAMED)


def encode(tokenizer: Any, problem: str, steps: Sequence[str], separator: str) -> Encoded:
    """Encodes [BOS] and the problem, then each step and the separator."""
    texts = (problem, *steps, separator)
    prompt, *parts, after = (tokenizer.encode(text, add_special_tokens=False) for text in texts)
    if not after:
        raise ValueError(f"separator: found {separator!r}, which has no token; allowed: a text that has one")
    if tokenizer.bos_token_id is not None:
        prompt = [tokenizer.bos_token_id, *prompt]
    lengths = [len(prompt), *(len(part) + len(after) for part in parts)]
    ids = [*prompt, *(token for part in parts for token in (*part, *after))]
    return to_encoded(ids, len(prompt), np.cumsum(lengths)[1:] - 1)


FAMILY = Family(
    template="[BOS]{problem} and, for each step, {step}{separator}, each tokenized alone; judged at the last "
    "token of the separator",
    recognizes=recognizes,
    load=lambda loading: load_classifier(loading, 2),
    encode=encode,
    separator="\n",
)
