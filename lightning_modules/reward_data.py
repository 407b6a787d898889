"""Batches of solutions for a RewardModel, the same whatever the number of processes.

`batch_size` counts the solutions of one optimizer update. Every update's solutions are drawn from the seed
alone; each process and each accumulated batch takes its slice of them and knows how many targets the whole
update has. Training on K processes, or with accumulation, therefore follows the same path as training on one.
The batches are a plain iterable, to which Lightning adds no sampler of its own
(``use_distributed_sampler=False`` makes this explicit).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import lightning
import numpy as np
import torch

from lightning_modules.ahead import batches_ahead
from lightning_modules.encoding import IGNORE, Encoded, Example, encode_all, find_wrong_targets, token_targets
from lightning_modules.outcome_loss import POOLING, SolutionLoss, token_weights
from lightning_modules.packing import RowCost
from lightning_modules.prefix_trees import Layout, Rows, layouts, target_weights
from lightning_modules.step_loss import StepLoss
from lightning_modules.step_ranks import StepRanks
from lightning_modules.tensors import map_tensors


@dataclass(frozen=True, kw_only=True)
class PooledLogits:
    """The N solutions of a block whose targets apply to the mean, or the sum, of their logits."""

    cell: torch.Tensor
    """int64 [all tokens]: flat cells of their tokens, one solution after the other."""
    solution: torch.Tensor
    """int64 [all tokens]: the solution of each token, 0 to N - 1."""
    weight: torch.Tensor
    """float32 [all tokens]: weight of the token's logits in its solution's."""
    target: torch.Tensor
    """float32 [N, C]: probability of each class."""

    def logits(self, logits_BTC: torch.Tensor) -> torch.Tensor:
        """Computes each solution's logits, [N, C]."""
        found = logits_BTC.flatten(0, 1)[self.cell] * self.weight[:, None]
        return torch.zeros_like(self.target).index_add(0, self.solution, found)


@dataclass(frozen=True, kw_only=True)
class RewardBatch:
    """One process's share of the solutions of an update."""

    layouts: tuple[Layout, ...]
    """Blocks of solutions, one forward pass each."""
    weights: tuple[torch.Tensor, ...]
    """float32 [B, T, C] for each block: total weight of solutions with a class as target at a cell."""
    target_count: int
    """Number of targets in the whole update, over all processes and accumulated batches."""
    pools: tuple[PooledLogits, ...] = ()
    """For each block, the pooled logits that have the targets; empty: the tokens have them."""
    ranks: tuple[StepRanks, ...] = ()
    """For each block, the steps that are ranked; empty: each target counts on its own."""

    def to(self, device: torch.device | str, non_blocking: bool = False) -> RewardBatch:
        """Returns the batch with its tensors on a device."""
        return map_tensors(self, lambda tensor: tensor.to(device, non_blocking=non_blocking))


