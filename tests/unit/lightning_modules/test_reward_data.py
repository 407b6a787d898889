import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForTokenClassification, PreTrainedTokenizerFast

from lightning_modules import ahead
from lightning_modules.encoding import Encoded, Example
from lightning_modules.reward_data import GlobalBatches, RewardBatch, RewardData, RewardDataset, gathered
from lightning_modules.reward_model import RewardModel

# Lightning's own, on the newest torch.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated:FutureWarning")


def dataset(count: int = 10) -> RewardDataset:
    """Solution i is the single token i, with class i % 2."""
    return RewardDataset(
        token_ids=[np.array([i]) for i in range(count)],
        targets=[np.array([i % 2]) for i in range(count)],
        num_classes=2,
    )


def solutions(batch: RewardBatch) -> list[int]:
    """Solutions of a batch, each as often as it has a target."""
    found = []
    for block, weight in zip(batch.layouts, batch.weights, strict=True):
        for token, count in zip(block.token_BT.flatten(), weight.sum(-1).flatten(), strict=True):
            found += [int(token)] * int(count)
    return sorted(found)


def trainer(epoch: int = 0, rank: int = 0, world: int = 1) -> Any:
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    return SimpleNamespace(current_epoch=epoch, global_rank=rank, world_size=world, strategy=strategy)


@pytest.mark.parametrize(("world", "accumulate"), [(1, 1), (2, 1), (1, 3), (3, 2)])
def test_slices_make_up_the_batches_of_one_process(world: int, accumulate: int) -> None:
    def batches(rank: int, world: int, accumulate: int) -> list[RewardBatch]:
        made = GlobalBatches(
            dataset(), batch_size=4, seed=1, trainer=trainer(0, rank, world), accumulate=accumulate
        )
        served = list(made)
        assert len(served) == len(made)
        return served

    whole = batches(0, 1, 1)
    assert [len(solutions(batch)) for batch in whole] == [4, 4, 2]
    assert sorted(sum(map(solutions, whole), [])) == list(range(10))
    parts = [batches(rank, world, accumulate) for rank in range(world)]
    for update, batch in enumerate(whole):
        mine = [row[update * accumulate + part] for row in parts for part in range(accumulate)]
        assert sorted(sum(map(solutions, mine), [])) == solutions(batch)
        assert {part.target_count for part in mine} == {batch.target_count} == {len(solutions(batch))}


def test_order_comes_from_seed_and_epoch() -> None:
    def order(seed: int | None, epoch: int, epochs: int = 1) -> list[list[int]]:
        made = GlobalBatches(dataset(), batch_size=4, seed=seed, epochs=epochs, trainer=trainer(epoch))
        return [solutions(batch) for batch in made]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    assert order(1, 0) + order(1, 1) == order(1, 0, epochs=2)
    assert order(None, 3) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, [0, 1, 2, 3, 4, 5, 6]),
        (2, [0, 3, 1, 2, 4, 6, 5]),  # a a, b b, a a, and the third b alone
        (3, [0, 3, 4, 1, 2, 5, 6]),
        (9, [0, 3, 4, 6, 1, 2, 5]),
    ],
)
def test_solutions_of_a_problem_come_together(size: int, expected: list[int]) -> None:
    problem = np.array([ord(name) for name in "abbaaba"])
    assert gathered(problem, size).tolist() == expected


def test_batches_by_problem() -> None:
    problem = np.arange(10) % 3  # 4, 3 and 3 solutions
    made = GlobalBatches(replace(dataset(), problem=problem.tolist()), batch_size=2, seed=1, per_problem=2)
    batches = [solutions(batch) for batch in made]
    assert sorted(sum(batches, [])) == list(range(10))
    assert [sorted(order) for order in made.updates(0)] == batches
    order = np.concatenate(list(made.updates(0)))
    # of 4 solutions two pairs, of 3 one
    assert np.count_nonzero(problem[order[:-1]] == problem[order[1:]]) >= 4
    with pytest.raises(ValueError, match="per_problem is 2; allowed: 1"):
        GlobalBatches(dataset(), batch_size=2, seed=1, per_problem=2)


def test_what_follows_the_last_target_is_left_out() -> None:
    data = RewardDataset(
        token_ids=[np.array([1, 2, 3, 4]), np.array([5, 6])],
        targets=[np.array([-100, 1, -100, -100]), np.array([-100, -100])],
        num_classes=2,
    )
    assert data.target_count(np.arange(2)) == 1
    batch = data.batch(np.arange(2), 1)
    assert [block.token_BT.tolist() for block in batch.layouts] == [[[1, 2]]]
    assert batch.weights[0].tolist() == [[[0, 0], [0, 1]]]


