"""Next-token training of a causal backbone (pretraining, MathMix, generator), and its batches of text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import lightning
import numpy as np
import torch
from transformers import PreTrainedModel

from lightning_modules.ahead import batches_ahead
from lightning_modules.encoding import IGNORE
from lightning_modules.optimization import configure, learning_rate_at

Batch = tuple[np.ndarray, np.ndarray]
"""Token ids and targets, each int64 [B, T]; the target of a position is its own token or ``IGNORE``."""


def bucket(
    documents: Sequence[np.ndarray], targets: Sequence[np.ndarray], *, tokens: int, pad: int, seed: int
) -> list[Batch]:
    """Makes batches of documents of similar length, in random order, with every document in exactly one.

    Documents are padded on the right, where causal attention needs no mask. Each has its own row.

    Args:
        documents: token ids of each document.
        targets: targets of the same shapes; ``IGNORE`` for none.
        tokens: most cells of a batch, unless one document has more.
        pad: token id for padding.
        seed: seed for the order of equally long documents and of the batches.
    """
    groups = _groups([len(document) for document in documents], tokens, seed)
    return [_batch(documents, targets, group, pad) for group in groups]


class Passes:
    """Batches of documents as `bucket` makes them, pass after pass, each pass in a different order.

    Batches are made on request, so that only the documents are in memory.
    """

    def __init__(
        self,
        documents: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        *,
        tokens: int,
        pad: int,
        seed: int,
    ) -> None:
        """Takes the arguments of `bucket`."""
        self.documents, self.targets, self.tokens, self.pad = documents, targets, tokens, pad
        self.lengths, self.seed = [len(document) for document in documents], seed
        self._start_pass(0)

    def _start_pass(self, number: int) -> None:
        self._pass, self._groups = number, _groups(self.lengths, self.tokens, [self.seed, number])

    def __len__(self) -> int:
        """Counts the batches of a pass. All passes have as many, because only documents' lengths matter."""
        return len(self._groups)

    def __call__(self, update: int) -> Batch:
        """Returns the batch of an update, 0-based; always the same for the same update."""
        number, index = divmod(update, len(self))
        if number != self._pass:
            self._start_pass(number)
        return _batch(self.documents, self.targets, self._groups[index], self.pad)


def _groups(lengths: Sequence[int], tokens: int, seed: int | list[int]) -> list[list[int]]:
    """Groups documents of similar length, in random order."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(lengths))
    order = shuffled[np.argsort([lengths[i] for i in shuffled], kind="stable")]
    groups: list[list[int]] = [[]]
    for i in order:
        if groups[-1] and (len(groups[-1]) + 1) * lengths[i] > tokens:
            groups.append([])
        groups[-1].append(int(i))
    return [groups[index] for index in rng.permutation(len(groups))]


def _batch(
    documents: Sequence[np.ndarray], targets: Sequence[np.ndarray], group: Sequence[int], pad: int
) -> Batch:
    shape = len(group), max(len(documents[i]) for i in group)
    token_BT, target_BT = np.full(shape, pad, dtype=np.int64), np.full(shape, IGNORE, dtype=np.int64)
    for row, i in enumerate(group):
        token_BT[row, : len(documents[i])] = documents[i]
        target_BT[row, : len(documents[i])] = targets[i]
    return token_BT, target_BT


class TextData(lightning.LightningDataModule):
    """Text data with one batch per update; a resumed run starts with the batch after its last update."""

    def __init__(self, make_batch: Callable[[int], Batch], *, updates: int) -> None:
        """Takes a function from an update (0-based) to its batch, always the same."""
        super().__init__()
        self.make_batch, self.updates = make_batch, updates

    def train_dataloader(self) -> Iterable[tuple[torch.Tensor, ...]]:
        start = self.trainer.global_step if self.trainer else 0
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        return _Stream(self.make_batch, range(start, self.updates), device)


class _Stream:
    def __init__(self, make_batch: Callable[[int], Batch], updates: range, device: torch.device) -> None:
        self.make_batch, self.updates, self.device = make_batch, updates, device

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        batches = (tuple(map(torch.from_numpy, self.make_batch(update))) for update in self.updates)
        return batches_ahead(batches, self.device)


class LanguageModel(lightning.LightningModule):
    """A causal language model trained by next-token cross-entropy at positions with a target."""

    weight_decay = 0.01

    def __init__(
        self,
        backbone: PreTrainedModel,
        *,
        learning_rate: float,
        total_updates: int,
        warmup: float = 0.02,
        decay: float = 0.98,
    ) -> None:
        """Takes a causal language model from transformers and its schedule; see `learning_rate_at`."""
        super().__init__()
        self.backbone, self.learning_rate = backbone, learning_rate
        self.total_updates, self.warmup, self.decay = total_updates, warmup, decay

    def loss(self, token_BT: torch.Tensor, target_BT: torch.Tensor) -> torch.Tensor:
        logits_BTC = self.backbone(input_ids=token_BT, use_cache=False).logits[:, :-1].float()
        return torch.nn.functional.cross_entropy(
            logits_BTC.flatten(0, 1), target_BT[:, 1:].flatten(), ignore_index=IGNORE
        )

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_index: int) -> torch.Tensor:
        loss = self.loss(*batch)
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        return configure(
            self.backbone,
            self.learning_rate,
            self.weight_decay,
            lambda update: learning_rate_at(update, self.total_updates, warmup=self.warmup, decay=self.decay),
        )
