"""Copies between the processor and a GPU for which neither waits."""

from __future__ import annotations

import numpy as np
import torch


def upload(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """Copies an array to a device. From pinned memory, a GPU takes it when it gets there."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class Download:
    """A copy of a tensor on its way to the processor; a GPU makes it before what it is told to do later."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        if tensor.device.type == "cuda":
            self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._host.copy_(tensor, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record(torch.cuda.current_stream(tensor.device))
        else:
            self._host = tensor.cpu()

    def numpy(self) -> np.ndarray:
        """Returns the copy, once it is there."""
        if self._event is not None:
            self._event.synchronize()
        return self._host.numpy()
