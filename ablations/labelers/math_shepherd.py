"""Math-Shepherd's PRM: a tag after each step, at which the next word is + or -.

Text that contains the tag's token is an error, because the model would take it for the end of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablations.labelers.checkpoints import Checkpoint
from ablations.labelers.family import Family, load_words, separator_positions, to_encoded, tokens_ending_at
from lightning_modules.encoding import Encoded

TAG = "ки"


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognizes a causal language model by its name, or by the tag among its added tokens."""
    if not checkpoint.architecture.endswith("ForCausalLM"):
        return False
    return "math-shepherd" in checkpoint.name.lower() or TAG in checkpoint.added_tokens()


def encode(tokenizer: Any, problem: str, steps: Sequence[str], separator: str) -> Encoded:
    """Encodes [BOS], the problem and the steps; each step is judged at its tag."""
    text, ends = f"{problem} ", []
    for step in steps:
        text += f"{step} {TAG}"
        ends.append(len(text))
        text += "\n"
    batch = tokenizer(text, return_offsets_mapping=True)
    ids = batch["input_ids"]
    tag = _after_space(tokenizer, TAG)
    at = tokens_ending_at(batch["offset_mapping"], ends)
    if not (separator_positions(ids, tag, len(steps)) == at).all():
        raise ValueError(f"found {TAG!r} elsewhere than after the steps; allowed: no text that contains it")
    return to_encoded(ids, 0, at)


def _after_space(tokenizer: Any, text: str) -> int:
    """Returns the last token of a text after a space, where some tokenizers use a separate token."""
    return int(tokenizer.encode(f"a {text}", add_special_tokens=False)[-1])


FAMILY = Family(
    template=f"[BOS]{{problem}} and, for each step, {{step}} {TAG} and a newline; judged at {TAG}, by + "
    "against -",
    recognizes=recognizes,
    load=lambda loading: load_words(loading, _after_space),
    encode=encode,
)
