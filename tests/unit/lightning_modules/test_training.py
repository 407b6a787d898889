import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForTokenClassification

from lightning_modules import divergence, optimization, training
from lightning_modules.divergence import Diverged
from lightning_modules.encoding import Encoded
from lightning_modules.language_model import Batch, LanguageModel, TextData
from lightning_modules.scoring import score
from lightning_modules.training import fit

UPDATES = 12


class Killed(Exception):
    pass


def batch(update: int) -> Batch:
    tokens = np.random.default_rng(update).integers(0, 12, (3, 8))
    return tokens, tokens


def model() -> LanguageModel:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    backbone = LlamaForCausalLM(LlamaConfig(vocab_size=12, num_key_value_heads=2, **sizes))
    return LanguageModel(backbone, learning_rate=1e-2, total_updates=UPDATES, decay=0.5)


def trained(
    folder: Path | None = None,
    *,
    make_batch: Callable[[int], Batch] = batch,
    updates: int = UPDATES,
    every: int = 4,
    progress: Callable[[float], None] | None = None,
) -> LanguageModel:
    found = model()
    fit(
        found,
        TextData(make_batch, updates=updates),
        updates=updates,
        checkpoint_folder=folder,
        checkpoint_every=every,
        progress=progress,
    )
    return found


def assert_equal_weights(one: LanguageModel, other: LanguageModel) -> None:
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


@pytest.fixture(scope="module")
def uninterrupted() -> LanguageModel:
    return trained()


def kill_at(share: float) -> Callable[[float], None]:
    def progress(done: float) -> None:
        if done >= share:
            raise Killed

    return progress


@pytest.mark.usefixtures("every_state")
# 12 updates, a state after 4 and 8: killed before the first, after one, right after one, and after the second
@pytest.mark.parametrize(("killed_after", "goes_on_at"), [(3, 0), (6, 4), (8, 8), (11, 8)])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    killed_after: int, goes_on_at: int, uninterrupted: LanguageModel, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        trained(tmp_path, progress=kill_at(killed_after / UPDATES))
    asked: list[int] = []

    def make_batch(update: int) -> Batch:
        asked.append(update)
        return batch(update)

    resumed = trained(tmp_path, make_batch=make_batch)
    assert asked == list(range(goes_on_at, UPDATES))
    assert_equal_weights(resumed, uninterrupted)


def test_a_run_killed_twice_goes_on_too(uninterrupted: LanguageModel, tmp_path: Path) -> None:
    for killed_after in (5, 9):
        with pytest.raises(Killed):
            trained(tmp_path, progress=kill_at(killed_after / UPDATES))
    assert_equal_weights(trained(tmp_path), uninterrupted)


@pytest.mark.usefixtures("every_state")
def test_a_finished_run_is_not_trained_again(uninterrupted: LanguageModel, tmp_path: Path) -> None:
    trained(tmp_path)
    shares: list[float] = []
    again = trained(tmp_path, progress=shares.append)
    assert shares == []
    assert_equal_weights(again, uninterrupted)


