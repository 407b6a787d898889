"""Speed of matrix products on the CPU."""

import time

import torch

SIDE = 512
"""Side of the square matrices, which fit into the CPU's cache."""


def measure_peak(seconds: float = 0.3) -> float:
    """Measures the highest current rate of float32 matrix products in one thread, in FLOP/s."""
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
