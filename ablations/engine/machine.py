"""The machine or cluster that a run computes on, and its logs. Nothing here affects a number."""

from __future__ import annotations

from dataclasses import dataclass

from ablations.engine.logs import Logs
from ablations.engine.ranks import Devices
from ablations.engine.resources import Resources


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine, or a cluster."""

    devices: Devices = Devices()
    logs: Logs = Logs()
    executor: str = "local"
    """A name in `ablations.engine.run.EXECUTORS`."""
    address: str | None = None
    """`HOST:PORT` of the Ray cluster to join, or `auto`; None starts Ray here, only for this run."""
    resources: Resources = Resources()
    """Resources that a task requests from the cluster, per device of its model."""

    def __post_init__(self) -> None:
        if self.executor != "ray":
            for name, default in (("address", None), ("resources", Resources())):
                if (found := getattr(self, name)) != default:
                    raise ValueError(f"{name}: found {found}; allowed: only with executor ray")
        elif self.devices.group.size > 1:
            raise ValueError("executor: found ray under torchrun or SLURM; allowed: local")
