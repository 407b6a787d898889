from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from given import given as made
from given import run
from hypothesis import given, settings
from hypothesis import strategies as st
from trained import trained
from transformers import LlamaConfig, LlamaForTokenClassification

from ablations.data.artifacts import Samples
from ablations.data.models import RateChoice, TrainedStudent, TriedRate
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.steps.checkpoint_choice import KeepBest
from ablations.steps.collect import draw_rows
from ablations.steps.score import score_encoded
from ablations.steps.train_student import ChooseRate
from lightning_modules.divergence import Diverged
from lightning_modules.encoding import Encoded, Example
from lightning_modules.reward_data import RewardData
from lightning_modules.reward_model import RewardModel
from lightning_modules.scoring import score
from lightning_modules.training import fit


def samples(problems: int, drawn: int) -> Samples:
    rows = [
        Solution(
            problem_id=f"p{p}",
            sample=m,
            steps=(f"{p}.{m}",),
            answer=None,
            finished=True,
            final_correct=False,
        )
        for p in range(problems)
        for m in range(drawn)
    ]
    named = [Problem(problem_id=f"p{p}", text=f"{p}?", answer="") for p in range(problems)]
    return Samples(problems=named, solutions=Solutions.from_rows(rows))


@settings(deadline=None)  # the first table may import pandas
@given(problems=st.integers(1, 5), drawn=st.integers(1, 9), seed=st.integers(0, 100), data=st.data())
def test_smaller_data_scales_lie_within_larger_ones(problems, drawn, seed, data):
    many = samples(problems, drawn)
    large = data.draw(st.integers(1, drawn))
    small = data.draw(st.integers(1, large))
    large_rows, small_rows = (draw_rows(many, scale, seed) for scale in (large, small))
    assert set(small_rows) <= set(large_rows)
    for rows, scale in ((small_rows, small), (large_rows, large)):
        assert len(set(rows)) == len(rows) == problems * scale
        # `scale` of each problem, problem by problem, as Solutions.take asks
        assert (rows // drawn).tolist() == np.repeat(np.arange(problems), scale).tolist()
    assert sorted(draw_rows(many, drawn, seed)) == list(range(problems * drawn))


def test_the_draw_knows_nothing_but_scale_and_seed():
    """So that all arms get the same solutions: no arm, label or learning rate is among its arguments."""
    many = samples(4, 8)
    assert draw_rows(many, 3, 0).tolist() == draw_rows(many, 3, 0).tolist()
    assert draw_rows(many, 3, 0).tolist() != draw_rows(many, 3, 1).tolist()
    firsts = {tuple(draw_rows(many, 1, 0) % 8)}  # problems are drawn for separately
    assert len(set(*firsts)) > 1
    hashes = {many.solutions.take(draw_rows(many, 2, 5)).content_hash() for _ in range(3)}
    assert len(hashes) == 1


@pytest.mark.parametrize("scale", [0, 9])
def test_a_data_scale_that_was_not_drawn(scale):
    with pytest.raises(ValueError, match=f"data_scale: found {scale}; allowed: 1 to 8, the smallest number"):
        draw_rows(samples(2, 8), scale, 0)


def backbone(positions: int = 64) -> LlamaForTokenClassification:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForTokenClassification(
        LlamaConfig(vocab_size=12, num_labels=2, max_position_embeddings=positions, **sizes)
    )


class Characters:
    """A tokenizer of digits and newlines."""

    bos_token_id, is_fast = None, False

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [10 if letter == "\n" else int(letter) for letter in text]}


def judged(values: list[float], *, updates: int, evaluations: int) -> tuple[KeepBest, list[torch.Tensor]]:
    """A training in which the judge says `values`, and the head's weights at each judgment."""
    seen: list[torch.Tensor] = []

    def judge(model: RewardModel) -> float:
        assert not model.training
        seen.append(model.backbone.score.weight.detach().clone())
        return values[len(seen) - 1]

    keep = KeepBest(judge, updates=updates, evaluations=evaluations)
    examples = [Example(prompt=f"{i}\n", steps=("1", "2"), step_targets=(1, i % 2)) for i in range(4)]
    data = RewardData(examples, Characters(), batch_size=2)
    fit(
        RewardModel(backbone(), learning_rate=0.1, total_updates=updates),
        data,
        updates=updates,
        callbacks=[keep],
    )
    return keep, seen


