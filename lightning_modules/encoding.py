"""Encoding of prompts and steps as token ids, and the only definition of the positions that judge steps.

A model reads ``prompt + step + separator + step + separator + ...``. A step is judged at the last token of
its text and separator. The whole text is tokenized at once, so that the ids are those the model knows from
pretraining; a solution in which a token would straddle the end of a prompt or a step is tokenized piece by
piece instead. `tokenization.opening` adds the BOS token or the chat template to the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightning_modules.tokenization import opening

IGNORE = -100
"""Target of a token or a step that is not trained on."""
STATES_BEYOND_STEPS = 2
"""Stored states of a solution in addition to its steps': its last token's, and the mean over its tokens."""
MOST_CLASSES = 128
"""Number of classes that the int8 targets of tokens can hold."""
SUM_TOLERANCE = 1e-3
"""Largest difference from 1 of the sum of probabilities."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A solution, with its targets if it is used for training."""

    prompt: str
    """Problem with its closing newline."""
    steps: tuple[str, ...]
    """Texts of the steps, without separators."""
    step_targets: tuple[int, ...] | None = None
    """Class of each step, an integer, or -100 for none (process supervision)."""
    solution_target: int | None = None
    """Class of the whole solution, which is the target of all its tokens (outcome supervision)."""

    def __post_init__(self) -> None:
        if isinstance(self.steps, str):
            raise ValueError(f"steps is the string {self.steps!r:.80}; allowed: a sequence of strings")
        object.__setattr__(self, "steps", tuple(self.steps))
        if self.step_targets is not None:
            targets = enumerate(self.step_targets)
            classes = tuple(_to_class(target, f"step_targets[{step}]") for step, target in targets)
            object.__setattr__(self, "step_targets", classes)
            if self.solution_target is not None:
                raise ValueError("step_targets and solution_target are both set; allowed: at most one")
            if len(self.step_targets) != len(self.steps):
                raise ValueError(
                    f"step_targets has {len(self.step_targets)} entries for {len(self.steps)} steps; "
                    "allowed: one per step"
                )
        elif self.solution_target is not None:
            object.__setattr__(self, "solution_target", _to_class(self.solution_target, "solution_target"))


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A solution in tokens."""

    ids: np.ndarray
    """int32 [T], token ids."""
    solution_start: int
    """Index of the first token after the prompt; T if the solution has none."""
    step_end: np.ndarray
    """int64 [S], index of the token that judges each step, without steps that were cut off."""
    cut_steps: int = 0
    """Number of steps that did not fit into `max_length` tokens."""

    def __len__(self) -> int:
        return len(self.ids)


def encode(
    tokenizer: Any, prompt: str, steps: Sequence[str], separator: str = "\n", max_length: int | None = None
) -> Encoded:
    """Encodes one solution; see `encode_all`."""
    return encode_all(tokenizer, [prompt], [steps], separator, max_length)[0]


def encode_all(
    tokenizer: Any,
    prompts: Sequence[str],
    steps: Sequence[Sequence[str]],
    separator: str = "\n",
    max_length: int | None = None,
) -> list[Encoded]:
    """Encodes many solutions in one tokenizer call; equal solutions are tokenized once.

    Args:
        tokenizer: A tokenizer from transformers; see `tokenization.opening`.
        prompts: N prompts.
        steps: Texts of the steps of each of the N solutions.
        separator: Text after each step.
        max_length: Most tokens of a solution; steps are kept or cut off whole; None: no limit.

    Returns:
        N encoded solutions, in order; equal solutions are the same object.

    Raises:
        ValueError: If a step has no token of its own (names the example), a solution has no token at all, or
            `max_length` is below 1.
    """
    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length is {max_length}; allowed: at least 1, or None")
    keys = [(prompt, tuple(texts)) for prompt, texts in zip(prompts, steps, strict=True)]
    first_example: dict[tuple[str, tuple[str, ...]], int] = {}
    for example, key in enumerate(keys):
        first_example.setdefault(key, example)
    openings = {prompt: opening(tokenizer, prompt) for prompt, _ in first_example}
    pieces = [[openings[prompt][0], *(step + separator for step in texts)] for prompt, texts in first_example]
    tokenized = _tokenize_whole(tokenizer, pieces)
    encoded: dict[tuple[str, tuple[str, ...]], Encoded] = {}
    for (key, example), piece, whole in zip(first_example.items(), pieces, tokenized, strict=True):
        prompt, texts = key
        ids, counts = _tokenize_pieces(tokenizer, piece) if whole is None else whole
        if not counts[1:].all():
            step = int(np.argmin(counts[1:]))
            raise ValueError(
                f"example {example}, step {step} is {texts[step]!r:.80} and has no token of its own; "
                f"allowed: steps that the tokenizer turns into at least one token. Prompt: {prompt!r:.80}"
            )
        bos = openings[prompt][1]
        ends = np.cumsum(counts) + len(bos)
        length = int(ends[-1])
        if max_length is not None and length > max_length:
            whole_steps = max(int(np.searchsorted(ends, max_length, side="right")) - 1, 0)
            ends = ends[: whole_steps + 1]
            length = min(int(ends[-1]), max_length)
        if length == 0:
            raise ValueError(
                f"example {example} has no token; allowed: at least one, of a prompt, a step or BOS"
            )
        encoded[key] = Encoded(
            ids=np.array(bos + list(ids), dtype=np.int32)[:length],
            solution_start=min(int(ends[0]), length),
            step_end=ends[1:] - 1,
            cut_steps=len(texts) - len(ends) + 1,
        )
    return [encoded[key] for key in keys]


def token_targets(
    encoded: Encoded,
    *,
    step_target: Sequence[int] | np.ndarray | None = None,
    solution_target: int | np.ndarray | None = None,
    num_classes: int = MOST_CLASSES,
) -> np.ndarray:
    """Makes the targets of a solution's tokens: at the step ends, or at every token of the solution.

    Args:
        encoded: Solution in tokens.
        step_target: Class of each step, including those that were cut off, -100 for none; or class
            probabilities [S, C], zeros for none.
        solution_target: Class of the whole solution, or class probabilities [C].
        num_classes: Number of classes of the model.

    Returns:
        int8 [T], -100 where there is no target; for probabilities float32 [T, C], zeros where there is none.

    Raises:
        ValueError: Unless exactly one target is given, with one class or row of probabilities per step.
    """
    if (step_target is None) == (solution_target is None):
        raise ValueError("step_target and solution_target are both set or both missing; allowed: exactly one")
    tokens: Any
    if step_target is None:
        given = _check_targets(np.asarray(solution_target)[None], "solution_target", num_classes)
        tokens = slice(encoded.solution_start, None)
    else:
        steps = len(encoded.step_end) + encoded.cut_steps
        if len(step_target) != steps:
            raise ValueError(
                f"step_target has {len(step_target)} entries for {steps} steps; allowed: one per step"
            )
        given = _check_targets(np.asarray(step_target), "step_target", num_classes)
        given, tokens = given[: len(encoded.step_end)], encoded.step_end
    if given.ndim == 1:
        target = np.full(len(encoded.ids), IGNORE, dtype=np.int8)
    else:
        target = np.zeros((len(encoded.ids), given.shape[1]), dtype=np.float32)
    target[tokens] = given
    return target


def find_wrong_targets(target: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the indices of targets [N] that are neither a class nor -100, or of bad probabilities [N, C].

    A row of probabilities holds numbers in [0, 1] that sum to 1, or zeros for no target.
    """
    if target.ndim == 1:
        wrong = (target != IGNORE) & ((target < 0) | (target >= num_classes))
    else:
        total = target.sum(axis=1)
        within = ((target >= 0) & (target <= 1)).all(axis=1)  # false for NaN too
        wrong = ~(within & ((np.abs(total - 1) < SUM_TOLERANCE) | (total == 0)))
    return np.flatnonzero(wrong)


