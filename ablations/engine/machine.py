"""What a run is given to compute with. Nothing here decides a number."""

from __future__ import annotations

from dataclasses import dataclass

from ablations.engine.logs import Logs
from ablations.engine.ranks import Devices
from ablations.engine.resources import Resources


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine, or a cluster."""

    devices: Devices = Devices()
    """What one model is trained and scores on."""
    logs: Logs = Logs()
    """What trainings log to."""
    executor: str = "local"
    """A name in `executors.EXECUTORS`."""
    address: str | None = None
    """`HOST:PORT` or `auto` of the Ray cluster to join; None starts a Ray here, for one run alone."""
    resources: Resources = Resources()
    """What a task asks of the cluster, for each device of its model."""

    def __post_init__(self) -> None:
        if self.executor != "ray":
            for name, unsaid in (("address", None), ("resources", Resources())):
                if (found := getattr(self, name)) != unsaid:
                    raise ValueError(f"{name}: found {found}; allowed: with executor ray alone")
        elif self.devices.group.size > 1:
            raise ValueError("executor: found ray under torchrun or SLURM; allowed: local")