def test_the_best_checkpoint_is_kept():
    # 6 updates in 3 evaluations: after 2, 4 and 6
    keep, seen = judged([0.25, 0.75, 0.5], updates=6, evaluations=3)
    assert keep.curve == [(2, 0.25), (4, 0.75), (6, 0.5)]
    assert (keep.best_update, keep.best_value) == (4, 0.75)
    assert torch.equal(keep.best_state["backbone.score.weight"], seen[1])
    assert not torch.equal(seen[1], seen[2])  # the weights went on; what is kept did not


@pytest.mark.usefixtures("every_state")
def test_a_training_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path):
    """Killed at its third judgment of four; what was judged before is not judged again."""
    values = [0.5, 0.75, 0.25, 0.5]
    judged: list[int] = []

    def go(folder, killed):
        def judge(model: RewardModel) -> float:
            judged.append(len(keep.curve))
            if killed and len(keep.curve) == 2:
                raise KeyboardInterrupt
            return values[len(keep.curve)]

        keep = KeepBest(judge, updates=8, evaluations=4)
        examples = [Example(prompt=f"{i}\n", steps=("1", "2"), step_targets=(1, i % 2)) for i in range(6)]
        fit(
            RewardModel(backbone(), learning_rate=0.1, total_updates=8),
            RewardData(examples, Characters(), batch_size=2),
            updates=8,
            callbacks=[keep],
            checkpoint_folder=folder,
            checkpoint_every=1,
        )
        return keep

    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "killed", True)
    assert judged == [0, 1, 2]
    found = go(tmp_path / "killed", False)
    assert judged == [0, 1, 2, 2, 3]
    expected = go(tmp_path / "whole", False)
    assert found.curve == expected.curve and found.best_update == expected.best_update == 4
    for name, tensor in expected.best_state.items():
        assert torch.equal(found.best_state[name], tensor)


class Rates(lightning.Callback):
    """The learning rate of every update."""

    def __init__(self):
        self.seen = []

    def on_train_batch_start(self, trainer, *args):
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


def on_plateau(values, folder=None, killed_at=None, *, patience=2):
    """Ten updates at most, each judged; the learning rate is 0.1 and falls to zero in two updates.

    Returns:
        What was kept, and the learning rate of each update.
    """

    def judge(model: RewardModel) -> float:
        if killed_at == len(keep.curve) + 1:
            raise KeyboardInterrupt
        return values[len(keep.curve)]

    keep, rates = KeepBest(judge, updates=10, evaluations=10, patience=patience, falling=2), Rates()
    examples = [Example(prompt=f"{i}\n", steps=("1", "2"), step_targets=(1, i % 2)) for i in range(6)]
    fit(
        RewardModel(backbone(), learning_rate=0.1, total_updates=10, decay=0.2),
        RewardData(examples, Characters(), batch_size=2),
        updates=10,
        callbacks=[keep, rates],
        checkpoint_folder=folder,
        checkpoint_every=1,
    )
    return keep, rates.seen


def test_a_plateau_ends_a_training_with_the_usual_fall_of_the_learning_rate():
    """Two evaluations without a better one: 0.75 again and 0.5. The rate falls in updates 5 and 6."""
    keep, rates = on_plateau([0.5, 0.75, 0.75, 0.5, 0.6, 0.9])
    assert [update for update, _ in keep.curve] == [1, 2, 3, 4, 5, 6]
    assert (keep.end, keep.best_update, keep.best_value) == (6, 6, 0.9)
    assert rates == pytest.approx([0.1] * 5 + [0.05])


@pytest.mark.parametrize(
    ("values", "patience"),
    [
        ([0.1 * i for i in range(10)], 2),
        ([0.5] * 10, None),
        # a plateau after update 9: the rate falls already
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.6, 0.5, 0.4], 2),
    ],
)
def test_a_training_without_an_early_plateau_makes_all_updates(values, patience):
    keep, rates = on_plateau(values, patience=patience)
    assert len(keep.curve) == 10 and keep.end is None
    assert rates == pytest.approx([0.1] * 9 + [0.05])


