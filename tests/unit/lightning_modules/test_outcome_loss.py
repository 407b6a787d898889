"""How labels of solutions are taught: weights by hand, and losses and scores against plain formulas."""

from typing import Any, get_args

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForTokenClassification

from lightning_modules.encoding import Encoded
from lightning_modules.outcome_loss import OutcomeLoss, token_weights
from lightning_modules.reward_data import RewardDataset
from lightning_modules.reward_model import POOLED, RewardModel
from lightning_modules.scoring import score

LOSSES = get_args(OutcomeLoss)
CLASSES = (1, 0, 1)


@pytest.mark.parametrize(
    ("loss", "count", "weights"),
    [
        ("every_token", 4, [1, 1, 1, 1]),
        ("last_token", 4, [0, 0, 0, 1]),
        ("every_and_last", 4, [2 / 3, 2 / 3, 2 / 3, 2]),  # 3 * 2/3 = 2 = the last one; together 4
        ("every_and_last", 2, [1, 1]),
        ("mean_logit", 4, [1 / 4] * 4),
        *((loss, 1, [1]) for loss in LOSSES),
        *((loss, 0, []) for loss in LOSSES),
    ],
)
def test_weights_by_hand(loss: OutcomeLoss, count: int, weights: list[float]) -> None:
    found = token_weights(count, loss)
    assert found.dtype == np.float32 and found.tolist() == pytest.approx(weights)


def encoded() -> list[Encoded]:
    """Three solutions, the first two of which begin alike; of 2, 4 and 1 tokens behind their problems."""
    made = []
    for start, ids in ((2, [1, 2, 3, 4]), (2, [1, 2, 3, 5, 6, 7]), (1, [8, 9])):
        end = np.array([len(ids) - 1])
        made.append(Encoded(ids=np.array(ids, np.int32), solution_start=start, step_end=end))
    return made


def build(**more: Any) -> RewardModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return RewardModel(LlamaForTokenClassification(LlamaConfig(vocab_size=12, num_labels=2, **sizes)), **more)


def logits_of(model: RewardModel, one: Encoded) -> torch.Tensor:
    """[T, C] of the solution's own tokens, in a plain row."""
    ids = torch.from_numpy(one.ids.astype(np.int64))[None]
    return model.backbone(input_ids=ids).logits[0, one.solution_start :]


def plain_loss(loss: OutcomeLoss, logits: torch.Tensor, target: int) -> torch.Tensor:
    """Of one solution, by its definition."""
    each = -logits.log_softmax(-1)[:, target]
    if loss == "every_token":
        return each.sum()
    if loss == "last_token":
        return each[-1]
    if loss == "mean_logit":
        return -logits.mean(0).log_softmax(-1)[target]
    return each[0] if len(each) == 1 else len(each) / 2 * (each[:-1].mean() + each[-1])


@pytest.mark.parametrize("rows", ["trie", "packed", "padded"])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_gradients_are_those_of_the_definition(loss: OutcomeLoss, soft: bool, rows: Any) -> None:
    targets: Any = np.eye(2, dtype=np.float32)[list(CLASSES)] if soft else CLASSES
    data = RewardDataset.from_encoded(encoded(), solution_targets=targets, outcome_loss=loss, rows=rows)
    index = np.arange(3)
    # 2 + 4 + 1 tokens, or three solutions
    count = data.target_count(index)
    assert count == (3 if loss in ("last_token", "mean_logit") else 7)
    model, other = build(), build()
    found = model.loss_sum(data.batch(index, count))
    wanted = sum(
        plain_loss(loss, logits_of(other, one), target)
        for one, target in zip(encoded(), CLASSES, strict=True)
    )
    torch.testing.assert_close(found, wanted)
    found.backward()
    wanted.backward()  # type: ignore[union-attr]
    for mine, plain in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, plain.grad)


def test_step_targets_know_no_outcome_loss() -> None:
    data = RewardDataset.from_encoded(encoded(), step_targets=[[1], [0], [1]], outcome_loss="mean_logit")
    assert data.outcome_loss == "every_token" and data.target_count(np.arange(3)) == 3


@pytest.mark.parametrize("pooled", [False, True])
def test_a_solution_is_scored_as_it_was_taught(pooled: bool, tmp_path: Any) -> None:
    """At its last token or by the mean of its logits; the model that was written says so itself."""
    model = build(pooled=pooled).eval()
    model.export(tmp_path)
    model = RewardModel.from_folder(tmp_path).eval()
    assert getattr(model.backbone.config, POOLED) is pooled
    with torch.inference_mode():
        logits = [logits_of(model, one).double() for one in encoded()]
    wanted = [(one.mean(0) if pooled else one[-1]).softmax(-1)[1].item() for one in logits]
    assert score(model, encoded()).last == pytest.approx(wanted, abs=1e-6)


def test_a_batch_without_targets_has_no_loss() -> None:
    one = Encoded(ids=np.array([1, 2], np.int32), solution_start=2, step_end=np.zeros(0, np.int64))
    data = RewardDataset.from_encoded([one], solution_targets=[1], outcome_loss="mean_logit")
    loss = build().loss_sum(data.batch(np.arange(1), data.target_count(np.arange(1))))
    assert loss.item() == 0 and loss.requires_grad
