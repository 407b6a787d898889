"""Outcome reward models: one score for a whole solution, at its last token.

They are sequence classifiers with one value or two classes, and Qwen2.5-Math-RM. A chat template, where there
is one, renders the problem as the user's turn and the solution as the assistant's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablations.labelers.checkpoints import Checkpoint
from ablations.labelers.family import Family, Loading, to_encoded
from lightning_modules.encoding import Encoded
from lightning_modules.judging_heads import TwoLayerValueHead, load_headed, load_sequence_judge
from lightning_modules.tokenization import render_turns

QWEN = "Qwen2ForRewardModel"


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognizes a checkpoint by the class that wrote it."""
    return checkpoint.architecture.endswith("ForSequenceClassification") or checkpoint.architecture == QWEN


def load(loading: Loading) -> Any:
    """Loads the model; Qwen2.5-Math-RM without its remote code."""
    if loading.architecture == QWEN:
        return load_headed(TwoLayerValueHead, loading.folder, dtype=loading.dtype)
    return load_sequence_judge(
        loading.folder, dtype=loading.dtype, trust_remote_code=loading.trust_remote_code
    )


def encode(tokenizer: Any, problem: str, steps: Sequence[str], separator: str) -> Encoded:
    """Encodes the conversation, or [BOS], the problem, a newline and the solution."""
    solution = separator.join(steps)
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": problem}, {"role": "assistant", "content": solution}]
        text = render_turns(tokenizer, turns, add_generation_prompt=False)
        ids = tokenizer.encode(text, add_special_tokens=False)
    else:
        ids = tokenizer.encode(f"{problem}\n{solution}", add_special_tokens=False)
        if tokenizer.bos_token_id is not None:
            ids = [tokenizer.bos_token_id, *ids]
    return to_encoded(ids, 0, [len(ids) - 1])


FAMILY = Family(
    template="chat template of user {problem}, assistant {step}s joined by {separator}; without a template "
    "[BOS]{problem}, a newline and these; the solution judged at the last token",
    recognizes=recognizes,
    load=load,
    encode=encode,
    separator="\n",
    of_solutions=True,
)
