"""Qwen2.5-Math-PRM and the like (Qwen2ForProcessRewardModel), judged at a special token after each step.

Text that contains the special token is an error, because the model would take it for the end of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablations.labelers.family import Family, separator_positions, single_token, to_encoded
from lightning_modules.encoding import Encoded
from lightning_modules.judging_heads import TwoLayerHead, load_headed
from lightning_modules.tokenization import render_turns

SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
SEPARATOR = "<extra_0>"


def encode(tokenizer: Any, problem: str, steps: Sequence[str], separator: str) -> Encoded:
    """Encodes the chat template's text of the system, user and assistant turns."""
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": problem},
        {"role": "assistant", "content": "".join(step + SEPARATOR for step in steps)},
    ]
    text = render_turns(tokenizer, messages, add_generation_prompt=False)
    ids = tokenizer.encode(text, add_special_tokens=False)
    return to_encoded(ids, 0, separator_positions(ids, single_token(tokenizer, SEPARATOR), len(steps)))


FAMILY = Family(
    template=f"chat template of system {SYSTEM!r}, user {{problem}}, assistant {{step}}{SEPARATOR} for each "
    f"step; judged at each {SEPARATOR}",
    recognizes=lambda checkpoint: checkpoint.architecture == "Qwen2ForProcessRewardModel",
    load=lambda loading: load_headed(TwoLayerHead, loading.folder, dtype=loading.dtype),
    encode=encode,
    native=True,
)
