"""Implicit rewards against plain formulas: log-ratios of tokens, and their sums in training and scoring."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from lightning_modules.backbones import recompute_activations
from lightning_modules.encoding import Encoded
from lightning_modules.implicit_reward import ImplicitReward, implicit_reward, previous_columns
from lightning_modules.prefix_trees import Rows, layout
from lightning_modules.reward_data import RewardData, RewardDataset
from lightning_modules.reward_model import RewardModel
from lightning_modules.row_choice import choose_rows
from lightning_modules.scoring import score
from lightning_modules.sharding import gather_weights
from lightning_modules.training import fit

BETA = 0.5
CLASSES = (1, 0, 1)


def build(*, trained: bool = True, tied: bool = True) -> ImplicitReward:
    """Returns rewards of a policy that is, if `trained`, not its reference."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = implicit_reward(
        LlamaForCausalLM(LlamaConfig(vocab_size=12, tie_word_embeddings=tied, **sizes)), BETA
    )
    with torch.no_grad():
        for weight in model.policy.parameters() if trained else ():
            weight.add_(torch.randn_like(weight), alpha=0.1)
    return model


def encoded() -> list[Encoded]:
    """Three solutions, the first two of which begin alike; of 2, 4 and 1 tokens, in 1, 2 and 1 steps."""
    made = []
    for start, ids, ends in ((2, [1, 2, 3, 4], [3]), (2, [1, 2, 3, 5, 6, 7], [3, 5]), (1, [8, 9], [1])):
        step_end = np.array(ends)
        made.append(Encoded(ids=np.array(ids, np.int32), solution_start=start, step_end=step_end))
    return made


def log_ratios(model: ImplicitReward, one: Encoded) -> torch.Tensor:
    """Returns log(policy / reference) of each token of a solution [T], token by token."""
    ids = torch.from_numpy(one.ids.astype(np.int64))
    found = []
    for at in range(one.solution_start, len(ids)):
        before, token = ids[None, :at], ids[at]
        policy, reference = (m(input_ids=before).logits[0, -1] for m in (model.policy, model.reference))
        found.append(policy.log_softmax(-1)[token] - reference.log_softmax(-1)[token].detach())
    return torch.stack(found)


def test_tokens_have_the_scaled_log_ratio_of_their_probabilities() -> None:
    model = build()
    for one in encoded():
        ids = torch.from_numpy(one.ids.astype(np.int64))[None]
        logits = model(input_ids=ids).logits[0]
        torch.testing.assert_close(logits[one.solution_start :, 1], BETA * log_ratios(model, one))
        assert logits[0].tolist() == [0, 0] and not logits[:, 0].any() and logits[1:, 1].all()
        padded = torch.cat([ids, torch.zeros(1, 3, dtype=torch.long)], 1)
        mask = (torch.arange(padded.shape[1]) < len(one.ids)).long()[None]
        found = model(input_ids=padded, attention_mask=mask).logits[0]
        torch.testing.assert_close(found[: len(one.ids)], logits)
        assert not found[len(one.ids) :].any()


def test_an_untrained_model_is_undecided() -> None:
    found = score(build(trained=False), encoded())
    assert found.last.tolist() == [0.5] * 3 and found.prob.tolist() == [[0.5, 0.5]] * 4


def test_the_token_before_is_the_parent_in_a_trie() -> None:
    """1 2 3 (4 | 5 6 7) in one row: 5 follows 3, not 4."""
    made = layout([one.ids for one in encoded()[:2]], capacity=8)
    assert made.rows == "trie" and made.token_BT.tolist() == [[1, 2, 3, 4, 5, 6, 7]]
    for mask in (made.additive_mask(torch.float32), made.block_mask()):
        assert previous_columns(made.token_BT, mask).tolist() == [[-1, 0, 1, 2, 2, 4, 5]]


def test_no_token_is_before_the_first_of_a_packed_sequence() -> None:
    """1 2 3 4, 1 2 3 5 6 7."""
    made = layout([one.ids for one in encoded()[:2]], rows="packed")
    assert made.token_BT.tolist() == [[1, 2, 3, 4, 1, 2, 3, 5, 6, 7]]
    found = previous_columns(made.token_BT, None, made.position_BT)
    assert found.tolist() == [[-1, 0, 1, 2, -1, 4, 5, 6, 7, 8]]


@pytest.mark.parametrize("rows", ["trie", "packed", "padded"])
def test_scores_are_sums_over_steps_and_solutions(rows: Rows) -> None:
    model = build()
    found = score(model, encoded(), rows=rows)
    ratios = [(BETA * log_ratios(model, one)).double() for one in encoded()]
    wanted = [ratios[0].sum(), ratios[1][:2].sum(), ratios[1][2:].sum(), ratios[2].sum()]
    assert found.prob[:, 1] == pytest.approx(torch.stack(wanted).sigmoid().tolist(), abs=1e-6)
    assert found.last == pytest.approx([ratio.sum().sigmoid().item() for ratio in ratios], abs=1e-6)
    steps, solutions = (np.log(p / (1 - p)) for p in (found.prob[:, 1], found.last))
    assert solutions == pytest.approx([steps[0], steps[1] + steps[2], steps[3]], abs=1e-9)