def test_from_encoded() -> None:
    encoded = [Encoded(ids=np.arange(5, dtype=np.int32), solution_start=2, step_end=np.array([3, 4]))]
    steps = RewardDataset.from_encoded(encoded, step_targets=[[1, -100]])
    assert steps.targets[0].tolist() == [-100, -100, -100, 1, -100]
    whole = RewardDataset.from_encoded(encoded, solution_targets=[0])
    assert whole.targets[0].tolist() == [-100, -100, 0, 0, 0]
    with pytest.raises(ValueError, match="exactly one"):
        RewardDataset.from_encoded(encoded)


def test_from_encoded_with_probabilities() -> None:
    """Steps end at tokens 3 and 4; the second has no target, so that it is left out of the batch."""
    encoded = [Encoded(ids=np.arange(5, dtype=np.int32), solution_start=2, step_end=np.array([3, 4]))]
    steps = RewardDataset.from_encoded(encoded, step_targets=[np.array([[0.25, 0.75], [0, 0]], np.float32)])
    assert steps.targets[0].tolist() == [[0, 0], [0, 0], [0, 0], [0.25, 0.75], [0, 0]]
    assert steps.target_count(np.arange(1)) == 1
    batch = steps.batch(np.arange(1), 1)
    assert batch.layouts[0].token_BT.tolist() == [[0, 1, 2, 3]]
    assert batch.weights[0].tolist() == [[[0, 0], [0, 0], [0, 0], [0.25, 0.75]]]
    whole = RewardDataset.from_encoded(encoded, solution_targets=np.array([[0.5, 0.5]], np.float32))
    assert whole.targets[0].tolist() == [[0, 0], [0, 0], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    assert whole.target_count(np.arange(1)) == 3


def tokenizer() -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.WordLevel({c: i for i, c in enumerate("0123456789+\n")}, unk_token="0"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=inner)


EXAMPLES = [
    Example(prompt=f"{i}\n", steps=(f"{i}+{j}", f"{i + j}"), step_targets=(1, j % 2))
    for i in range(5)
    for j in range(3)
]


def build() -> RewardModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=12, num_key_value_heads=2, num_labels=2, **sizes)
    return RewardModel(LlamaForTokenClassification(config), learning_rate=1e-2, total_updates=12)


class _StopAfter(lightning.Callback):
    def __init__(self, path: Path, batches: int) -> None:
        self.path, self.batches, self.seen = path, batches, 0

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.seen += 1
        if self.seen == self.batches:
            trainer.save_checkpoint(self.path)
            raise _Killed


class _Killed(Exception):
    pass


# Four updates of two batches an epoch: within an update, within an epoch, at an epoch's end, in the second
# epoch.
@pytest.mark.parametrize("batches", [2, 4, 8, 12])
@pytest.mark.parametrize("thread", [False, True])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, batches: int, thread: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(callbacks: list[lightning.Callback], checkpoint: Path | None) -> RewardModel:
        model, data = build(), RewardData(EXAMPLES, tokenizer(), batch_size=4, seed=2, validation=EXAMPLES)
        lightning.Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=3,
            accumulate_grad_batches=2,
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ).fit(model, data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
        return model

    whole, threads = fit([], None), threading.active_count()
    if thread:  # as on an accelerator
        monkeypatch.setattr(ahead, "BUSY", ())
    path = tmp_path / "state.ckpt"
    with pytest.raises(_Killed):
        fit([_StopAfter(path, batches)], None)
    resumed = fit([], path)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, atol=0, rtol=0, msg=name)
    assert threading.active_count() == threads