@dataclass(frozen=True, kw_only=True)
class RewardDataset:
    """Solutions in tokens, with a target or none at each token."""

    token_ids: Sequence[np.ndarray]
    """Token ids of each solution, int [T]."""
    targets: Sequence[np.ndarray]
    """Targets of each solution: int [T], a class or -100; or float [T, C], class probabilities or zeros."""
    num_classes: int
    """Number of classes of the model."""
    rows: Rows = "trie"
    """Rows that the model computes; see `row_choice.choose_rows`."""
    cost: RowCost = field(default_factory=RowCost)
    """Cost of rows for the model that is trained; see `packing.cost_of`."""
    outcome_loss: SolutionLoss = "every_token"
    """Loss for targets that all tokens of a solution share; see `outcome_loss`."""
    step_loss: StepLoss = "cross_entropy"
    """Loss for targets of steps."""
    drawn: Sequence[np.ndarray] | None = None
    """Groups of solutions that are drawn together and counted as one, such as alternatives of a step, so that
    they share their prefix. None: each alone."""
    problem: Sequence[int] | None = None
    """Problem of each solution, for batches by problem; see `GlobalBatches`."""

    def __post_init__(self) -> None:
        if len(self.token_ids) == 0:
            raise ValueError("token_ids is empty; allowed: at least one solution")
        for index, (ids, target) in enumerate(zip(self.token_ids, self.targets, strict=True)):
            if len(ids) != len(target) or len(ids) == 0:
                raise ValueError(
                    f"solution {index} has {len(ids)} tokens and {len(target)} targets; "
                    "allowed: as many, at least one"
                )
            kind = "iu" if target.ndim == 1 else "f"
            if target.dtype.kind not in kind or target.shape[1:] not in ((), (self.num_classes,)):
                raise ValueError(
                    f"targets: found {target.dtype} {list(target.shape)} for solution {index}; allowed: "
                    f"whole numbers, a class per token, or floats, {self.num_classes} probabilities per token"
                )
            if self.step_loss == "ranking" and (target.ndim > 1 or self.num_classes != 2):
                raise ValueError(
                    f"step_loss: found ranking with targets {list(target.shape)} of {self.num_classes} "
                    f"classes for solution {index}; allowed: a class per token, of two"
                )
            wrong = find_wrong_targets(target, self.num_classes)
            if len(wrong):
                raise ValueError(
                    f"targets: found {target[wrong[0]].tolist()} at token {wrong[0]} of solution {index}; "
                    f"allowed: 0 to {self.num_classes - 1}, {IGNORE} for none, or probabilities"
                )

    @staticmethod
    def from_encoded(
        encoded: Sequence[Encoded],
        *,
        step_targets: Sequence[Sequence[int] | np.ndarray] | None = None,
        solution_targets: Sequence[int | np.ndarray] | np.ndarray | None = None,
        num_classes: int = 2,
        outcome_loss: SolutionLoss = "every_token",
        **options: Any,
    ) -> RewardDataset:
        """Makes a dataset with targets at step ends, or of whole solutions, taught by `outcome_loss`."""
        if (step_targets is None) == (solution_targets is None):
            raise ValueError(
                "step_targets and solution_targets are both set or both missing; allowed: exactly one"
            )
        name = "step_target" if step_targets is not None else "solution_target"
        given: Any = step_targets if step_targets is not None else solution_targets
        targets = [
            _targets_of(f"solution {index}", tokens, num_classes, **{name: target})
            for index, (tokens, target) in enumerate(zip(encoded, given, strict=True))
        ]
        if outcome_loss == "last_token":
            for tokens, target in zip(encoded, targets, strict=True):
                target[: len(tokens) - 1] = IGNORE if target.ndim == 1 else 0
        return RewardDataset(
            token_ids=[e.ids for e in encoded],
            targets=targets,
            num_classes=num_classes,
            outcome_loss=outcome_loss if step_targets is None else "every_token",
            **options,
        )

    def __len__(self) -> int:
        return len(self.token_ids if self.drawn is None else self.drawn)

    def _solutions(self, index: np.ndarray) -> Iterable[int]:
        """Returns the solutions that are drawn at `index`."""
        return index if self.drawn is None else (i for at in index for i in self.drawn[at])

    def target_count(self, index: np.ndarray) -> int:
        """Counts the targets of what is drawn at `index`: tokens, or solutions with pooled logits."""
        counts = [np.count_nonzero(has_target(self.targets[i])) for i in self._solutions(index)]
        return int(np.count_nonzero(counts) if self.outcome_loss in POOLING else sum(counts))

    def batch(self, index: np.ndarray, target_count: int) -> RewardBatch:
        """Lays out the solutions at `index`, or one cell without a target if there are none with a target.

        Tokens after a solution's last target cannot change its loss and are left out.
        """
        token_ids, targets = [], []
        for i in self._solutions(index):
            held = np.flatnonzero(has_target(self.targets[i]))
            if len(held):
                token_ids.append(self.token_ids[i][: held[-1] + 1])
                targets.append(self.targets[i][: held[-1] + 1])
        if not token_ids:
            token_ids, targets = [np.zeros(1, np.int32)], [np.full(1, IGNORE, np.int8)]
        if self.outcome_loss in ("every_and_last", *POOLING):
            targets = [self._weighted(target) for target in targets]
        blocks = layouts(token_ids, rows=self.rows, cost=self.cost)
        weights = tuple(target_weights(block, targets, self.num_classes) for block in blocks)
        pools: tuple[PooledLogits, ...] = ()
        if self.outcome_loss in POOLING:
            summed = self.outcome_loss == "sum_logit"
            pools = tuple(_pool(block, targets, self.num_classes, summed) for block in blocks)
        ranked = self.step_loss == "ranking"
        return RewardBatch(
            layouts=tuple(blocks),
            weights=weights,
            target_count=target_count,
            pools=pools,
            ranks=tuple(StepRanks.of(block, targets) for block in blocks) if ranked else (),
        )

    def _weighted(self, target: np.ndarray) -> np.ndarray:
        """Returns class probabilities at each token times the token's weight, float32 [T, C]."""
        held = np.flatnonzero(has_target(target))
        weighted = np.zeros((len(target), self.num_classes), np.float32)
        share = np.eye(self.num_classes, dtype=np.float32)[target[held]] if target.ndim == 1 else target[held]
        weighted[held] = share * token_weights(len(held), self.outcome_loss)[:, None]
        return weighted


