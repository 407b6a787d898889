"""The machine or cluster that a run computes on, and its logs. They affect no number."""

from __future__ import annotations

from dataclasses import dataclass

from ablations.data.field_types import NotNegative, check_fields
from ablations.engine.logs import Logs
from ablations.engine.ranks import Devices
from ablations.engine.step import Task


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Resources per process of a task on a Ray cluster; all processes run on one node with enough free."""

    cpus: NotNegative = 1.0
    """Processors, or a fraction of one. A task computes with one thread."""
    gpus: NotNegative = 1.0
    """GPUs, or a fraction of one that several tasks share; for tasks on device cuda."""
    memory: NotNegative = 0.0
    """Gigabytes (1e9 bytes) of memory, which Ray counts but does not enforce; 0 requests none."""

    def __post_init__(self) -> None:
        check_fields(self, "resources.")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ValueError(f"resources.gpus: found {self.gpus}; allowed: 0 to 1, or a whole number")

    def request(self, task: Task, devices: int = 1) -> dict[str, float]:
        """Returns what a task of so many processes requests, by Ray's names, without zeros."""
        gpus = self.gpus if task.device == "cuda" else 0.0
        amounts = {"CPU": devices * self.cpus, "GPU": devices * gpus, "memory": devices * self.memory * 1e9}
        return {name: amount for name, amount in amounts.items() if amount}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine, or a cluster."""

    devices: Devices = Devices()
    logs: Logs = Logs()
    executor: str = "local"
    """A name in `ablations.engine.run.EXECUTORS`."""
    address: str | None = None
    """`HOST:PORT` of the Ray cluster to join, or `auto`; None starts Ray only for this run."""
    resources: Resources = Resources()
    """Resources that a task requests from the cluster, per device of its model."""

    def __post_init__(self) -> None:
        if self.executor != "ray":
            for name, default in (("address", None), ("resources", Resources())):
                if (found := getattr(self, name)) != default:
                    raise ValueError(f"{name}: found {found}; allowed: only with executor ray")
        elif self.devices.group.size > 1:
            raise ValueError("executor: found ray under torchrun or SLURM; allowed: local")
