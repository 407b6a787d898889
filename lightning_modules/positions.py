"""Checks of encoded solutions, independent of `encoding`: the positions of steps, lengths and token ids."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from lightning_modules.encoding import Encoded


def verify_positions(
    tokenizer: Any,
    steps: Sequence[Sequence[str]],
    encoded: Sequence[Encoded],
    names: Sequence[str],
    separator: str = "\n",
) -> None:
    """Decodes the tokens of every step and compares them with its text and separator.

    This ensures with any tokenizer that a step is judged at its last token. Differences that tokenizers may
    cause are allowed: the case and composition of letters, the space before a step's first word, and unknown
    characters.

    Args:
        tokenizer: tokenizer from transformers.
        steps: texts of the steps of N solutions.
        encoded: the same solutions in tokens; steps that were cut off are not checked.
        names: name of each solution in error messages.
        separator: text after each step.

    Raises:
        ValueError: a step's tokens decode to a different text; names the solution and the step.
    """
    places: list[tuple[int, int]] = []
    segments: list[list[int]] = []
    seen: set[int] = set()
    for index, solution in enumerate(encoded):
        if id(solution) in seen:  # equal solutions are one object
            continue
        seen.add(id(solution))
        start = solution.solution_start
        for step, end in enumerate(solution.step_end.tolist()):
            places.append((index, step))
            segments.append(solution.ids[start : end + 1].tolist())
            start = end + 1
    unknown = tokenizer.unk_token if tokenizer.unk_token_id is not None else None
    for (index, step), text in zip(places, _decode(tokenizer, segments), strict=True):
        expected = steps[index][step] + separator
        if text != expected and not _reads_as(_plain(expected), _plain(text), unknown):
            raise ValueError(
                f"tokenizer: found step {step} of {names[index]}, {expected!r:.80}, read back from its "
                f"tokens as {text!r:.80}; allowed: tokenizers that decode it to the same text"
            )


def check_lengths(model: torch.nn.Module, encoded: Sequence[Encoded]) -> None:
    """Raises a ValueError if a solution is too long for a model, or has a token without an embedding."""
    config: Any = getattr(model, "config", None)
    positions = getattr(config, "max_position_embeddings", None)
    longest = max((len(solution) for solution in encoded), default=0)
    if isinstance(positions, int) and longest > positions:
        raise ValueError(
            f"max_length: found a solution of {longest} tokens; allowed: up to {positions}, the positions of "
            "the model"
        )
    if hasattr(model, "get_input_embeddings"):
        check_ids(model, (solution.ids for solution in encoded))


def row_count(model: Any) -> int:
    """Counts the rows of a model's embeddings, one for each token that it can read."""
    return int(model.get_input_embeddings().weight.shape[0])


def check_ids(model: Any, texts: Iterable[np.ndarray]) -> None:
    """Raises a ValueError if a text has a token without an embedding in a model."""
    rows = row_count(model)
    largest = max((int(ids.max()) for ids in texts if len(ids)), default=0)
    if largest >= rows:
        raise ValueError(
            f"tokenizer: found token {largest} in a text; allowed: 0 to {rows - 1}, of which the model has "
            "embeddings"
        )


def _decode(tokenizer: Any, segments: list[list[int]]) -> list[str]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        texts: list[str] = backend.decode_batch(segments, skip_special_tokens=False)
        return texts
    return [tokenizer.decode(ids, clean_up_tokenization_spaces=False) for ids in segments]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().lstrip(" ")


def _reads_as(expected: str, found: str, unknown: str | None) -> bool:
    """Returns whether two texts are equal, except for unknown tokens in the second."""
    parts = [found] if unknown is None else found.split(_plain(unknown))
    return re.fullmatch(".+".join(map(re.escape, parts)), expected, re.DOTALL) is not None