def _pool(block: Layout, targets: Sequence[np.ndarray], num_classes: int, summed: bool) -> PooledLogits:
    """Makes the means, or sums, of a block from the weighted targets [T, C] of all sequences."""
    joined = np.concatenate([targets[sequence] for sequence in block.sequences])
    solution = np.repeat(np.arange(len(block.sequences)), np.diff(block.offsets))
    held = joined.any(axis=1)
    target = np.zeros((len(block.sequences), num_classes), np.float32)
    np.add.at(target, solution, joined)
    weight = np.ones(int(held.sum()), np.float32) if summed else joined[held].sum(axis=1)
    return PooledLogits(
        cell=torch.from_numpy(block.node_of[held].astype(np.int64)),
        solution=torch.from_numpy(solution[held]),
        weight=torch.from_numpy(weight),
        target=torch.from_numpy(target),
    )


def has_target(target: np.ndarray) -> np.ndarray:
    """Marks the tokens of a solution that have a target, bool [T]."""
    return np.asarray(target != IGNORE) if target.ndim == 1 else np.asarray(target.any(axis=1))


def gathered(problem: np.ndarray, size: int) -> np.ndarray:
    """Orders rows so that each is followed by the next rows of its problem, up to ``size`` together.

    Args:
        problem: int [R], problem of each row.
        size: rows of a problem that come together; fewer where too few are left.

    Returns:
        int [R], the rows in their new order. 1: the order they have.
    """
    by_problem = np.argsort(problem, kind="stable")
    start = np.flatnonzero(np.diff(problem[by_problem], prepend=problem[by_problem[0]] - 1))
    rank = np.arange(len(problem)) - np.repeat(start, np.diff(np.append(start, len(problem))))
    leader = by_problem[np.maximum.accumulate(np.where(rank % size == 0, np.arange(len(problem)), 0))]
    return by_problem[np.argsort(leader, kind="stable")]


