import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from lightning_modules import ahead as module
from lightning_modules.ahead import ahead, batches_ahead
from lightning_modules.language_model import Batch, LanguageModel, TextData
from lightning_modules.training import fit


def wait_for(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not reached() and time.monotonic() < end:
        time.sleep(0.005)
    assert reached()


def test_items_come_in_order_and_as_many_as_asked_are_made_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for item in range(6):
            made.append(item)
            yield item

    threads = threading.active_count()
    found = []
    for item in ahead(items(), 2):
        found.append(item)
        wait_for(lambda: len(made) == min(item + 3, 6))  # noqa: B023 - called at once
        time.sleep(0.02)
        assert len(made) == min(item + 3, 6)
    assert found == made == list(range(6))
    assert threading.active_count() == threads


def test_none_and_no_items() -> None:
    assert list(ahead(iter([None, 0, None]), 2)) == [None, 0, None]
    assert list(ahead(iter(()), 2)) == []


def test_an_error_comes_where_its_item_would() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("row 2")

    threads = threading.active_count()
    found = ahead(items(), 2)
    assert next(found) == 1
    with pytest.raises(ValueError, match="row 2"):
        next(found)
    assert list(found) == []
    assert threading.active_count() == threads


@pytest.mark.parametrize("closed", [True, False])
def test_the_thread_ends_with_the_iterator(closed: bool) -> None:
    threads = threading.active_count()
    found = ahead(iter(range(100)), 2)
    assert threading.active_count() == threads  # nothing begins before the first item
    assert next(found) == 0
    assert threading.active_count() == threads + 1
    if closed:
        found.close()  # type: ignore[attr-defined]
    del found
    assert threading.active_count() == threads


def test_a_cpu_lays_out_its_own_batches() -> None:
    batches = iter([1, 2])
    assert batches_ahead(batches, torch.device("cpu")) is batches
    assert batches_ahead(batches, torch.device("mps")) is not batches


def test_batches_for_cuda_are_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 1)
    chosen: list[tuple[torch.device, bool]] = []

    def choose(device: torch.device) -> None:
        chosen.append((device, threading.current_thread() is threading.main_thread()))

    monkeypatch.setattr(torch.cuda, "set_device", choose)
    batches = batches_ahead(iter([((1, 2), torch.zeros(1))]), torch.device("cuda:1"))
    assert list(batches) == [((1, 2), torch.ones(1))]
    assert chosen == [(torch.device("cuda:1"), False)]
    batches = batches_ahead(iter([((1, 2), torch.zeros(1))]), torch.device("mps"))
    assert list(batches) == [((1, 2), torch.zeros(1))]


def trained(make_batch: Callable[[int], Batch], updates: int = 6) -> LanguageModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    backbone = LlamaForCausalLM(LlamaConfig(vocab_size=12, num_key_value_heads=2, **sizes))
    model = LanguageModel(backbone, learning_rate=1e-2, total_updates=6)
    fit(model, TextData(make_batch, updates=6), updates=updates)
    return model


def make(update: int) -> Batch:
    tokens = np.random.default_rng(update).integers(0, 12, (3, 8))
    return tokens, tokens


@pytest.mark.parametrize("updates", [6, 2])
def test_text_laid_out_ahead_trains_the_same(updates: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, threads, names = trained(make, updates), threading.active_count(), set()

    def noting(update: int) -> Batch:
        names.add(threading.current_thread())
        return make(update)

    monkeypatch.setattr(module, "BUSY", ())
    found = trained(noting, updates)
    for one, other in zip(found.parameters(), expected.parameters(), strict=True):
        assert torch.equal(one, other)
    assert threading.main_thread() not in names and threading.active_count() == threads


def test_an_error_of_a_batch_ends_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY", ())

    def failing(update: int) -> Batch:
        if update == 3:
            raise ValueError("document 3")
        return make(update)

    threads = threading.active_count()
    with pytest.raises(ValueError, match="document 3"):
        trained(failing)
    assert threading.active_count() == threads
