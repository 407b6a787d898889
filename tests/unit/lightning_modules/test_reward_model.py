import time
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForTokenClassification

from lightning_modules.reward_data import RewardBatch, RewardData, RewardDataset
from lightning_modules.reward_model import RewardModel
from lightning_modules.training import fit

# Lightning's own, on the newest torch.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated:FutureWarning")

QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}


def backbone(num_labels: int = 2, **more: Any) -> LlamaForTokenClassification:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForTokenClassification(
        LlamaConfig(vocab_size=12, num_key_value_heads=2, num_labels=num_labels, **sizes, **more)
    )


def dataset(count: int = 13, num_classes: int = 2) -> RewardDataset:
    random = np.random.default_rng(0)
    stems = random.integers(0, 12, (3, 6))
    token_ids = [np.append(stems[i % 3], random.integers(0, 12, random.integers(1, 9))) for i in range(count)]
    targets = [
        np.where(np.arange(len(ids)) < 6, -100, random.integers(0, num_classes, len(ids)))
        for ids in token_ids
    ]
    return RewardDataset(token_ids=token_ids, targets=targets, num_classes=num_classes)


def train(**trainer: Any) -> tuple[RewardModel, dict[str, float]]:
    """Two epochs of two updates: 13 solutions in batches of 12, so that the second update has a single
    solution."""
    data = RewardData(dataset(), batch_size=12, seed=5, validation=dataset(7))
    model = RewardModel(backbone(), learning_rate=1e-2)
    fitted = lightning.Trainer(
        **{**QUIET, "max_epochs": 2, "num_sanity_val_steps": 0, "devices": 1, **trainer}
    )
    fitted.fit(model, data)
    return model, {name: float(value) for name, value in fitted.callback_metrics.items()}


def by_hand() -> tuple[RewardModel, dict[str, float]]:
    """The same training as a plain loop over padded batches."""
    data, model = dataset(), RewardModel(backbone(), learning_rate=1e-2, total_updates=4)
    (optimizer,), (schedule,) = [model.configure_optimizers()["optimizer"]], [None]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda update: min((update + 1) / 1, max(0.0, (4 - update) / 4))
    )
    model.train()
    metrics = {}
    for epoch in range(2):
        order = np.random.default_rng([5, epoch]).permutation(13)
        losses, hits, count = 0.0, 0, 0
        for index in (order[:12], order[12:]):
            logits, target = padded(model, data, index)
            kept = target != -100
            loss = torch.nn.functional.cross_entropy(logits[kept], target[kept], reduction="sum")
            losses, count = losses + loss.item(), count + int(kept.sum())
            hits += int((logits[kept].argmax(-1) == target[kept]).sum())
            optimizer.zero_grad()
            (loss / kept.sum()).backward()
            optimizer.step()
            schedule.step()
        metrics = {"train_loss": losses / count, "train_accuracy": hits / count}
    logits, target = padded(model, dataset(7), np.arange(7))
    kept = target != -100
    metrics["validation_loss"] = torch.nn.functional.cross_entropy(logits[kept], target[kept]).item()
    metrics["validation_accuracy"] = (logits[kept].argmax(-1) == target[kept]).float().mean().item()
    return model, metrics


