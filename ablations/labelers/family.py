"""A family of checkpoints: the text its models read, and where in it they judge the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ablations.labelers.checkpoints import Checkpoint
from lightning_modules.encoding import Encoded
from lightning_modules.judging_heads import load_token_classifier, load_word_judge

Encode = Callable[[Any, str, Sequence[str], str], Encoded]
"""Tokenizer, problem, steps and separator -> tokens and the position that judges each step."""
RIGHT, WRONG = "+", "-"
"""Words by which some language models judge."""


@dataclass(frozen=True, kw_only=True)
class Loading:
    """Settings for loading a checkpoint."""

    folder: Path
    architecture: str
    """The class that wrote it; empty if it does not say."""
    tokenizer: Any
    dtype: str
    """Data type of the weights: a `choice.WeightType`."""
    trust_remote_code: bool


@dataclass(frozen=True, kw_only=True)
class Family:
    """Checkpoints that read solutions in the same way."""

    template: str
    """What its models read, for display: {problem}, {step} and {separator} stand for texts."""
    recognizes: Callable[[Checkpoint], bool]
    """Whether a checkpoint can be recognized as a member of this family."""
    load: Callable[[Loading], Any]
    """Function that loads a model with class logits, from negative to positive, at every token."""
    encode: Encode
    """Function that returns a solution's tokens and the positions at which it is judged."""
    of_solutions: bool = False
    """Whether its models judge whole solutions, each at one position, rather than steps."""
    native: bool = False
    """Whether its models run on this project's code, so that code shipped with a checkpoint is not needed."""
    separator: str | None = None
    """Default text after each step, if its checkpoints do not fix it; None if they do."""


def load_classifier(loading: Loading, *counts: int) -> Any:
    """Loads a token classifier that has one of these numbers of classes.

    Raises:
        ValueError: it has another number of classes.
    """
    model = load_token_classifier(
        loading.folder, dtype=loading.dtype, trust_remote_code=loading.trust_remote_code
    )
    if (found := model.config.num_labels) not in counts:
        allowed = ", ".join(map(str, counts))
        raise ValueError(f"labeler: found {found} classes; allowed for this family: {allowed}")
    return model


def load_words(loading: Loading, word: Callable[[Any, str], int]) -> Any:
    """Loads a language model that judges by RIGHT and WRONG; `word` returns the token of each."""
    return load_word_judge(
        loading.folder,
        negative=word(loading.tokenizer, WRONG),
        positive=word(loading.tokenizer, RIGHT),
        dtype=loading.dtype,
        trust_remote_code=loading.trust_remote_code,
    )


def separator_positions(ids: Sequence[int] | np.ndarray, separator: int, steps: int) -> np.ndarray:
    """Returns the positions of the separator's token, one per step: int64 [S].

    Raises:
        ValueError: it occurs more often or less often.
    """
    at = np.flatnonzero(np.asarray(ids) == separator)
    if len(at) != steps:
        raise ValueError(
            f"found {len(at)} separators for {steps} steps; allowed: as many, so no text that contains one"
        )
    return at


def tokens_ending_at(offsets: Sequence[tuple[int, int]], ends: Sequence[int]) -> np.ndarray:
    """Returns the tokens that end where given pieces of the text end: int64 [E].

    Args:
        offsets: start and end character of each token, the end exclusive.
        ends: end character of each piece, ascending.

    Raises:
        ValueError: a token straddles the end of a piece, or none ends there.
    """
    token_end = {int(end): token for token, (start, end) in enumerate(offsets) if end > start}
    missing = [end for end in ends if end not in token_end]
    if missing:
        raise ValueError(
            f"found no token that ends at character {missing[0]}, where a step ends; allowed: tokens that "
            "do not cross the end of a step"
        )
    return np.array([token_end[end] for end in ends], dtype=np.int64)


def single_token(tokenizer: Any, text: str) -> int:
    """Returns the only token of a text.

    Raises:
        ValueError: the text is not exactly one token.
    """
    ids = tokenizer.encode(text, add_special_tokens=False)
    if len(ids) != 1:
        raise ValueError(f"tokenizer: found {len(ids)} tokens for {text!r}; allowed: one")
    return int(ids[0])


def to_encoded(ids: Sequence[int], solution_start: int, step_end: Sequence[int] | np.ndarray) -> Encoded:
    """Puts tokens and positions into an `Encoded`."""
    return Encoded(
        ids=np.asarray(ids, dtype=np.int32),
        solution_start=solution_start,
        step_end=np.asarray(step_end, dtype=np.int64),
    )
