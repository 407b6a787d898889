"""The world's text: its tokenizer and the corpus that authors write."""

import numpy as np
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from tokenizers.decoders import Fuse
from transformers import PreTrainedTokenizerFast

from ablations.world.bases import MIN_BATCH_TOKENS
from ablations.world.world import World, split_of
from lightning_modules.encoding import IGNORE
from lightning_modules.language_model import Batch, bucket

_PAD, _EOS, _UNK = "<pad>", "<eos>", "<unk>"
BLOCK = 32
"""Number of updates whose text is drawn together, so that a batch's documents can be about equally long."""
FEW_SHOT_SHARE = 0.15
"""Share of the contexts that hold three solved problems, one after the other; the others hold one."""


def build_tokenizer(world: World) -> PreTrainedTokenizerFast:
    """Builds a tokenizer of the world's tokens; ``<eos>`` ends a solution, and other text is ``<unk>``."""
    ids = {token: i for i, token in enumerate((_PAD, _EOS, _UNK, *world.tokens))}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=_UNK))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(world.pattern), "isolated")
    tokenizer.decoder = Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=_PAD,
        eos_token=_EOS,
        unk_token=_UNK,
        clean_up_tokenization_spaces=False,
    )


class Corpus:
    """Batches of solutions to problems of the pretraining split, each by a newly drawn author.

    The language model learns to write solutions, not to invent problems: a problem's tokens have no target.
    """

    def __init__(self, world: World, *, seed: int, batch_tokens: int) -> None:
        """`batch_tokens` limits a batch, padding included, unless one context has more.

        Raises:
            ValueError: fewer tokens per batch than ``MIN_BATCH_TOKENS``.
        """
        if batch_tokens < MIN_BATCH_TOKENS:
            raise ValueError(f"batch_tokens: found {batch_tokens}; allowed: {MIN_BATCH_TOKENS} or more")
        self.world, self.seed, self.batch_tokens = world, seed, batch_tokens
        self._tokenizer = build_tokenizer(world)
        self._drawn: tuple[int, list[Batch]] = (-1, [])

    def batch(self, update: int) -> Batch:
        """Returns the batch of an update, always the same; ``BLOCK`` are drawn together, sorted by length."""
        block, within = divmod(update, BLOCK)
        if self._drawn[0] != block:
            self._drawn = (block, self._draw(block))
        return self._drawn[1][within]

    def _draw(self, block: int) -> list[Batch]:
        rng = np.random.default_rng([self.seed, block])
        contexts: list[np.ndarray] = []
        targets: list[np.ndarray] = []
        # Batches are filled to about 97%, so these tokens fill a few more of them than are needed.
        tokens, wanted = 0, 1.05 * BLOCK * self.batch_tokens
        while tokens < wanted:
            texts = [self._document(rng) for _ in range(3 if rng.random() < FEW_SHOT_SHARE else 1)]
            encoded = self._tokenizer([part for text in texts for part in text])["input_ids"]
            ids = np.array([i for part in encoded for i in part], dtype=np.int64)
            solution = np.repeat(np.arange(len(encoded)) % 2 == 1, [len(part) for part in encoded])
            contexts.append(ids)
            targets.append(np.where(solution, ids, IGNORE))
            tokens += len(ids)
        pad = self._tokenizer.pad_token_id
        return bucket(contexts, targets, tokens=self.batch_tokens, pad=pad, seed=self.seed + block)

    def _document(self, rng: np.random.Generator) -> tuple[str, str]:
        """Draws a problem and the text of a solution."""
        problem = self.world.draw_problem(rng, "broad")
        while split_of(problem) != "pretraining":
            problem = self.world.draw_problem(rng, "broad")
        lines = self.world.write_solution(problem, rng)
        return f"{problem}\n", "".join(f"{line}\n" for line in lines) + _EOS
