"""Speed of devices: peaks that their makers state, and the share of them that models reach.

Peaks are for dense products in bfloat16. H100 SXM and H200: 1,979 TFLOP/s with sparsity, half of that without
(NVIDIA, H100 and H200 Tensor Core GPU datasheets; H100 architecture white paper: 989.4). A100: 312 (NVIDIA,
A100 Tensor Core GPU datasheet). Training reaches 0.38 to 0.43 on H100s (Llama 3, arXiv 2407.21783, Table 4),
0.46 elsewhere (PaLM, arXiv 2204.02311, Section 4.1). The share for sampling on a GPU is a guess: at every
token the weights are read once for a batch of 256, and kernels are short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Device:
    """Speed of a device."""

    name: str
    """Name for display."""
    peak: float
    """Peak FLOP/s of dense matrix products in the precision of the models."""
    utilization: float
    """Share of the peak that training and scoring reach; above 0, at most 1."""
    sampling: float
    """Share of the peak that sampling reaches, one token at a time; above 0, at most 1."""
    timed_as: str
    """Part of the device name in timings on such a device."""

    def __post_init__(self) -> None:
        if not (self.peak > 0 and math.isfinite(self.peak)):
            raise ValueError(f"peak_tflops: found {self.peak / 1e12:g}; allowed: above 0, and finite")
        for name, share in (("utilization", self.utilization), ("sampling_utilization", self.sampling)):
            if not 0 < share <= 1:
                raise ValueError(f"{name}: found {share:g}; allowed: above 0, to 1")


DEVICES = {
    "h100": Device(name="H100 SXM in bfloat16", peak=989e12, utilization=0.4, sampling=0.1, timed_as="H100"),
    "h200": Device(name="H200 in bfloat16", peak=989e12, utilization=0.4, sampling=0.1, timed_as="H200"),
    "a100": Device(name="A100 in bfloat16", peak=312e12, utilization=0.4, sampling=0.1, timed_as="A100"),
}
"""Devices by ``--device-kind``, the default first."""
CPU = "cpu"
"""Kind for one core of this machine, whose peak is measured when it is requested."""
CPU_UTILIZATION, CPU_SAMPLING = 0.45, 0.14
"""Shares for one core, with the embedded world's small and large backbones in float32; measured at scale
`small`."""
KINDS = (*DEVICES, CPU)


def device_of(
    kind: str,
    peak_tflops: float | None = None,
    utilization: float | None = None,
    sampling_utilization: float | None = None,
) -> Device:
    """Returns a device of a kind, with the figures that the user gives.

    Raises:
        ValueError: the kind is unknown, or a figure is out of its range.
    """
    if kind not in KINDS:
        raise ValueError(f"device_kind: found {kind!r}; allowed: {', '.join(KINDS)}")
    if kind == CPU:
        from lightning_modules.peak import measure_peak

        device = Device(
            name="one core of this processor in float32, as fast as just now",
            peak=measure_peak(),
            utilization=CPU_UTILIZATION,
            sampling=CPU_SAMPLING,
            timed_as="cpu",
        )
    else:
        device = DEVICES[kind]
    figures: dict[str, Any] = {
        "peak": None if peak_tflops is None else peak_tflops * 1e12,
        "utilization": utilization,
        "sampling": sampling_utilization,
    }
    return replace(device, **{name: value for name, value in figures.items() if value is not None})
