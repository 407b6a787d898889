"""Reward model: class logits at every token, trained on given targets.

Process and outcome supervision differ only in the targets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from transformers import AutoModelForTokenClassification, PreTrainedModel

import lightning_modules.implicit_reward  # noqa: F401 - so that transformers can load implicit rewards
import lightning_modules.state_head  # noqa: F401 - and state heads
from lightning_modules.adapters import ADAPTER_CONFIG, is_adapted, load_adapters, save_adapters
from lightning_modules.backbones import POOLED
from lightning_modules.optimization import configure, learning_rate_at
from lightning_modules.prefix_trees import Layout
from lightning_modules.reward_data import RewardBatch
from lightning_modules.sharding import shard

CLASSES = {2: ("negative", "positive"), 3: ("negative", "neutral", "positive")}
"""Number of classes -> names of the classes, in the order of the logits."""


class RewardModel(lightning.LightningModule):
    """Class logits trained at tokens with a target, by default by cross-entropy; a mean over the targets."""

    def __init__(
        self,
        backbone: PreTrainedModel,
        *,
        learning_rate: float = 2e-3,
        total_updates: int | None = None,
        warmup: float = 0.05,
        decay: float | None = None,
        weight_decay: float = 0.01,
        dropout: float = 0.0,
        seed: int = 0,
        pooled: bool | None = None,
    ) -> None:
        """
        Args:
            backbone: A token classification model from transformers with two or three classes, or peft's
                wrapper around one.
            learning_rate: Highest learning rate.
            total_updates: Length of the schedule; None: the number of updates that the trainer will run.
            warmup: Share of updates with a rising learning rate.
            decay: Share of updates, at the end, with a learning rate that falls to zero; None: all after the
                warmup.
            weight_decay: Weight decay, on matrices only.
            dropout: Dropout before the head. There is none elsewhere, except in adapters.
            seed: Seed for dropout, together with the update, the batch and the process.
            pooled: Whether a solution is scored by the mean of its tokens' logits rather than at its last
                token; None: keep the setting in the backbone's config.

        Raises:
            ValueError: If the backbone has another number of classes or attention dropout, or if dropout is
                requested but it has no module for it.
        """
        super().__init__()
        if backbone.config.num_labels not in CLASSES:
            raise ValueError(f"num_labels is {backbone.config.num_labels}; allowed: {sorted(CLASSES)}")
        if getattr(backbone.config, "attention_dropout", 0.0):
            raise ValueError(f"attention_dropout is {backbone.config.attention_dropout}; allowed: 0.0")
        plain: Any = backbone.get_base_model() if is_adapted(backbone) else backbone
        before_head = getattr(plain, "dropout", None)
        if dropout and not isinstance(before_head, torch.nn.Dropout):
            raise ValueError(f"dropout: found {dropout}; allowed: 0 for {type(plain).__name__}")
        for name, module in plain.named_modules():  # the head's default in transformers is 0.1
            if isinstance(module, torch.nn.Dropout) and ".lora_dropout." not in name:
                module.p = dropout if module is before_head else 0.0
        backbone.config.id2label = dict(enumerate(CLASSES[backbone.config.num_labels]))
        backbone.config.label2id = {name: index for index, name in backbone.config.id2label.items()}
        if pooled is not None:
            setattr(backbone.config, POOLED, pooled)
        self.backbone = backbone
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.total_updates, self.warmup = total_updates, warmup
        self.decay = 1.0 - warmup if decay is None else decay
        self.end: int | None = None
        """Update after which training ends, if before `total_updates`; may be set during training."""
        self.seed = seed
        self.drops = any(m.p > 0 for m in backbone.modules() if isinstance(m, torch.nn.Dropout))
        self._sums: dict[str, torch.Tensor] = {}
        self.strict_loading = all(p.requires_grad for p in backbone.parameters())  # none are left out

    def forward(self, layout: Layout) -> torch.Tensor:
        """Computes logits [B, T, C] for a block of solutions."""
        return self.backbone(**layout.inputs(self.backbone), use_cache=False).logits

    def loss_sum(self, batch: RewardBatch, stage: str = "train") -> torch.Tensor:
        """Sums the losses of this process's share of the batch."""
        loss = torch.zeros((), device=self.device)
        sums = torch.zeros(3, device=self.device)
        for block, (layout, weight) in enumerate(zip(batch.layouts, batch.weights, strict=True)):
            logits = self(layout).float()
            if batch.pools:
                logits, weight = batch.pools[block].logits(logits), batch.pools[block].target
            if batch.ranks:
                loss = loss + batch.ranks[block].loss(logits)
            else:
                loss = loss - (weight * logits.log_softmax(-1)).sum()
            with torch.no_grad():
                hits = weight.gather(-1, logits.argmax(-1, keepdim=True)).sum()
                sums += torch.stack([torch.zeros_like(hits), hits, weight.sum()])
        sums[0] = loss.detach()
        self._sums[stage] = self._sums[stage] + sums if stage in self._sums else sums
        return loss

    def training_step(self, batch: RewardBatch, batch_index: int) -> torch.Tensor:
        if self.drops:
            entropy = (self.seed, self.trainer.global_step, batch_index, self.trainer.global_rank)
            torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
        # Lightning averages over processes and accumulated batches, but this has to be a sum over them.
        parts = self.trainer.world_size * self.trainer.accumulate_grad_batches
        return self.loss_sum(batch) * (parts / max(batch.target_count, 1))

    def validation_step(self, batch: RewardBatch, batch_index: int) -> None:
        self.loss_sum(batch, "validation")

    def on_train_batch_end(self, *_: Any) -> None:
        if self.trainer.logger is not None and self.trainer.global_step % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._log_sums("train")

    def on_train_epoch_end(self) -> None:
        self._log_sums("train")

    def on_validation_epoch_end(self) -> None:
        self._log_sums("validation")

    def _log_sums(self, stage: str) -> None:
        """Logs the mean loss and accuracy over the targets of all processes since the last call."""
        sums = self._sums.pop(stage, torch.zeros(3, device=self.device))
        if self.trainer.world_size > 1:
            sums = self.trainer.strategy.reduce(sums, reduce_op="sum")
        loss, hits, count = sums.tolist()
        if count:
            self.log(f"{stage}_loss", loss / count, sync_dist=True)
            self.log(f"{stage}_accuracy", hits / count, sync_dist=True)

    def configure_model(self) -> None:
        """Splits the weights over the processes if the strategy is fsdp."""
        if self.device_mesh is not None:
            shard(self.backbone, self.device_mesh["data_parallel"])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Drops frozen weights from the checkpoint, because the base has them."""
        frozen = {name for name, parameter in self.named_parameters() if not parameter.requires_grad}
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {name: tensor for name, tensor in state.items() if name not in frozen}

    def configure_optimizers(self) -> Any:
        total = int(self.total_updates or self.trainer.estimated_stepping_batches)
        return configure(
            self.backbone,
            self.learning_rate,
            self.weight_decay,
            lambda update: learning_rate_at(
                update, total, warmup=self.warmup, decay=self.decay, end=self.end
            ),
        )

    def export(
        self, folder: str | Path, tokenizer: Any = None, state: dict[str, torch.Tensor] | None = None
    ) -> None:
        """Writes weights (safetensors), config and tokenizer as transformers does, without an adapted base.

        Args:
            folder: Folder to write to.
            tokenizer: Tokenizer to write, if any.
            state: Weights to write, from `sharding.gather_weights`; None: the model's own.
        """
        if state is not None:
            state = {name.removeprefix("backbone."): tensor for name, tensor in state.items()}
        if is_adapted(self.backbone):
            save_adapters(self.backbone, folder, state)
        else:
            if state is not None:  # it has no frozen weights
                named = self.backbone.named_parameters()
                state |= {name: weight for name, weight in named if not weight.requires_grad}
            self.backbone.save_pretrained(folder, state_dict=state)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)

    @classmethod
    def from_folder(
        cls, folder: str | Path, *, base: str | Path | None = None, **arguments: Any
    ) -> RewardModel:
        """Reads what `export` wrote.

        Args:
            folder: Folder that it wrote.
            base: Folder of the weights with which adapters were trained; not needed without adapters.
            arguments: Arguments of the constructor.
        """
        return cls(load_backbone(folder, base), **arguments)


def load_backbone(folder: str | Path, base: str | Path | None = None) -> PreTrainedModel:
    """Reads the backbone that `RewardModel.export` wrote, with its head; see `RewardModel.from_folder`."""
    if not (Path(folder) / "config.json").is_file():
        raise ValueError(f"folder {folder} has no config.json; allowed: a folder written by `export`")
    if not (Path(folder) / ADAPTER_CONFIG).is_file():
        return AutoModelForTokenClassification.from_pretrained(str(folder), use_safetensors=True)
    if base is None:
        raise ValueError(f"folder {folder} has adapters only; allowed: with the folder of their base")
    return load_adapters(folder, base)


def probability_of_correct(prob: Any) -> Any:
    """Computes P(correct) from class probabilities [..., C]. Neutral counts as right."""
    return prob[..., 1] if prob.shape[-1] == 2 else 1.0 - prob[..., 0]


def logits_of(prob: np.ndarray) -> np.ndarray:
    """Computes the logits [...] of float64 probabilities of two classes [..., 2]; at most 708 in size."""
    logs = np.log(np.maximum(prob, np.finfo(np.float64).tiny))
    return np.asarray(logs[..., 1] - logs[..., 0])
