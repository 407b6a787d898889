"""Batches laid out ahead of training: in a thread, while an accelerator computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

from lightning_modules.tensors import map_tensors

COUNT = 2
"""Number of batches that are laid out while an accelerator computes."""
BUSY = ("cpu",)
"""Devices that need the cores themselves: their batches are laid out in the training loop."""
_END: Any = object()
T = TypeVar("T")


def ahead(items: Iterator[T], count: int) -> Iterator[T]:
    """Yields the same items, of which a thread makes the next `count` while the caller uses one.

    An error of `items` is raised where its item would come. The thread ends with this iterator, also if that
    is closed or dropped early.
    """
    thread = ThreadPoolExecutor(1)
    try:
        made = deque(thread.submit(next, items, _END) for _ in range(count))
        while (item := made.popleft().result()) is not _END:
            made.append(thread.submit(next, items, _END))
            yield item
    finally:
        thread.shutdown(cancel_futures=True)


def batches_ahead(batches: Iterator[T], device: torch.device) -> Iterator[T]:
    """Makes the next batches for a device while it computes, for CUDA in pinned memory."""
    if device.type in BUSY:
        return batches
    return ahead(_pinned(batches, device) if device.type == "cuda" else batches, COUNT)


def _pinned(batches: Iterator[T], device: torch.device) -> Iterator[T]:
    torch.cuda.set_device(device)  # of the thread that makes them; otherwise it would occupy the first GPU
    for batch in batches:
        yield map_tensors(batch, torch.Tensor.pin_memory)
