"""Sampling of many solutions per problem from a causal language model, with a KV cache.

A sample's randomness comes only from the seed, its prompt and its number. The other samples in its batch, the
split of the prompts over shards and the device affect only the rounding of logits.
"""

from __future__ import annotations

import hashlib
import inspect
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache

from lightning_modules.device_copies import Download, upload
from lightning_modules.roomy_cache import RoomyLayer
from lightning_modules.row_choice import choose_rows
from lightning_modules.single_query import fast_decoding

SYNCHRONOUS = ("cpu",)
"""Devices whose results are there when the call returns."""
_COMPACT_SHARE = 0.02
"""Share of a batch's rows that are over, from which on they are dropped."""


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A sampled completion."""

    text: str
    """Text after the prompt, up to the end-of-text token or the stop string."""
    finished: bool
    """Whether it is complete; False: it reached the token limit."""
    tokens: int = 0
    """Number of tokens drawn, including the last one."""


def sample(
    model: torch.nn.Module,
    tokenizer: Any,
    prompts: Sequence[str],
    num_samples: int,
    *,
    temperature: float = 1.0,
    min_p: float = 0.0,
    max_new_tokens: int,
    stop: str | Callable[[str], bool] | None = None,
    seed: int = 0,
    batch_size: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[Completion]]:
    """Draws completions of prompts.

    Args:
        model: A causal language model from transformers, on its device.
        tokenizer: Its tokenizer; every prompt starts with its BOS token, if there is one.
        prompts: P prompts. Equal prompts get different samples.
        num_samples: Number of completions per prompt.
        temperature: Divisor of the logits; 0 takes the most likely token.
        min_p: Smallest probability of a token that may be drawn, as a share of the most likely token's.
        max_new_tokens: Most tokens of a completion.
        stop: A string that ends a completion and is not part of it, or a function of the text so far that
            returns whether it is complete. The end-of-text token always ends it.
        seed: Seed for the samples.
        batch_size: Number of samples decoded together.
        progress: Called with the number of samples done and the total.

    Returns:
        The completions of each prompt.

    Raises:
        ValueError: If a number is out of range, or a prompt has no token.
    """
    counts = {"num_samples": num_samples, "max_new_tokens": max_new_tokens, "batch_size": batch_size}
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} is {value}; allowed: at least 1")
    if temperature < 0:
        raise ValueError(f"temperature is {temperature}; allowed: 0 or more")
    if not 0 <= min_p <= 1:
        raise ValueError(f"min_p is {min_p}; allowed: 0 to 1")
    bos = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    ids = [
        bos + tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"] for prompt in prompts
    ]
    if empty := [index for index, row in enumerate(ids) if not row]:
        raise ValueError(
            f"prompt {empty[0]} is {prompts[empty[0]]!r} and has no token; allowed: at least one token"
        )
    sampler = Sampler(
        model, tokenizer, temperature=temperature, min_p=min_p, max_new_tokens=max_new_tokens, stop=stop
    )
    drawn = sampler.draw(
        ids,
        entropy_of(seed, prompts),
        [(prompt, number) for prompt in range(len(prompts)) for number in range(num_samples)],
        batch_size=batch_size,
        progress=progress,
    )
    return [drawn[first : first + num_samples] for first in range(0, len(drawn), num_samples)]


class Sampler:
    """A model and the settings with which it is sampled."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        temperature: float,
        min_p: float = 0.0,
        max_new_tokens: int,
        stop: str | Callable[[str], bool] | None = None,
        stop_characters: str | None = None,
        ends: Sequence[int] = (),
        positions: int | None = None,
    ) -> None:
        """
        Args:
            model: A causal language model from transformers, on its device.
            tokenizer: Its tokenizer.
            temperature: Divisor of the logits; 0 takes the most likely token.
            min_p: See `sample`.
            max_new_tokens: Most tokens of a completion.
            stop: See `sample`.
            stop_characters: If `stop` is a function: characters of which every token that completes a text
                has at least one; None: any token may complete a text.
            ends: Tokens that end a completion in addition to `end_tokens`.
            positions: Most tokens of a prompt and its completion; None: no limit.
        """
        self.model, self.tokenizer, self.temperature, self.min_p = model, tokenizer, temperature, min_p
        self.max_new_tokens, self.stop, self.positions = max_new_tokens, stop, positions
        self.device = next(model.parameters()).device
        self.lag = 0 if self.device.type in SYNCHRONOUS else 1
        """Steps by which the reading of tokens lags, so that a GPU need not wait for this process."""
        self.takes_mask = (
            self.lag > 0 and model.config._attn_implementation == "sdpa" and choose_rows(model) == "trie"
        )
        """Whether the model gets its mask of the padding whole; to make its own, it would read ours."""
        self.prob_type = torch.float64 if self.device.type == "cpu" else torch.float32
        """Type of a token's probability; float64 is slow on most GPUs."""
        self.sum_type = torch.float32 if self.device.type == "mps" else torch.float64
        """Type of its cumulative sum: near 1, float32 has steps of 6e-8, more than the probability of many of
        150,000 tokens, and a sum in float64 takes little time. MPS has no float64."""
        self.ends = np.union1d(end_tokens(model, tokenizer), np.array(ends, dtype=np.int64))
        if isinstance(stop, str):
            stop_characters = stop[-1]
        self.may_stop = _find_characters(
            tokenizer,
            int(model.config.get_text_config().vocab_size),
            None if stop is None else stop_characters,
        )
        takes_option = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._prompt_options = {"logits_to_keep": 1} if takes_option else {}

    def draw(
        self,
        ids: Sequence[Sequence[int]],
        entropy: Sequence[Sequence[int]],
        wanted: Sequence[tuple[int, int]],
        *,
        batch_size: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Completion]:
        """Draws completions by their numbers.

        Args:
            ids: Tokens of the prompts, at least one each.
            entropy: Entropy of each prompt's samples, from `entropy_of`.
            wanted: For each sample, the index of its prompt in `ids`, and its number.
            batch_size: Number of samples decoded together.
            progress: Called with the number of samples done and the total.

        Returns:
            The completion of each wanted sample.
        """
        # Prompts of similar length share a batch, so that there is little padding.
        order = sorted(range(len(wanted)), key=lambda index: len(ids[wanted[index][0]]))
        results: dict[int, Completion] = {}
        was_training = self.model.training
        self.model.eval()
        with torch.inference_mode(), fast_decoding(self.model):
            for begin in range(0, len(order), batch_size):
                batch = order[begin : begin + batch_size]
                drawn = self._decode_batch(ids, entropy, [wanted[index] for index in batch])
                results.update(zip(batch, drawn, strict=True))
                if progress is not None:
                    progress(len(results), len(wanted))
        self.model.train(was_training)
        return [results[index] for index in range(len(wanted))]

    def _decode_batch(
        self,
        ids: Sequence[Sequence[int]],
        entropy: Sequence[Sequence[int]],
        rows: Sequence[tuple[int, int]],
    ) -> list[Completion]:
        prompts = sorted({prompt for prompt, _ in rows}, key=lambda prompt: (len(ids[prompt]), prompt))
        place = {prompt: index for index, prompt in enumerate(prompts)}
        uniform = np.empty((len(rows), self.max_new_tokens))
        for index, (prompt, number) in enumerate(rows):
            uniform[index] = np.random.default_rng([*entropy[prompt], number]).random(self.max_new_tokens)
        if self.sum_type == torch.float32:
            uniform = np.minimum(uniform, 1 - 2**-24)  # what is larger would be rounded to 1
        draw = torch.from_numpy(uniform).to(self.sum_type).to(self.device)

        cache = Cache(layer_class_to_replicate=RoomyLayer)
        logits, padding = self._prefill([ids[prompt] for prompt in prompts], cache)
        repeat = torch.tensor([place[prompt] for prompt, _ in rows], device=self.device)
        for layer in self._layers(cache):
            layer.repeat(repeat)
        logits, padding = logits[repeat], padding[repeat]

        token_RT = np.zeros((len(rows), self.max_new_tokens), dtype=np.int64)
        length = np.zeros(len(rows), dtype=np.int64)
        done = np.zeros(len(rows), dtype=bool)
        over = np.zeros(len(rows), dtype=bool)  # done, or at the token limit
        limit = np.full(len(rows), self.max_new_tokens)
        if self.positions is not None:
            limit = np.minimum(limit, [self.positions - len(ids[prompt]) for prompt, _ in rows])
        row = np.arange(len(rows))  # row that each place in the batch decodes
        any_padding = bool(padding.any())
        unread: deque[tuple[int, np.ndarray, Download]] = deque()
        for step in range(self.max_new_tokens):
            tokens = self._draw(logits, draw[:, step])
            unread.append((step, row, Download(tokens)))
            while len(unread) > (self.lag if step + 1 < self.max_new_tokens else 0):
                drawn_at, place_row, copy = unread.popleft()
                new = copy.numpy()
                live = ~over[place_row]  # the others' tokens were drawn before their ends were read
                live_row = place_row[live]
                token_RT[live_row, drawn_at] = new[live]
                length[live_row] += 1
                done[live_row] = np.isin(new[live], self.ends)
                self._apply_stop(token_RT, length, done, place_row[live & self.may_stop[new]])
                over = done | (length >= limit)
            left = ~over[row]
            if not left.any():
                break
            if (~left).mean() >= _COMPACT_SHARE:
                keep, holes, last = _fill_holes(left)
                row = row[keep]
                kept, into, moved = (upload(places, self.device) for places in (keep, holes, last))
                for layer in self._layers(cache):
                    layer.shrink(len(keep), into, moved)
                tokens, padding, draw = tokens[kept], padding[kept], draw[kept]
            past = cache.get_seq_length()
            position = past - padding
            if self.positions is not None:
                position = position.clamp(max=self.positions - 1)  # of rows that are over, not yet dropped
            seen = self._seen(padding, past + 1) if any_padding else None
            if seen is not None and self.takes_mask:
                seen = seen[:, None, None]
            logits = self.model(
                input_ids=tokens[:, None],
                attention_mask=seen,
                position_ids=position[:, None],
                past_key_values=cache,
                use_cache=True,
            ).logits[:, -1]
        return self._texts(token_RT, length, done)

    def _prefill(self, ids: list[Sequence[int]], cache: Cache) -> tuple[torch.Tensor, torch.Tensor]:
        """Fills the cache; returns logits of the prompts' last tokens [P, V] and their left padding [P]."""
        longest = max(map(len, ids))
        token_PT = torch.tensor([[0] * (longest - len(row)) + list(row) for row in ids], device=self.device)
        padding = torch.tensor([longest - len(row) for row in ids], device=self.device)
        column = torch.arange(longest, device=self.device)
        logits = self.model(
            input_ids=token_PT,
            attention_mask=self._seen(padding, longest) if padding.any() else None,
            position_ids=(column - padding[:, None]).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            **self._prompt_options,
        ).logits
        return logits[:, -1], padding

    def _seen(self, padding: torch.Tensor, length: int) -> torch.Tensor:
        """Marks the cells that are not padding, bool [B, T]. The model adds its own mask."""
        return torch.arange(length, device=self.device) >= padding[:, None]

    @staticmethod
    def _layers(cache: Cache) -> list[RoomyLayer]:
        return [layer for layer in cache.layers if isinstance(layer, RoomyLayer)]

    def _draw(self, logits: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """Draws the token of each row at which the cumulative distribution passes its uniform number."""
        if self.temperature == 0:
            return logits.argmax(-1)
        prob = (logits.to(self.prob_type) / self.temperature).softmax(-1)
        if self.min_p > 0:
            prob = prob.masked_fill(prob < self.min_p * prob.amax(-1, keepdim=True), 0.0)
        cumulative = prob.cumsum(-1, dtype=self.sum_type)
        target = uniform[:, None] * cumulative[:, -1:]
        return torch.searchsorted(cumulative, target, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)

    def _apply_stop(
        self, token_RT: np.ndarray, length: np.ndarray, done: np.ndarray, rows: np.ndarray
    ) -> None:
        """Marks rows whose text is complete as done."""
        rows = rows[~done[rows]]
        if self.stop is None or len(rows) == 0:
            return
        texts = self._decode([token_RT[row, : length[row]] for row in rows])
        for row, text in zip(rows, texts, strict=True):
            done[row] = self.stop in text if isinstance(self.stop, str) else self.stop(text)

    def _decode(self, rows: list[np.ndarray]) -> list[str]:
        return self.tokenizer.batch_decode(
            [row.tolist() for row in rows], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )

    def _texts(self, token_RT: np.ndarray, length: np.ndarray, done: np.ndarray) -> list[Completion]:
        texts = self._decode([row[:size] for row, size in zip(token_RT, length, strict=True)])
        if isinstance(self.stop, str):
            texts = [text.split(self.stop, 1)[0] for text in texts]
        return [
            Completion(text=text, finished=bool(end), tokens=int(size))
            for text, end, size in zip(texts, done, length, strict=True)
        ]


def _fill_holes(left: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chooses the n rows that take the first places: those that are there, and the last ones in the holes.

    Args:
        left: bool [B], n of them True: rows that are left.

    Returns:
        int64 [n], the row in each place; the places among them that were not left; the rows that fill them.
    """
    keep = np.arange(left.sum())
    holes = np.flatnonzero(~left[: len(keep)])
    last = len(keep) + np.flatnonzero(left[len(keep) :])
    keep[holes] = last
    return keep, holes, last


def end_tokens(model: Any, tokenizer: Any) -> np.ndarray:
    """Returns the tokens that end a text according to a model's tokenizer and config, ascending."""
    named = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    ends = {tokenizer.eos_token_id, *(named if isinstance(named, list | tuple) else [named])} - {None}
    return np.array(sorted(ends), dtype=np.int64)


def _find_characters(tokenizer: Any, size: int, characters: str | None) -> np.ndarray:
    """Marks the tokens that may contain any of the characters, bool [V]; None: all may."""
    marks = np.ones(size, dtype=bool)
    if characters is None or " " in characters:  # decoders strip a text's leading space
        return marks
    known = min(size, len(tokenizer))
    pieces = tokenizer.batch_decode([[token] for token in range(known)])
    sought = {*characters, "\N{REPLACEMENT CHARACTER}"}  # stands for a part of any character
    marks[:known] = [not sought.isdisjoint(piece) for piece in pieces]
    return marks


def entropy_of(seed: int, prompts: Sequence[str]) -> list[list[int]]:
    """Makes the entropy of each prompt's samples from the seed, text and number of equal ones so far."""
    seen: Counter[str] = Counter()
    entropy = []
    for prompt in prompts:
        digest = hashlib.sha256(prompt.encode()).digest()
        entropy.append([seed, int.from_bytes(digest[:8], "big"), seen[prompt]])
        seen[prompt] += 1
    return entropy