@pytest.mark.usefixtures("every_state")
@pytest.mark.parametrize("killed_at", [5, 6])
def test_an_early_end_is_the_same_after_a_kill(tmp_path, killed_at):
    values = [0.5, 0.75, 0.75, 0.5, 0.6, 0.9]
    with pytest.raises(KeyboardInterrupt):
        on_plateau(values, tmp_path, killed_at)
    resumed, rates = on_plateau(values, tmp_path)
    whole, _ = on_plateau(values)
    assert resumed.curve == whole.curve and resumed.end == 6 and rates[-1] == pytest.approx(0.05)
    for name, tensor in whole.best_state.items():
        assert torch.equal(resumed.best_state[name], tensor)
    again, rates = on_plateau(values, tmp_path)  # killed after its last update, before its result was kept
    assert again.curve == whole.curve and rates == []


def test_of_equal_checkpoints_the_later_is_kept():
    keep, seen = judged([0.5, 0.5], updates=4, evaluations=2)
    assert keep.best_update == 4 and torch.equal(keep.best_state["backbone.score.weight"], seen[1])


def test_a_worthless_checkpoint_is_better_than_none():
    keep, _ = judged([0.0], updates=1, evaluations=1)
    assert (keep.best_update, keep.best_value) == (1, 0.0) and keep.best_state


@pytest.mark.parametrize(
    ("updates", "evaluations", "at"),
    # round(5 * i / 2) is 2 (halves go to even) and 5; three updates cannot be judged four times
    [(6, 3, {2, 4, 6}), (5, 2, {2, 5}), (3, 4, {1, 2, 3}), (1, 1, {1})],
)
def test_the_last_update_is_always_judged(updates, evaluations, at):
    keep = KeepBest(lambda model: 0.0, updates=updates, evaluations=evaluations)
    assert keep.at == at and max(keep.at) == updates


def test_an_update_of_several_batches_is_judged_once():
    keep = KeepBest(lambda model: 0.5, updates=2, evaluations=1)
    trainer = SimpleNamespace(global_step=2, is_global_zero=True, logger=None, callbacks=())
    module = torch.nn.Linear(1, 1)
    for _ in range(3):  # with accumulated gradients a batch may end without an update
        keep.on_train_batch_end(trainer, module)  # type: ignore[arg-type]
    assert keep.curve == [(2, 0.5)]


def diverged(rate: float, why: str) -> TrainedStudent:
    """A training that diverged."""
    return TrainedStudent(learning_rate=rate, facts=None, diverged=why)


def choose(root: Path, tried: list[TrainedStudent]) -> RateChoice:
    """The choice among trainings, as a step that reads it gets it."""
    candidates = tuple(made(root, f"train/{i}", one) for i, one in enumerate(tried))
    made(root, "choose/x", run(ChooseRate(candidates=candidates), root))
    return RateChoice.read(root / "choose/x")


@pytest.mark.parametrize(
    ("values", "rate", "bracketed"),
    [
        ([0.2, 0.6, 0.4], 2e-4, True),
        ([0.5, 0.5, 0.5], 1e-4, False),  # the first of equals
        ([0.1, 0.2, 0.3], 3e-4, False),
        ([0.2, 0.3], 2e-4, False),  # two rates have no interior
    ],
)
def test_choose_takes_the_best_and_says_whether_it_is_bracketed(values, rate, bracketed, tmp_path):
    chosen = choose(
        tmp_path, [trained(learning_rate=(1 + i) * 1e-4, best_value=value) for i, value in enumerate(values)]
    )
    assert (chosen.learning_rate, chosen.bracketed) == (pytest.approx(rate), bracketed)
    assert [one.validation for one in chosen.grid] == values


