"""The ranking loss: by hand, and losses and gradients against a plain formula."""

from math import exp, log
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForTokenClassification

from lightning_modules.encoding import IGNORE, Encoded
from lightning_modules.reward_data import RewardDataset
from lightning_modules.reward_model import RewardModel
from lightning_modules.step_ranks import MARGIN, StepRanks

TARGETS = [[1, 1, 0], [1, 1], [0], [IGNORE, 1, 0]]


def ranks(right: list[list[int]], wrong: list[list[int]]) -> StepRanks:
    cell = torch.arange(len(right) * len(right[0])).reshape(len(right), -1)
    return StepRanks(cell=cell, right=torch.tensor(right) > 0, wrong=torch.tensor(wrong) > 0)


def logits(*values: float) -> torch.Tensor:
    """[1, T, 2] with these logits of being right minus that of being wrong."""
    return torch.tensor([[[0.0, value] for value in values]])


def test_by_hand() -> None:
    """Values 1, 2 (right) and -3 (wrong): against e^(-3 + 4) = e each of 0, 1 and 2 is compared.

    -log e^0 / (e^0 + e), -log e^1 / (e^0 + e^1 + e), -log e^2 / (e^0 + e^1 + e^2 + e)
    """
    found = ranks([[1, 1, 0]], [[0, 0, 1]]).loss(logits(1, 2, -3))
    e = exp(1)
    wanted = log(1 + e) + (log(1 + 2 * e) - 1) + (log(1 + 2 * e + e**2) - 2)
    assert MARGIN == 4 and found.item() == pytest.approx(wanted, abs=1e-5)
    # without a wrong step: log(1 + e) - 1; a wrong one alone: log(1 + e^(-1 + 4))
    assert ranks([[1, 0]], [[0, 0]]).loss(logits(1, 9)).item() == pytest.approx(log(1 + e) - 1, abs=1e-5)
    assert ranks([[0]], [[1]]).loss(logits(-1)).item() == pytest.approx(log(1 + e**3), abs=1e-5)


def encoded() -> list[Encoded]:
    """Four solutions of one token per step; the first two begin alike."""
    made = []
    for ids in ([1, 2, 3, 4, 5], [1, 2, 3, 6], [7, 8], [1, 2, 9, 3, 5]):
        steps = np.arange(1 if len(ids) == 2 else 2, len(ids))
        made.append(Encoded(ids=np.array(ids, np.int32), solution_start=int(steps[0]), step_end=steps))
    return made


def build() -> RewardModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return RewardModel(LlamaForTokenClassification(LlamaConfig(vocab_size=12, num_labels=2, **sizes)))


def plain_loss(value: torch.Tensor, target: list[int]) -> torch.Tensor:
    """Of one solution, by its definition, from the values of its steps."""
    wrong = sum(((q + MARGIN).exp() for q, t in zip(value, target, strict=True) if t == 0), torch.zeros(()))
    before, loss = torch.ones(()), (1 + wrong).log()
    for q, t in zip(value, target, strict=True):
        if t == 1:
            before = before + q.exp()
            loss = loss - (q.exp() / (before + wrong)).log()
    return loss


@pytest.mark.parametrize("rows", ["trie", "packed", "padded"])
def test_losses_and_gradients_are_those_of_the_definition(rows: Any) -> None:
    data = RewardDataset.from_encoded(encoded(), step_targets=TARGETS, step_loss="ranking", rows=rows)
    index = np.arange(4)
    count = data.target_count(index)
    assert count == 8  # 3 + 2 + 1 + 2
    model, other = build(), build()
    found = model.loss_sum(data.batch(index, count))
    wanted = torch.zeros(())
    for one, target in zip(encoded(), TARGETS, strict=True):
        row = other.backbone(input_ids=torch.from_numpy(one.ids.astype(np.int64))[None]).logits[0]
        step = row[one.step_end]
        wanted = wanted + plain_loss(step[:, 1] - step[:, 0], target)
    torch.testing.assert_close(found, wanted)
    found.backward()
    wanted.backward()
    for mine, plain in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, plain.grad)


def test_a_share_without_a_target_has_no_loss() -> None:
    data = RewardDataset.from_encoded(
        encoded(), step_targets=[[IGNORE] * 3] + TARGETS[1:], step_loss="ranking"
    )
    loss = build().loss_sum(data.batch(np.arange(1), 1))
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize(
    ("target", "classes"), [(np.full((2, 2), 0.5, np.float32), 2), (np.array([0, 2], np.int8), 3)]
)
def test_probabilities_and_three_classes_are_refused(target: Any, classes: int) -> None:
    with pytest.raises(ValueError, match="^step_loss: found ranking with targets .* for solution 0; allowed"):
        RewardDataset(
            token_ids=[np.ones(2, np.int32)], targets=[target], num_classes=classes, step_loss="ranking"
        )