def test_keeping_states_does_not_change_the_run(uninterrupted: LanguageModel, tmp_path: Path) -> None:
    assert_equal_weights(trained(tmp_path / "kept", every=1), uninterrupted)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["last.ckpt"]


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trained(updates=2)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_the_share_of_updates_that_are_done() -> None:
    shares: list[float] = []
    trained(updates=4, progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_callbacks_of_the_caller_are_called() -> None:
    class Count(lightning.Callback):
        batches = 0

        def on_train_batch_end(self, *args: object) -> None:
            self.batches += 1

    count = Count()
    fit(model(), TextData(batch, updates=3), updates=3, callbacks=[count])
    assert count.batches == 3


def test_a_steep_gradient_is_clipped() -> None:
    """An update of plain descent with rate 1 is as long as the gradient: one at most."""

    class Steep(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(2))

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_index: int) -> torch.Tensor:
            return (self.weight * torch.tensor([300.0, 400.0])).sum()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=1.0)

    steep = Steep()
    fit(steep, TextData(batch, updates=1), updates=1)
    # (300, 400) has length 500: (0.6, 0.8)
    torch.testing.assert_close(steep.weight.detach(), torch.tensor([-0.6, -0.8]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("precision", "atol"), [("32-true", 1e-5), ("bf16-mixed", 1e-3)])
def test_one_kernel_updates_as_several_do(
    precision: Any, atol: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With clipped gradients, as on a GPU."""

    class Steep(LanguageModel):
        def training_step(self, batch: Any, batch_index: int) -> torch.Tensor:
            return 100 * super().training_step(batch, batch_index)

    class Look(Callback):
        norms: list[float] = []

        def on_before_zero_grad(self, trainer: Any, module: Any, optimizer: torch.optim.Optimizer) -> None:
            self.fused = {group["fused"] for group in optimizer.param_groups}
            gradients = [weight.grad for weight in module.parameters() if weight.grad is not None]
            self.norms = [*self.norms, float(torch.nn.utils.get_total_norm(gradients))]

    weights = []
    for devices, fused in ((("cuda",), None), (("cpu",), True)):
        monkeypatch.setattr(optimization, "FUSED", devices)
        steep, look = Steep(model().backbone, learning_rate=1e-2, total_updates=UPDATES, decay=0.5), Look()
        fit(steep, TextData(batch, updates=UPDATES), updates=UPDATES, precision=precision, callbacks=[look])
        assert look.fused == {fused}
        assert look.norms == pytest.approx([0.0] + [1.0] * (UPDATES - 1), abs=1e-3)
        weights.append(steep.state_dict())
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name], atol=atol, rtol=0, msg=name)


class Precisions(Callback):
    """Records the precision of products of matrices while it trains and while it scores."""

    def __init__(self, backbone: Any) -> None:
        self.seen: list[tuple[str, ...]] = []
        self.backbone = backbone

    def on_train_batch_end(self, *args: Any) -> None:
        scoring: list[str] = []
        hook = self.backbone.register_forward_hook(
            lambda *_: scoring.append(torch.get_float32_matmul_precision())
        )
        score(self.backbone, [Encoded(ids=np.arange(4), solution_start=1, step_end=np.array([3]))])
        hook.remove()
        self.seen.append((torch.get_float32_matmul_precision(), *set(scoring)))


def test_only_a_training_on_a_gpu_multiplies_in_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = LlamaForTokenClassification(model().backbone.config)
    for accelerators, precision in ((("cuda",), "highest"), (("cpu",), "high")):
        monkeypatch.setattr(training, "TF32", accelerators)
        look = Precisions(classifier)
        fit(model(), TextData(batch, updates=2), updates=2, callbacks=[look])
        assert look.seen == [(precision, "highest")] * 2
        assert torch.get_float32_matmul_precision() == "highest"
        with pytest.raises(Killed):
            trained(progress=kill_at(0.5))
        assert torch.get_float32_matmul_precision() == "highest"


class Stop(Callback):
    """Sends this process a signal after the first update."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def on_train_batch_end(self, *args: Any) -> None:
        os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_is_told_to_stop_is_no_failure(number: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(model(), TextData(batch, updates=UPDATES), updates=UPDATES, callbacks=[Stop(number)])
    finally:
        signal.signal(signal.SIGINT, before)  # Lightning ignores it from the first one on


class Descent(lightning.LightningModule):
    """One weight, trained by plain descent; the loss and its gradient at each update are given."""

    learning_rate = 1.0

    def __init__(self, losses: list[float], slopes: list[float]) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.losses, self.slopes = losses, slopes

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_index: int) -> torch.Tensor:
        at = self.weight.sum()
        at.register_hook(lambda grad: grad * self.slopes[batch_index])
        return at - at.detach() + self.losses[batch_index]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.learning_rate)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("losses", "slopes", "message"),
    [
        ([1, 1, NAN, 1], [0, 0, 0, 0], "the loss is not finite from update 3 of 4 on"),
        ([1, INF, NAN, 1], [0, 0, 0, 0], "the loss is not finite from update 2 of 4 on"),
        ([1, 1, 1, 1], [0, 0, 0, NAN], "a weight is not finite after update 4 of 4"),
        (
            [NAN, 1, 1, 1],
            [0, 0, 0, 0],
            "base: found weights or data whose loss is not finite before the first",
        ),
    ],
)
@pytest.mark.parametrize("waits", [False, True])
def test_a_training_that_diverges_stops_and_leaves_no_state(
    losses: list[float],
    slopes: list[float],
    message: str,
    waits: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The named update is the first, whether the loss is looked at after each or only at the end."""
    if waits:
        monkeypatch.setattr(divergence, "FREE", ())
    seen: list[int] = []

    class Count(lightning.Callback):
        def on_train_batch_end(self, trainer: lightning.Trainer, *args: object) -> None:
            seen.append(trainer.global_step)

    with pytest.raises(Diverged, match=message):
        fit(
            Descent(losses, slopes),
            TextData(batch, updates=4),
            updates=4,
            callbacks=[Count()],
            checkpoint_folder=tmp_path,
            checkpoint_every=1 if not waits else 10,
        )
    assert list(tmp_path.iterdir()) == []
    first = next((update for update, loss in enumerate(losses, 1) if not np.isfinite(loss)), 5)
    assert seen == list(range(1, 5 if waits else first))


def test_weights_that_are_not_finite_are_never_kept(tmp_path: Path) -> None:
    """The state after update 2 is what a killed run would resume from."""
    with pytest.raises(
        Diverged, match="a weight is not finite after update 2 of 4; allowed: a lower learning"
    ):
        fit(
            Descent([1, 1, 1, 1], [0, NAN, 0, 0]),
            TextData(batch, updates=4),
            updates=4,
            checkpoint_folder=tmp_path,
            checkpoint_every=2,
        )


def test_in_accumulated_batches_the_update_is_named() -> None:
    """Two batches per update: the third batch is of the second update."""
    with pytest.raises(Diverged, match="from update 2 of 2 on"):
        fit(Descent([1, 1, NAN, 1], [0] * 4), TextData(batch, updates=4), updates=2, accumulate=2)
