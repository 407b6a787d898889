"""LanguageModel: next-token training of a causal backbone (pretraining, MathMix, generator), and its text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import lightning
import numpy as np
import torch
from transformers import PreTrainedModel

from lightning_modules.encoding import IGNORE
from lightning_modules.optimization import adamw, learning_rate_at

Batch = tuple[np.ndarray, np.ndarray]
"""(token ids, targets), each int64 [B, T]; the target of a position is its own token or ``IGNORE``."""


def bucket(
    documents: Sequence[np.ndarray], targets: Sequence[np.ndarray], *, tokens: int, pad: int, seed: int
) -> list[Batch]:
    """Batches of documents of about equal length, in random order, every document in exactly one.

    Documents are padded on the right, where causal attention needs no mask, and never share a row: none sees
    another.

    Args:
        documents: token ids of each.
        targets: the same shapes; ``IGNORE`` where nothing is to be learnt.
        tokens: most cells of a batch, unless one document has more.
        pad: token id that fills a row.
        seed: of the order of equally long documents and of the batches.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(documents))
    order = shuffled[np.argsort([len(documents[i]) for i in shuffled], kind="stable")]
    groups: list[list[int]] = [[]]
    for i in order:
        if groups[-1] and (len(groups[-1]) + 1) * len(documents[i]) > tokens:
            groups.append([])
        groups[-1].append(int(i))
    batches = []
    for group in (groups[g] for g in rng.permutation(len(groups))):
        shape = len(group), max(len(documents[i]) for i in group)
        token_BT, target_BT = np.full(shape, pad, dtype=np.int64), np.full(shape, IGNORE, dtype=np.int64)
        for row, i in enumerate(group):
            token_BT[row, : len(documents[i])] = documents[i]
            target_BT[row, : len(documents[i])] = targets[i]
        batches.append((token_BT, target_BT))
    return batches


class TextData(lightning.LightningDataModule):
    """A batch of text an update; a resumed run goes on with the batch after its last update."""

    def __init__(self, make_batch: Callable[[int], Batch], *, updates: int) -> None:
        """
        Args:
            make_batch: update (0-based) -> batch, always the same for the same update.
            updates: how many there are.
        """
        super().__init__()
        self.make_batch, self.updates = make_batch, updates

    def train_dataloader(self) -> Iterable[tuple[torch.Tensor, ...]]:
        start = self.trainer.global_step if self.trainer else 0
        return _Stream(self.make_batch, range(start, self.updates))


class _Stream:
    def __init__(self, make_batch: Callable[[int], Batch], updates: range) -> None:
        self.make_batch, self.updates = make_batch, updates

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        for update in self.updates:
            yield tuple(torch.from_numpy(array) for array in self.make_batch(update))


class LanguageModel(lightning.LightningModule):
    """Next-token cross-entropy on the positions that have a target."""

    def __init__(
        self,
        backbone: PreTrainedModel,
        *,
        learning_rate: float,
        total_updates: int,
        warmup: float = 0.02,
        decay: float = 0.98,
        weight_decay: float = 0.01,
    ) -> None:
        """
        Args:
            backbone: a transformers causal language model.
            learning_rate: the highest one.
            total_updates: length of the schedule.
            warmup: share of updates with a rising learning rate.
            decay: share of updates, at the end, with a falling one.
            weight_decay: on matrices only.
        """
        super().__init__()
        self.backbone = backbone
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
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
        optimizer = adamw(self.backbone, self.learning_rate, self.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda update: learning_rate_at(update, self.total_updates, warmup=self.warmup, decay=self.decay),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