def test_scores_depend_on_the_solution_alone() -> None:
    model = build()
    together = score(model, encoded(), rows="trie")
    alone = [score(model, [one], rows="padded") for one in encoded()]
    assert together.last == pytest.approx([one.last[0] for one in alone], abs=1e-6)
    np.testing.assert_allclose(together.prob, np.concatenate([one.prob for one in alone]), atol=1e-6)
    empty = Encoded(ids=np.array([1, 2], np.int32), solution_start=2, step_end=np.zeros(0, np.int64))
    assert score(model, [empty]).last.tolist() == [0.5]  # no token, so the sum is 0


def test_layouts_are_checked_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained model gives 0 in any row, also one that does not compute in tries."""
    model = build(trained=False)
    assert choose_rows(model) == "trie"
    plain = LlamaForCausalLM.forward
    monkeypatch.setattr(
        LlamaForCausalLM,
        "forward",
        lambda self, input_ids, attention_mask=None, **more: plain(
            self, input_ids=input_ids, use_cache=False
        ),
    )
    assert choose_rows(build(trained=False)) == "padded"


@pytest.mark.parametrize("rows", ["trie", "packed", "padded"])
def test_the_loss_is_the_cross_entropy_of_the_summed_log_ratios(rows: Rows) -> None:
    data = RewardDataset.from_encoded(
        encoded(), solution_targets=CLASSES, outcome_loss="sum_logit", rows=rows
    )
    index = np.arange(3)
    assert data.target_count(index) == 3
    model, other = RewardModel(build()), build()
    found = model.loss_sum(data.batch(index, 3))
    logits = torch.stack([BETA * log_ratios(other, one).sum() for one in encoded()])
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, torch.tensor(CLASSES, dtype=torch.float32), reduction="sum"
    )
    torch.testing.assert_close(found, wanted)
    found.backward()
    wanted.backward()
    for mine, plain in zip(model.backbone.policy.parameters(), other.policy.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, plain.grad)
    assert all(weight.grad is None for weight in model.backbone.reference.parameters())


@pytest.mark.parametrize("recompute", [False, True])
def test_training_changes_the_policy_alone(recompute: bool, tmp_path: Path) -> None:
    data = RewardDataset.from_encoded(encoded(), solution_targets=CLASSES, outcome_loss="sum_logit")
    model, before = RewardModel(build(trained=False), learning_rate=0.02), build(trained=False).state_dict()
    if recompute:
        recompute_activations(model.backbone)
    before_loss = model.loss_sum(data.batch(np.arange(3), 3)).item()
    assert before_loss == pytest.approx(3 * np.log(2))
    fit(model, RewardData(data, batch_size=3), updates=20)
    assert model.loss_sum(data.batch(np.arange(3), 3)).item() < before_loss / 2
    for name, weight in model.backbone.state_dict().items():
        assert torch.equal(weight, before[name]) == name.startswith("reference."), name
    found = score(model, encoded()).last
    assert found[0] > 0.5 > found[1] and found[2] > 0.5


@pytest.mark.parametrize("tied", [True, False])
def test_export_and_from_folder(tied: bool, tmp_path: Path) -> None:
    """Also from the weights that a training keeps, which are those of the policy."""
    model = RewardModel(build(tied=tied))
    kept = gather_weights(model)
    assert "backbone.policy.model.norm.weight" in kept and "backbone.reference.model.norm.weight" not in kept
    wanted = score(model, encoded())
    for folder, state in ((tmp_path / "own", None), (tmp_path / "kept", kept)):
        model.export(folder, state=state)
        read = RewardModel.from_folder(folder)
        assert read.backbone.config.beta == BETA and isinstance(read.backbone, ImplicitReward)
        np.testing.assert_array_equal(score(read, encoded()).prob, wanted.prob)
        for name, weight in read.backbone.named_parameters():
            assert weight.requires_grad == name.startswith("policy."), name


def test_a_killed_training_resumes(tmp_path: Path) -> None:
    """A saved state has no frozen weights, which the base has."""
    data = RewardDataset.from_encoded(encoded(), solution_targets=CLASSES, outcome_loss="sum_logit")

    def train(folder: Path, killed_at: float = 2.0) -> RewardModel:
        def progress(done: float) -> None:
            if done >= killed_at:
                raise RuntimeError("killed")

        model = RewardModel(build(trained=False), learning_rate=0.02, total_updates=6)
        fit(
            model,
            RewardData(data, batch_size=3),
            updates=6,
            checkpoint_folder=folder,
            checkpoint_every=2,
            progress=progress,
        )
        return model

    whole = train(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="killed"):
        train(tmp_path / "killed", 5 / 6)
    assert list((tmp_path / "killed").iterdir())
    resumed = train(tmp_path / "killed")
    for name, weight in whole.backbone.state_dict().items():
        torch.testing.assert_close(resumed.backbone.state_dict()[name], weight, atol=0, rtol=0, msg=name)
