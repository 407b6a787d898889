"""The world's text: its tokenizer and the corpus that authors write."""

import numpy as np
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from tokenizers.decoders import Fuse
from transformers import PreTrainedTokenizerFast

from ablations.world.authors import HeldMisconception, draw_author, write_solution
from ablations.world.problems import draw_problem
from lightning_modules.encoding import IGNORE
from lightning_modules.language_model import Batch, bucket

_PAD, _EOS = "<pad>", "<eos>"
_TOKENS = (_PAD, _EOS, *"0123456789abcdefgh+-*=#:~\n")
MIN_BATCH_TOKENS = 600
"""Batches of fewer tokens could not hold the longest contexts."""
BLOCK = 32
"""Updates whose text is drawn together, so that documents of a batch can be of about equal length."""
FEW_SHOT_SHARE = 0.15
"""Share of the contexts that hold three solved problems, one after the other; the others hold one."""


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token a character; ``<eos>`` ends a solution."""
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(_TOKENS)}, unk_token=_PAD))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=_PAD, eos_token=_EOS, clean_up_tokenization_spaces=False
    )


class Corpus:
    """Solutions by authors drawn anew for each, to problems of the pretraining split; batch by batch.

    The language model learns to write solutions, not to invent problems: a problem's tokens have no target.
    """

    def __init__(
        self,
        misconceptions: tuple[HeldMisconception, ...],
        *,
        seed: int,
        batch_tokens: int,
    ) -> None:
        """
        Args:
            misconceptions: what authors may hold.
            seed: of the whole corpus.
            batch_tokens: most tokens of a batch, padding included, unless one context has more.

        Raises:
            ValueError: fewer tokens a batch than ``MIN_BATCH_TOKENS``.
        """
        if batch_tokens < MIN_BATCH_TOKENS:
            raise ValueError(f"batch_tokens: found {batch_tokens}; allowed: {MIN_BATCH_TOKENS} or more")
        self.misconceptions, self.seed, self.batch_tokens = misconceptions, seed, batch_tokens
        self._id = {token: i for i, token in enumerate(_TOKENS)}
        self._drawn: tuple[int, list[Batch]] = (-1, [])

    def batch(self, update: int) -> Batch:
        """The batch of an update, always the same; ``BLOCK`` are drawn together and sorted by length."""
        block, within = divmod(update, BLOCK)
        if self._drawn[0] != block:
            self._drawn = (block, self._draw(block))
        return self._drawn[1][within]

    def _draw(self, block: int) -> list[Batch]:
        rng = np.random.default_rng([self.seed, block])
        contexts: list[np.ndarray] = []
        targets: list[np.ndarray] = []
        # Batches are filled to about 97%, so that these tokens fill a few more of them than are needed.
        tokens, wanted = 0, 1.05 * BLOCK * self.batch_tokens
        while tokens < wanted:
            documents = [self._document(rng) for _ in range(3 if rng.random() < FEW_SHOT_SHARE else 1)]
            contexts.append(np.concatenate([ids for ids, _ in documents]))
            targets.append(np.concatenate([target for _, target in documents]))
            tokens += len(contexts[-1])
        return bucket(contexts, targets, tokens=self.batch_tokens, pad=self._id[_PAD], seed=self.seed + block)

    def _document(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        problem = draw_problem(rng)
        while problem.split != "pretraining":
            problem = draw_problem(rng)
        prompt = problem.text + "\n"
        lines = write_solution(problem, draw_author(self.misconceptions, rng), rng)
        tokens = [*prompt, *"".join(f"{line}\n" for line in lines), _EOS]
        ids = np.array([self._id[token] for token in tokens], dtype=np.int64)
        target = ids.copy()
        target[: len(prompt)] = IGNORE
        return ids, target
