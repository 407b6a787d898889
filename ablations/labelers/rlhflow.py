"""RLHFlow's PRMs: in a conversation, the assistant answers each step with + or -; judged before each answer.

Texts may contain + and -: the answer to a step is found by its place in the conversation. White space around
a step is removed, because their training data has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablations.labelers.checkpoints import Checkpoint
from ablations.labelers.family import RIGHT, Family, load_words, to_encoded, tokens_ending_at
from lightning_modules.encoding import Encoded
from lightning_modules.tokenization import DATE, render_turns


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognizes a causal language model by its name: nothing in it says that it is a PRM."""
    return checkpoint.architecture.endswith("ForCausalLM") and "rlhflow" in checkpoint.name.lower()


def encode(tokenizer: Any, problem: str, steps: Sequence[str], separator: str) -> Encoded:
    """Encodes the chat template's text of all turns; each step is judged at the token before its +."""
    turns: list[dict[str, str]] = []
    places: list[int] = []
    for step in steps:
        text = step.strip() if turns else f"{problem} {step.strip()}"
        turns.append({"role": "user", "content": text})
        places.append(len(_render(tokenizer, turns, answered=False)))
        turns.append({"role": "assistant", "content": RIGHT})
    whole = _render(tokenizer, turns, answered=True)
    batch = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    ids = batch["input_ids"]
    answers = tokens_ending_at(batch["offset_mapping"], [place + len(RIGHT) for place in places])
    word = _word(tokenizer, RIGHT)
    for place, answer in zip(places, answers, strict=True):
        start = batch["offset_mapping"][answer][0]
        if whole[place : place + len(RIGHT)] != RIGHT or start != place or ids[answer] != word:
            raise ValueError(
                f"found {whole[start : place + len(RIGHT)]!r} where an answer should be; allowed: a chat "
                f"template that puts {RIGHT!r} after its generation prompt, as a token of its own"
            )
    return to_encoded(ids, 0, answers - 1)


def _render(tokenizer: Any, turns: list[dict[str, str]], *, answered: bool) -> str:
    return render_turns(tokenizer, turns, add_generation_prompt=not answered, date_string=DATE)


def _word(tokenizer: Any, text: str) -> int:
    return int(tokenizer.encode(text, add_special_tokens=False)[-1])


FAMILY = Family(
    template="chat template of user {problem} {step}, assistant +, user {step}, assistant +, ...; judged at "
    "the token before each +, by + against -",
    recognizes=recognizes,
    load=lambda loading: load_words(loading, _word),
    encode=encode,
)