def _check_targets(given: np.ndarray, name: str, num_classes: int) -> np.ndarray:
    """Returns targets [N] or [N, C] if they are classes or class probabilities; else a ValueError."""
    if given.ndim == 1 and not len(given):
        return given.astype(np.int8)
    whole = given.dtype.kind in "iu" and given.ndim == 1
    soft = given.dtype.kind == "f" and given.ndim == 2 and num_classes in (given.shape[1], MOST_CLASSES)
    wrong = find_wrong_targets(given, num_classes) if whole or soft else np.arange(1)
    if len(wrong):
        field = f"{name}[{wrong[0]}]" if name == "step_target" else name
        raise ValueError(
            f"{field}: found {given[wrong[0]].tolist()!r:.80}; allowed: {_allowed(num_classes)}, or the "
            "probabilities of all classes"
        )
    return given


def _to_class(target: Any, name: str) -> int:
    """Returns a target as an int. A bool is rejected because it is ambiguous with three classes."""
    whole = isinstance(target, int | np.integer) and not isinstance(target, bool)
    if not whole or not (target == IGNORE or 0 <= target < MOST_CLASSES):
        found = target.item() if isinstance(target, np.generic) else target
        raise ValueError(f"{name}: found {found!r:.80}; allowed: {_allowed(MOST_CLASSES)}")
    return int(target)


def _allowed(num_classes: int) -> str:
    return f"a whole number from 0 to {num_classes - 1}, or {IGNORE} for no target"


def _tokenize_whole(tokenizer: Any, pieces: list[list[str]]) -> list[tuple[list[int], np.ndarray] | None]:
    """Returns ids of each joined text and token counts of its pieces; None if a token straddles two."""
    if not pieces or not getattr(tokenizer, "is_fast", False):
        return [None] * len(pieces)
    batch = tokenizer(
        ["".join(piece) for piece in pieces],
        add_special_tokens=False,
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    results: list[tuple[list[int], np.ndarray] | None] = []
    for piece, ids, offsets in zip(pieces, batch["input_ids"], batch["offset_mapping"], strict=True):
        span = np.asarray(offsets, dtype=np.int64).reshape(-1, 2)
        boundary = np.cumsum([len(part) for part in piece])
        # A boundary is valid if the tokens before it end at or before it and those after it start at or
        # after it. Tokens with empty spans (some tokenizers trim whitespace from them) cannot be placed.
        before = np.searchsorted(span[:, 1], boundary, side="right")
        starts = np.append(span[:, 0], boundary[-1])
        ordered = np.all(np.diff(span[:, 1]) >= 0) and np.all(span[:, 0] < span[:, 1])
        covered = np.concatenate([[0], span[:, 1]])[before] == boundary
        valid = ordered and np.all(covered & (starts[before] >= boundary))
        results.append((ids, np.diff(before, prepend=0)) if valid else None)
    return results


def _tokenize_pieces(tokenizer: Any, piece: list[str]) -> tuple[list[int], np.ndarray]:
    """Tokenizes pieces one by one; returns the joined ids and the token count of each piece."""
    rows = [
        tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"] if part else []
        for part in piece
    ]
    return [int(token) for row in rows for token in row], np.array([len(row) for row in rows])