def test_the_position_is_of_the_batches_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten solutions in batches of two; three are served, and two more laid out."""
    monkeypatch.setattr(ahead, "BUSY", ())
    laid_out: list[int] = []

    class Noting(RewardDataset):
        def batch(self, index: np.ndarray, target_count: int) -> RewardBatch:
            laid_out.append(len(laid_out))
            return super().batch(index, target_count)

    data = Noting(**vars(dataset()))
    made = GlobalBatches(data, batch_size=2, seed=1, trainer=trainer(2))
    batches = iter(made)
    first = [solutions(next(batches)) for _ in range(3)]
    assert made.state_dict() == {"epoch": 2, "batches": 3}
    batches.close()  # type: ignore[attr-defined]
    assert len(laid_out) <= 5
    again = GlobalBatches(dataset(), batch_size=2, seed=1, trainer=trainer(2))
    again.load_state_dict(made.state_dict())
    whole = GlobalBatches(dataset(), batch_size=2, seed=1, trainer=trainer(2))
    assert first + list(map(solutions, again)) == list(map(solutions, whole))


def test_the_copy_to_cuda_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[tuple[str, bool]] = []

    def note(tensor: torch.Tensor, device: torch.device, non_blocking: bool) -> torch.Tensor:
        moved.append((device.type, non_blocking))
        return tensor

    data = dataset()
    batch = data.batch(np.arange(2), 2)
    monkeypatch.setattr(torch.Tensor, "to", note)
    for kind in ("cuda", "cpu", "mps"):
        RewardData(data).transfer_batch_to_device(batch, torch.device(kind), 0)
    # four tensors of the layout, and the weights
    assert moved == [("cuda", True)] * 5 + [("cpu", False)] * 5 + [("mps", False)] * 5


def test_training_from_examples_learns() -> None:
    data = RewardData(EXAMPLES, tokenizer(), batch_size=8, epochs=30, validation=EXAMPLES)
    assert data.updates == 60  # ceil(15 / 8) = 2 an epoch
    model = build()
    model.total_updates = 60
    fitted = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    fitted.fit(model, data)
    assert fitted.global_step == 60
    assert fitted.callback_metrics["validation_accuracy"] > 0.95


def test_solutions_that_are_drawn_together_are_counted_as_one() -> None:
    ids = [np.array(row) for row in ([1, 2, 3], [1, 2, 4, 5], [1, 6], [7])]
    targets = [np.array(row) for row in ([-100, 1, 0], [-100, -100, 0, -100], [-100, 1], [1])]
    together = [np.array([0, 1]), np.array([2]), np.array([3])]
    data = RewardDataset(token_ids=ids, targets=targets, num_classes=2, drawn=together)
    assert len(data) == 3 and RewardData(data, batch_size=2).updates == 2
    assert [data.target_count(np.array([i])) for i in range(3)] == [3, 1, 1]
    batch = data.batch(np.array([0, 2]), 4)
    # 1 2 3 and 1 2 4 share two tokens, what follows the last target is left out, and 7 is apart.
    cells = {(part, int(cell)) for part, laid_out in enumerate(batch.layouts) for cell in laid_out.node_of}
    assert len(cells) == 5 and sum(float(weight.sum()) for weight in batch.weights) == 4


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="batch_size is 0"):
        RewardData(dataset(), batch_size=0)
    with pytest.raises(ValueError, match="epochs is 0"):
        RewardData(dataset(), epochs=0)
    with pytest.raises(ValueError, match="at least one solution"):
        RewardDataset(token_ids=[], targets=[], num_classes=2)
    with pytest.raises(ValueError, match="solution 1 has 2 tokens and 1 targets"):
        RewardDataset(token_ids=[np.array([1]), np.array([1, 2])], targets=[np.array([1])] * 2, num_classes=2)
    with pytest.raises(ValueError, match="example 0 has no target"):
        RewardData([Example(prompt="1\n", steps=("2",))], tokenizer())


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([0, 2], "targets: found 2 at token 1 of solution 1; allowed: 0 to 1, -100 for none"),
        ([0, -1], "targets: found -1 at token 1 of solution 1"),
        ([0.9, 0.2], r"targets: found float64 \[2\] for solution 1; allowed: whole numbers"),
        ([[1.0, 0, 0], [0, 0, 0]], r"targets: found float64 \[2, 3\] for solution 1"),
        ([[0.5, 0.5], [np.nan, 1]], r"targets: found \[nan, 1.0\] at token 1 of solution 1"),
        ([True, False], r"targets: found bool \[2\] for solution 1"),
    ],
)
def test_a_target_that_the_model_has_no_class_for_is_named(target: Any, message: str) -> None:
    tokens = [np.arange(2)] * 2
    with pytest.raises(ValueError, match=message):
        RewardDataset(token_ids=tokens, targets=[np.array([0, 1]), np.array(target)], num_classes=2)


def test_a_step_whose_class_the_model_does_not_have_is_named() -> None:
    encoded = [Encoded(ids=np.arange(2, dtype=np.int32), solution_start=0, step_end=np.array([0, 1]))] * 2
    with pytest.raises(ValueError, match=r"^solution 1: step_target\[1\]: found 2; allowed: a whole number"):
        RewardDataset.from_encoded(encoded, step_targets=[[0, 1], [0, 2]])
    examples = [Example(prompt="1\n", steps=("2",), step_targets=(2,))]
    with pytest.raises(ValueError, match=r"^example 0: step_target\[0\]: found 2; allowed: .* from 0 to 1, "):
        RewardData(examples, tokenizer())