def test_several_trainings_per_rate_count_by_their_mean(tmp_path):
    """0.1: (0.2 + 0.8) / 2 = 0.5; 0.2: (0.5 + 0.6) / 2 = 0.55; 0.4: one diverged, so it is out."""
    values = [(0.1, 0.2), (0.1, 0.8), (0.2, 0.5), (0.2, 0.6), (0.4, 0.9)]
    chosen = choose(
        tmp_path,
        [*(trained(learning_rate=rate, best_value=value) for rate, value in values), diverged(0.4, "why")],
    )
    assert (chosen.learning_rate, chosen.bracketed) == (0.2, True)
    assert chosen.grid == (
        TriedRate(learning_rate=0.1, validation=pytest.approx(0.5), trainings=2),
        TriedRate(learning_rate=0.2, validation=pytest.approx(0.55), trainings=2),
        TriedRate(learning_rate=0.4, validation=None, trainings=2, diverged="why"),
    )


def test_a_learning_rate_that_diverges_is_out_of_the_choice(tmp_path):
    why = "learning_rate: found 1.0, with which ..."
    # worthless, but finite
    chosen = choose(tmp_path / "some", [diverged(1.0, why), trained(learning_rate=0.1, best_value=0.0)])
    assert chosen.learning_rate == 0.1 and chosen.grid[0].diverged == why
    with pytest.raises(
        Diverged, match="^all 1 learning rates diverge; at the lowest: learning_rate: found 1.0"
    ):
        choose(tmp_path / "all", [diverged(1.0, why)])


def test_weights_that_are_not_finite_are_not_judged():
    """The third update makes them infinite; the judge sees those of the second alone."""
    seen = []

    def judge(model: RewardModel) -> float:
        seen.append(all(bool(torch.isfinite(weight).all()) for weight in model.parameters()))
        return 0.5

    class Explode(lightning.Callback):
        def on_train_batch_end(self, trainer, module, *args):
            if trainer.global_step == 3:
                module.backbone.score.weight.data.fill_(torch.inf)

    keep = KeepBest(judge, updates=4, evaluations=4)
    data = RewardData(
        [Example(prompt="1\n", steps=("1",), step_targets=(1,))] * 4, Characters(), batch_size=1
    )
    with pytest.raises(
        Diverged, match="learning_rate: found 0.1, with which a weight is not finite after update 3"
    ):
        fit(
            RewardModel(backbone(), learning_rate=0.1, total_updates=4),
            data,
            updates=4,
            callbacks=[Explode(), keep],
        )
    assert seen == [True, True] and keep.best_update == 2


def test_a_cut_step_is_unscored_and_so_is_its_solution():
    """Solutions of 3, 2 and 1 steps, of which the first lost two and the last none."""
    model = RewardModel(backbone()).eval()
    ids = np.array([1, 2, 10, 3, 10], np.int32)
    encoded = [
        Encoded(ids=ids[:3], solution_start=1, step_end=np.array([2]), cut_steps=2),
        Encoded(ids=ids, solution_start=1, step_end=np.array([2, 4])),
        Encoded(ids=ids[:3], solution_start=1, step_end=np.array([2]), cut_steps=0),
    ]
    judged = score(model, encoded)
    assert judged.offsets.tolist() == [0, 1, 3, 4]
    found = score_encoded(model, encoded)
    assert found.prob.offsets.tolist() == [0, 3, 5, 6]
    assert np.array_equal(found.prob.values[[0, 3, 4, 5]], judged.prob)
    assert np.isnan(found.prob.values[[1, 2]]).all()
    assert np.isnan(found.last[0]) and np.array_equal(found.last[1:], judged.last[1:])
    assert found.unscored.tolist() == [True, False, False]


def test_a_solution_whose_first_step_is_cut():
    encoded = [
        Encoded(ids=np.array([1, 2], np.int32), solution_start=2, step_end=np.zeros(0, np.int64), cut_steps=1)
    ]
    found = score_encoded(RewardModel(backbone()).eval(), encoded)
    assert found.unscored.tolist() == [True] and np.isnan(found.prob.values).all()


def test_lightning_counts_updates_as_here():
    """`KeepBest` reads the trainer's `global_step`, which is the number of updates with one optimizer."""
    steps = []

    class Note(lightning.pytorch.callbacks.Callback):
        def on_train_batch_end(self, trainer, *args):
            steps.append(trainer.global_step)

    data = RewardData([Example(prompt="1\n", steps=("2",), step_targets=(1,))], Characters(), batch_size=1)
    fit(RewardModel(backbone(), total_updates=3), data, updates=3, callbacks=[Note()])
    assert steps == [1, 2, 3]
