"""How fast the processor multiplies matrices."""

import time

import torch

SIDE = 512
"""Of the square matrices: they lie in the processor's cache."""


def measured_peak(seconds: float = 0.3) -> float:
    """The best rate of a product of float32 matrices in one thread at this moment, FLOP/s."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        left, right = torch.ones(SIDE, SIDE), torch.ones(SIDE, SIDE)
        best, end = float("inf"), time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end:
            left @ right
            best = min(best, time.perf_counter() - begin)
        return 2 * SIDE**3 / best
    finally:
        torch.set_num_threads(threads)
