"""Precision of products of float32 matrices."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch


@contextmanager
def matmul_precision(name: Literal["highest", "high"]) -> Iterator[None]:
    """Multiplies float32 matrices in full precision (highest) or, on GPUs, in TF32 (high)."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