class GlobalBatches:
    """One epoch's batches for one process, resumable within the epoch."""

    def __init__(
        self,
        dataset: RewardDataset,
        *,
        batch_size: int,
        seed: int | None,
        epochs: int = 1,
        per_problem: int = 1,
        trainer: lightning.Trainer | None = None,
        accumulate: int = 1,
    ) -> None:
        """
        Args:
            dataset: Solutions to draw from.
            batch_size: Solutions per update.
            seed: Seed for the order; None: the order of the dataset.
            epochs: Passes over the data in one epoch of the trainer.
            per_problem: Solutions of a problem that come together, so that they share their prefix; 1: each
                solution comes at random.
            trainer: Trainer that knows the process and the epoch; None: one process, epoch 0.
            accumulate: Batches per update that the trainer accumulates.
        """
        self.dataset, self.batch_size, self.seed, self.epochs = dataset, batch_size, seed, epochs
        self.per_problem, self.trainer, self.accumulate = per_problem, trainer, accumulate
        if per_problem > 1 and dataset.problem is None:
            raise ValueError(f"per_problem is {per_problem}; allowed: 1, as the dataset names no problems")
        self._served = (0, 0)  # epoch, number of its batches
        self._resume = (0, 0)

    def __len__(self) -> int:
        return self.epochs * -(-len(self.dataset) // self.batch_size) * self.accumulate

    def updates(self, epoch: int) -> Iterator[np.ndarray]:
        """Yields the solutions of each update of an epoch, over all processes."""
        for number in range(epoch * self.epochs, (epoch + 1) * self.epochs):
            order = np.arange(len(self.dataset))
            if self.seed is not None:
                order = np.random.default_rng([self.seed, number]).permutation(order)
                if self.per_problem > 1:
                    order = order[gathered(np.asarray(self.dataset.problem)[order], self.per_problem)]
            yield from (order[at : at + self.batch_size] for at in range(0, len(order), self.batch_size))

    def __iter__(self) -> Iterator[RewardBatch]:
        epoch, rank, world = 0, 0, 1
        if self.trainer is not None:
            epoch, rank, world = self.trainer.current_epoch, self.trainer.global_rank, self.trainer.world_size
        resumed = self._resume[1] if self._resume[0] == epoch and self._resume[1] < len(self) else 0
        self._resume = (0, 0)
        batches = self._lay_out(epoch, resumed, rank, world)
        if self.trainer is not None:
            batches = batches_ahead(batches, self.trainer.strategy.root_device)
        for self._served, batch in batches:  # not what is laid out ahead
            yield batch

    def _lay_out(
        self, epoch: int, resumed: int, rank: int, world: int
    ) -> Iterator[tuple[tuple[int, int], RewardBatch]]:
        """Yields the batches after the first `resumed` of an epoch, each with the position after it."""
        for update, index in enumerate(self.updates(epoch)):
            if (update + 1) * self.accumulate <= resumed:
                continue
            count = self.dataset.target_count(index)
            slices = np.array_split(index, world * self.accumulate)
            for part in range(self.accumulate):
                at = update * self.accumulate + part
                if at >= resumed:
                    yield (epoch, at + 1), self.dataset.batch(slices[part * world + rank], count)

    def state_dict(self) -> dict[str, Any]:
        """Returns the position in the epoch; Lightning saves it in checkpoints."""
        return {"epoch": self._served[0], "batches": self._served[1]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resumes where `state_dict` was taken."""
        self._served = self._resume = (state["epoch"], state["batches"])


class RewardData(lightning.LightningDataModule):
    """Data for a RewardModel, from examples or from an existing `RewardDataset`."""

    def __init__(
        self,
        examples: Sequence[Example] | RewardDataset,
        tokenizer: Any = None,
        *,
        batch_size: int = 64,
        seed: int = 0,
        epochs: int = 1,
        per_problem: int = 1,
        num_classes: int = 2,
        separator: str = "\n",
        max_length: int | None = None,
        validation: Sequence[Example] | RewardDataset | None = None,
        rows: Rows = "trie",
        cost: RowCost | None = None,
    ) -> None:
        """
        Args:
            examples: Solutions with targets.
            tokenizer: A tokenizer from transformers; not needed with a `RewardDataset`.
            batch_size: Solutions per update, over all processes and accumulated batches.
            seed: Seed for the order of the solutions.
            epochs: Passes over the data in one epoch of the trainer.
            per_problem: Solutions of a problem that come together; see `GlobalBatches`.
            num_classes: Number of classes of the model.
            separator: Text after each step.
            max_length: Most tokens of a solution; steps are kept or cut off whole.
            validation: Solutions to validate on.
            rows: See `row_choice.choose_rows`.
            cost: See `packing.cost_of`.
        """
        super().__init__()
        for name, value in (("batch_size", batch_size), ("epochs", epochs), ("per_problem", per_problem)):
            if value < 1:
                raise ValueError(f"{name} is {value}; allowed: at least 1")
        self.batch_size, self.seed, self.epochs, self.per_problem = batch_size, seed, epochs, per_problem

        def dataset(given: Sequence[Example] | RewardDataset) -> RewardDataset:
            if isinstance(given, RewardDataset):
                return given
            return encode_examples(
                given,
                tokenizer,
                num_classes=num_classes,
                separator=separator,
                max_length=max_length,
                rows=rows,
                cost=cost or RowCost(),
            )

        self.train_set = dataset(examples)
        self.validation_set = dataset(validation) if validation is not None else None

    @property
    def updates(self) -> int:
        """Number of updates in one epoch of the trainer."""
        return self.epochs * -(-len(self.train_set) // self.batch_size)

    def train_dataloader(self) -> GlobalBatches:
        trainer = self.trainer
        return GlobalBatches(
            self.train_set,
            batch_size=self.batch_size,
            seed=self.seed,
            epochs=self.epochs,
            per_problem=self.per_problem,
            trainer=trainer,
            accumulate=trainer.accumulate_grad_batches if trainer else 1,
        )

    def val_dataloader(self) -> GlobalBatches | list[Any]:
        if self.validation_set is None:
            return []
        return GlobalBatches(self.validation_set, batch_size=self.batch_size, seed=None, trainer=self.trainer)

    def transfer_batch_to_device(
        self, batch: RewardBatch, device: torch.device, dataloader_idx: int
    ) -> RewardBatch:
        """Moves a batch; the copy to CUDA from pinned memory is not waited for."""
        return batch.to(device, non_blocking=device.type == "cuda")


def encode_examples(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    num_classes: int = 2,
    separator: str = "\n",
    max_length: int | None = None,
    **options: Any,
) -> RewardDataset:
    """Makes a dataset from examples that have targets.

    Raises:
        ValueError: If an example has no target, or one that is not a class of the model; names the example.
    """
    encoded = encode_all(
        tokenizer, [e.prompt for e in examples], [e.steps for e in examples], separator, max_length
    )
    targets = []
    for index, (example, tokens) in enumerate(zip(examples, encoded, strict=True)):
        if example.step_targets is None and example.solution_target is None:
            raise ValueError(f"example {index} has no target; allowed: step_targets or solution_target")
        given: dict[str, Any] = {
            "step_target": example.step_targets,
            "solution_target": example.solution_target,
        }
        targets.append(_targets_of(f"example {index}", tokens, num_classes, **given))
    number = {prompt: at for at, prompt in enumerate(dict.fromkeys(e.prompt for e in examples))}
    return RewardDataset(
        token_ids=[tokens.ids for tokens in encoded],
        targets=targets,
        num_classes=num_classes,
        problem=[number[e.prompt] for e in examples],
        **options,
    )


def _targets_of(where: str, encoded: Encoded, num_classes: int, **target: Any) -> np.ndarray:
    """Makes the targets of a solution's tokens; errors name the solution."""
    try:
        return token_targets(encoded, num_classes=num_classes, **target)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
