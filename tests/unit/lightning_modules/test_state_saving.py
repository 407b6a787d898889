import errno
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from transformers import LlamaConfig, LlamaForCausalLM

from lightning_modules import state_saving
from lightning_modules.divergence import Diverged
from lightning_modules.language_model import Batch, LanguageModel, TextData
from lightning_modules.state_saving import StateSaver, StateWriter, copy_to_host
from lightning_modules.training import fit

UPDATES = 8
ONE_PROCESS = SimpleNamespace(broadcast=lambda value: value)
"""A strategy of Lightning."""


class Killed(Exception):
    pass


def batch(update: int) -> Batch:
    tokens = np.random.default_rng(update).integers(0, 12, (3, 8))
    return tokens, tokens


def trained(folder: Path | None, *callbacks: Callback, every: int = 2) -> LanguageModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=12, num_key_value_heads=2, tie_word_embeddings=True, **sizes)
    model = LanguageModel(LlamaForCausalLM(config), learning_rate=1e-2, total_updates=UPDATES)
    fit(
        model,
        TextData(batch, updates=UPDATES),
        updates=UPDATES,
        callbacks=callbacks,
        checkpoint_folder=folder,
        checkpoint_every=every,
    )
    return model


class Each(Callback):
    """Calls a function after each update, before a state is saved."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *args: Any) -> None:
        self.call(trainer.global_step, module)


@pytest.fixture(params=[0, 2**26], ids=["large", "small"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The states are large, so that the thread serializes them, or small."""
    monkeypatch.setattr(state_saving, "SMALL", request.param)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Writes begin when it is set, but for a test that hangs."""
    event, write = threading.Event(), StateWriter._write

    def late(self: StateWriter, *args: Any) -> None:
        assert event.wait(60)
        write(self, *args)

    monkeypatch.setattr(StateWriter, "_write", late)
    return event


def state_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(folder / "last.ckpt", weights_only=True)
    return found


@pytest.mark.usefixtures("size")
def test_a_state_is_of_its_update_and_others_are_skipped_while_it_is_written(
    gate: threading.Event, tmp_path: Path
) -> None:
    """The state of update 2 is written when update 7 has been made: those of 4 and 6 are skipped."""
    weights: dict[int, dict[str, torch.Tensor]] = {}
    began: list[int] = []

    def note(update: int, module: Any) -> None:
        weights[update] = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        began.append(len(list(tmp_path.iterdir())))
        if update == 7:
            gate.set()

    trained(tmp_path, Each(note), every=2)
    assert began[:7] == [0] * 7  # not even begun, as the gate was shut
    state = state_of(tmp_path)
    assert state["global_step"] in (2, 8)  # 8 if the write was quick
    for name, tensor in weights[state["global_step"]].items():
        assert torch.equal(state["state_dict"][name], tensor), name
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.usefixtures("size")
def test_a_late_state_is_of_its_own_update(gate: threading.Event, tmp_path: Path) -> None:
    """Written only after training has gone on and ended, when Lightning waits for it."""
    weights: dict[int, torch.Tensor] = {}

    def note(update: int, module: Any) -> None:
        weights[update] = module.backbone.lm_head.weight.detach().clone()
        if update == UPDATES:
            threading.Timer(0.2, gate.set).start()

    trained(tmp_path, Each(note))
    state = state_of(tmp_path)
    assert state["global_step"] == 2  # 8 was due while the gate was still shut
    assert torch.equal(state["state_dict"]["backbone.lm_head.weight"], weights[2])
    assert not torch.equal(weights[2], weights[3])
    moments = state["optimizer_states"][0]["state"]
    assert {float(moment["step"]) for moment in moments.values()} == {2.0}


KILL = """
import os, signal, sys
from pathlib import Path
import test_state_saving as test
from lightning_modules import state_saving
state_saving.SMALL, count, save = 0, [], state_saving.torch.save
def kill(state, file):
    count.append(0)
    save(state, file)
    if len(count) == 2:
        file.truncate(100)
        os.kill(os.getpid(), signal.SIGKILL)
