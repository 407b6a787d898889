"""What a family of checkpoints is: the text its models read, and where in it they judge the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ablations.labelers.checkpoints import Checkpoint
from lightning_modules.encoding import Encoded

Encode = Callable[[Any, str, Sequence[str], str], Encoded]
"""Tokenizer, problem, steps and separator -> tokens and the position that judges each step."""


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How a checkpoint is loaded."""

    folder: Path
    """Where it is."""
    tokenizer: Any
    """Its tokenizer."""
    dtype: str
    """Of the weights: one of `choice.DTYPES`."""
    trust_remote_code: bool
    """Whether code that lies beside it may be run."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Checkpoints that read solutions in the same way."""

    template: str
    """What its models read, for people: {problem}, {step} and {separator} stand for texts."""
    recognises: Callable[[Checkpoint], bool]
    """Whether a checkpoint says by itself that it is of this family."""
    load: Callable[[Loading], Any]
    """Loads a model that gives class logits, from negative to positive, at every token."""
    encode: Encode
    """Tokens of a solution and the positions that judge its steps."""
    native: bool = False
    """Whether its models are run by code of ours, so that code beside a checkpoint is not needed."""
    separator: str | None = None
    """Text after each step, where a checkpoint does not fix it; None where it does."""


def at_separators(ids: Sequence[int] | np.ndarray, separator: int, steps: int) -> np.ndarray:
    """int64 [S]: where the separator's token stands, once for each step.

    Raises:
        ValueError: it stands there more often, or less.
    """
    at = np.flatnonzero(np.asarray(ids) == separator)
    if len(at) != steps:
        raise ValueError(
            f"found {len(at)} separators for {steps} steps; allowed: as many, so no text that holds one"
        )
    return at


def ending_at(offsets: Sequence[tuple[int, int]], ends: Sequence[int]) -> np.ndarray:
    """int64 [E]: the tokens that end where given pieces of the text do.

    Args:
        offsets: first and last character of each token, the latter exclusive.
        ends: ascending.

    Raises:
        ValueError: a token straddles the end of a piece, or none ends there.
    """
    token_end = {int(end): token for token, (start, end) in enumerate(offsets) if end > start}
    missing = [end for end in ends if end not in token_end]
    if missing:
        raise ValueError(
            f"found no token that ends at character {missing[0]}, where a step does; allowed: tokens that "
            "do not reach over the end of a step"
        )
    return np.array([token_end[end] for end in ends], dtype=np.int64)


def single(tokenizer: Any, text: str) -> int:
    """The one token of a text.

    Raises:
        ValueError: it has another number of tokens.
    """
    ids = tokenizer.encode(text, add_special_tokens=False)
    if len(ids) != 1:
        raise ValueError(f"tokenizer: found {len(ids)} tokens for {text!r}; allowed: one")
    return int(ids[0])


def encoded(ids: Sequence[int], solution_start: int, step_end: Sequence[int] | np.ndarray) -> Encoded:
    """Tokens and positions as `Encoded` holds them."""
    return Encoded(
        ids=np.asarray(ids, dtype=np.int32),
        solution_start=solution_start,
        step_end=np.asarray(step_end, dtype=np.int64),
    )