def padded(model: RewardModel, data: RewardDataset, index: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    T = max(len(data.token_ids[i]) for i in index)
    token_BT, held_BT = (
        torch.zeros(len(index), T, dtype=torch.long),
        torch.zeros(len(index), T, dtype=torch.long),
    )
    target_BT = torch.full((len(index), T), -100)
    for row, i in enumerate(index):
        size = len(data.token_ids[i])
        token_BT[row, :size], held_BT[row, :size] = torch.tensor(data.token_ids[i]), 1
        target_BT[row, :size] = torch.tensor(data.targets[i])
    return model.backbone(input_ids=token_BT, attention_mask=held_BT).logits, target_BT


@pytest.fixture(scope="module")
def reference() -> tuple[RewardModel, dict[str, float]]:
    return by_hand()


def assert_same(
    found: tuple[RewardModel, dict[str, float]], wanted: tuple[RewardModel, dict[str, float]]
) -> None:
    for name, value in wanted[0].state_dict().items():
        torch.testing.assert_close(found[0].state_dict()[name], value, atol=1e-5, rtol=0, msg=name)
    assert found[1] == pytest.approx(wanted[1], abs=1e-5)


def test_training_follows_a_plain_loop(reference: tuple[RewardModel, dict[str, float]]) -> None:
    assert_same(train(), reference)


@pytest.mark.parametrize("accumulate", [2, 5])
def test_accumulated_batches_follow_one(
    accumulate: int, reference: tuple[RewardModel, dict[str, float]]
) -> None:
    assert_same(train(accumulate_grad_batches=accumulate), reference)


def test_two_processes_follow_one(reference: tuple[RewardModel, dict[str, float]]) -> None:
    # The second update has one solution: the second process has an empty slice. With accumulation three of
    # four have.
    assert_same(train(devices=2, strategy="ddp_fork", accumulate_grad_batches=2), reference)


def test_a_batch_without_solutions_has_no_gradient() -> None:
    model, data = RewardModel(backbone()), dataset()
    model.loss_sum(data.batch(np.array([], dtype=int), 1)).backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any()


def test_three_classes_and_their_names() -> None:
    model, data = RewardModel(backbone(3)), dataset(num_classes=3)
    batch: RewardBatch = data.batch(np.arange(5), data.target_count(np.arange(5)))
    assert model.loss_sum(batch) > 0
    assert model(batch.layouts[0]).shape == (*batch.layouts[0].token_BT.shape, 3)
    assert model.backbone.config.id2label == {0: "negative", 1: "neutral", 2: "positive"}


class Bare(torch.nn.Module):
    """A backbone without a module for dropout."""

    config = LlamaConfig(num_labels=2)


def dropped(seed: int, folder: Path | None = None, stop: int | None = None) -> dict[str, torch.Tensor]:
    """Weights after six updates with dropout, killed before that after ``stop``."""

    def progress(share: float) -> None:
        if stop is not None and round(6 * share) == stop:
            raise InterruptedError

    model = RewardModel(backbone(), learning_rate=1e-2, total_updates=6, dropout=0.5, seed=seed)
    torch.manual_seed(time.time_ns() % 2**32)  # of no meaning
    data = RewardData(dataset(), batch_size=4)
    fit(model, data, updates=6, checkpoint_folder=folder, checkpoint_every=1, progress=progress)
    return model.state_dict()


def test_dropout_depends_on_the_seed_and_the_update_alone(tmp_path: Path) -> None:
    wanted = dropped(1)
    with pytest.raises(InterruptedError):
        dropped(1, tmp_path, stop=4)
    for again in (dropped(1), dropped(1, tmp_path)):
        assert all(torch.equal(value, again[name]) for name, value in wanted.items())
    assert not all(torch.equal(value, dropped(2)[name]) for name, value in wanted.items())


def test_no_dropout() -> None:
    model = RewardModel(backbone(classifier_dropout=0.5)).train()
    batch = dataset().batch(np.arange(5), 1)
    assert model.loss_sum(batch) == model.loss_sum(batch)
    with pytest.raises(ValueError, match="dropout: found 0.5; allowed: 0 for Bare"):
        RewardModel(Bare(), dropout=0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="attention_dropout is 0.1"):
        RewardModel(backbone(attention_dropout=0.1))


def test_half_precision_stays_close() -> None:
    model, batch = RewardModel(backbone()), dataset().batch(np.arange(13), 1)
    exact = model.loss_sum(batch)
    with torch.autocast("cpu", torch.bfloat16):
        half = model.loss_sum(batch)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, exact, rtol=1e-2, atol=0)


def test_export_and_from_folder(tmp_path: Path) -> None:
    model = RewardModel(backbone(3))
    model.export(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".safetensors"}
    read = RewardModel.from_folder(tmp_path, learning_rate=1e-3)
    assert read.learning_rate == 1e-3
    assert read.backbone.config.num_labels == 3
    for name, value in model.state_dict().items():
        assert torch.equal(read.state_dict()[name], value)
    with pytest.raises(ValueError, match="has no config.json"):
        RewardModel.from_folder(tmp_path / "absent")


def test_two_or_three_classes() -> None:
    with pytest.raises(ValueError, match=r"num_labels is 4; allowed: \[2, 3\]"):
        RewardModel(backbone(4))