state_saving.torch.save = kill
test.trained(Path(sys.argv[1]), every=3)
"""


def test_a_kill_during_a_write_leaves_the_state_before(tmp_path: Path) -> None:
    """Killed when half of the state after update 6 is on disk: training resumes after update 3."""
    script = KILL.replace("every=3)", "test.Each(lambda *_: __import__('time').sleep(0.3)), every=3)")
    paths = [str(Path(__file__).parent), *sys.path]
    code = f"import sys; sys.path[:0] = {paths!r}\n{script}"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], timeout=300)
    assert run.returncode == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "last.new"]
    assert state_of(tmp_path)["global_step"] == 3
    made: list[int] = []
    resumed = trained(tmp_path, Each(lambda update, _: made.append(update)), every=3)
    assert made == [4, 5, 6, 7, 8]
    for one, other in zip(resumed.parameters(), trained(None).parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("failing", ["first", "last"])
def test_the_error_of_a_write_ends_training(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the next update, or at the end of training."""
    writes: list[Future[None]] = []

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state_saving, "sync", full)
    seen: list[int] = []

    def wait(update: int, module: Any) -> None:
        seen.append(update)
        if writes:
            writes[0].exception(timeout=60)  # waits

    save = StateWriter.save_checkpoint

    def note(self: StateWriter, *args: Any, **options: Any) -> None:
        save(self, *args, **options)
        assert self.write is not None
        writes.append(self.write)

    monkeypatch.setattr(StateWriter, "save_checkpoint", note)
    with pytest.raises(OSError, match="No space left"):
        trained(tmp_path, Each(wait), every=2 if failing == "first" else UPDATES)
    assert seen[-1] == (3 if failing == "first" else UPDATES)
    assert not (tmp_path / "last.ckpt").exists()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """torch itself would report a position in the file."""
    (tmp_path / "last.new").symlink_to("/dev/full")
    for limit in (0, 2**26):
        writer = StateWriter(lambda: None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(state_saving, "SMALL", limit)
            writer.save_checkpoint({"a": torch.zeros(10**6)}, tmp_path / "last.new")
        with pytest.raises(OSError, match="No space left"):
            writer.teardown()


@pytest.mark.usefixtures("size")
def test_a_diverged_training_waits_for_the_write_and_leaves_no_state(
    gate: threading.Event, tmp_path: Path
) -> None:
    def spoil(update: int, module: Any) -> None:
        if update == 3:
            threading.Timer(0.2, gate.set).start()
            with torch.no_grad():
                module.backbone.lm_head.weight.fill_(float("nan"))

    with pytest.raises(Diverged):
        trained(tmp_path, Each(spoil))
    assert gate.is_set() and list(tmp_path.iterdir()) == []


def test_an_interrupted_training_waits_for_the_write(gate: threading.Event, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def interrupt(update: int, module: Any) -> None:
        if update == 3:
            threading.Timer(0.2, gate.set).start()
            raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path, Each(interrupt))
    finally:
        signal.signal(signal.SIGINT, before)  # Lightning ignores it from the first one on
    assert state_of(tmp_path)["global_step"] == 2


def test_tied_weights_are_copied_once() -> None:
    weight = torch.ones(3)
    state = {"a": weight, "b": [weight, {"c": weight[:2]}], "d": 1}
    copy = copy_to_host(state)
    weight.zero_()
    assert copy["a"] is copy["b"][0] and copy["d"] == 1
    assert copy["a"].tolist() == [1, 1, 1] and copy["b"][1]["c"].tolist() == [1, 1]


def test_a_state_that_is_not_written_whole_leaves_the_one_before(tmp_path: Path) -> None:
    class Trainer:
        global_step, is_global_zero, accumulate_grad_batches, callbacks = 4, True, 1, ()
        strategy = ONE_PROCESS

        def save_checkpoint(self, path: Path, weights_only: bool) -> None:
            path.write_text("half")
            raise Killed

    (tmp_path / "last.ckpt").write_text("whole")
    with pytest.raises(Killed):
        StateSaver(tmp_path, every=2, split=True).on_train_batch_end(Trainer(), None, None, None, 3)  # type: ignore[arg-type]
    assert (tmp_path / "last.ckpt").read_text() == "whole"


def test_a_kill_between_the_renames_of_a_split_state_leaves_the_one_before(tmp_path: Path) -> None:
    """A folder cannot be replaced in one step: the old one is set aside, and found there."""

    class Trainer:
        is_global_zero, accumulate_grad_batches, callbacks, strategy = True, 1, (), ONE_PROCESS

        def __init__(self, step: int) -> None:
            self.global_step = step

        def save_checkpoint(self, path: Path, weights_only: bool) -> None:
            path.mkdir()
            (path / "weights").write_text(str(self.global_step))

    keep = StateSaver(tmp_path, every=1, split=True)
    assert keep.existing() is None
    for step in (1, 2):
        keep.on_train_batch_end(Trainer(step), None, None, None, 0)  # type: ignore[arg-type]
        assert keep.existing() == tmp_path / "last.ckpt" and len(list(tmp_path.iterdir())) == 1
        assert (tmp_path / "last.ckpt" / "weights").read_text() == str(step)
    (tmp_path / "last.ckpt").rename(tmp_path / "last.old")  # killed here
    assert keep.existing() == tmp_path / "last.old"
    keep.on_train_batch_end(Trainer(3), None, None, None, 0)  # type: ignore[arg-type]
    assert keep.existing() == tmp_path / "last.ckpt" and len(list(tmp_path.iterdir())) == 1
    (tmp_path / "last.old").mkdir()  # killed before it was removed
    (tmp_path / "last.old" / "weights").write_text("2")
    keep.on_train_batch_end(Trainer(4), None, None, None, 0)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    assert (tmp_path / "last.ckpt" / "weights").read_text() == "4"


def test_saving_takes_a_share_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Updates take 1 s and a state takes 2 s, so that 38 s pass between the end of one and the next."""

    class Trainer:
        is_global_zero, accumulate_grad_batches, callbacks, strategy = True, 1, (), ONE_PROCESS
        global_step, now = 0, 0.0

        def save_checkpoint(self, path: Path, weights_only: bool) -> None:
            path.write_text(str(self.global_step))
            self.now += 2

    trainer, saver, saved = Trainer(), StateSaver(tmp_path, every=10, share=0.05, split=True), []
    monkeypatch.setattr("lightning_modules.state_saving.time.monotonic", lambda: trainer.now)
    for trainer.global_step in range(1, 101):
        trainer.now += 1
        before = trainer.now
        saver.on_train_batch_end(trainer, None, None, None, 0)  # type: ignore[arg-type]
        saved += [trainer.global_step] * (trainer.now > before)
    # saved from 10 to 12 s, so due at 50 s, after 48 updates; saved from 52 to 54 s, so due at 92 s, after 88
    assert saved == [10, 50, 90]
