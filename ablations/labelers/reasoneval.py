"""ReasonEval: three classes at each step's last token; what is not negative is valid.

As in the original, texts are tokenized with the padding token between them, which is then removed: steps are
read without a separator, but no token spans two of them. Text that contains the padding token is an error.

If the padding token is also the BOS, the original script counts it as a separator and reads the token before
each step's last one. Here it is always the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ablations.labelers.checkpoints import Checkpoint
from ablations.labelers.family import Family, separator_positions, single_token, to_encoded
from lightning_modules.encoding import Encoded
from lightning_modules.judging_heads import ThreeClassHead, load_headed

PROMPT = "Question:\n{problem}\nAnswer:\nLet's think step by step.\n"


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognizes a checkpoint by the class that wrote it or by its head."""
    return checkpoint.architecture.startswith("ReasonEval") or "score_head.weight" in checkpoint.tensors()


def encode(tokenizer: Any, problem: str, steps: Sequence[str], separator: str) -> Encoded:
    """Encodes [BOS], the prompt and the steps, with nothing between them."""
    between = tokenizer.pad_token
    if between is None:
        raise ValueError(
            "tokenizer: found no padding token; allowed for this family: a tokenizer that has one"
        )
    prompt = PROMPT.replace("{problem}", problem)
    text = prompt + between + "".join(step + between for step in steps)
    ids = np.array(tokenizer.encode(text, add_special_tokens=False))
    at = separator_positions(ids, single_token(tokenizer, between), len(steps) + 1)
    before = at - np.arange(len(at))  # tokens before each separator that are not separators themselves
    if (np.diff(before) == 0).any():
        raise ValueError("found a step without a token of its own; allowed: steps that have one")
    opening = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    ends = before + len(opening)
    return to_encoded([*opening, *np.delete(ids, at)], int(ends[0]), ends[1:] - 1)


FAMILY = Family(
    template="[BOS]Question:\\n{problem}\\nAnswer:\\nLet's think step by step.\\n and the steps, each "
    "tokenized alone; judged at each step's last token",
    recognizes=recognizes,
    load=lambda loading: load_headed(ThreeClassHead, loading.folder, dtype=loading.dtype),
    encode=encode,
    native=True,
)
