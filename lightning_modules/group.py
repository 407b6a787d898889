"""The processes that train and run one model together: ranks of a group.

Whoever started them (torchrun, SLURM, or `ablations` itself, which says what torchrun would) has told each
its rank in the environment; Lightning finds it there too. A process that nobody started so is a group by
itself.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    import numpy as np

Strategy = Literal["auto", "ddp", "fsdp"]
PATIENCE = timedelta(days=30)
"""For processes that wait until the first one has done what it does alone."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Group:
    """What a process knows of those that it computes with."""

    rank: int = 0
    """Of this process: 0 to size - 1."""
    size: int = 1
    """Number of processes, one a device."""
    nodes: int = 1
    """Machines that they are on, as many on each."""
    strategy: Strategy = "auto"
    """How they share a model in training: each has all of it (ddp, which auto means) or a part (fsdp)."""
    patient: Any = field(default=None, repr=False)
    """torch's group of them that waits as long as it takes."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes what all have computed."""
        return self.rank == 0

    def sum(self, array: np.ndarray) -> np.ndarray:
        """The sum of the processes' arrays, of equal shapes; all must call it, and all get it."""
        if self.size == 1:
            return array
        import torch

        total = torch.from_numpy(array.copy())
        torch.distributed.all_reduce(total)
        summed: np.ndarray = total.numpy()
        return summed

    def share(self, value: T) -> T:
        """The first process's value, however long it takes to come; all must call it."""
        if self.size == 1:
            return value
        import torch

        held: list[Any] = [value]
        torch.distributed.broadcast_object_list(held, group=self.patient)
        shared: T = held[0]
        return shared

    def wait(self) -> None:
        """Until all processes are here, however long it takes."""
        if self.size > 1:
            import torch

            torch.distributed.barrier(group=self.patient)


ALONE = Group()


@contextlib.contextmanager
def joined(strategy: Strategy = "auto") -> Iterator[Group]:
    """The group that this process was started in, for as long as the context lasts.

    GPUs are given out by the rank on the machine; "cuda" means this process's own within.

    Raises:
        ValueError: SLURM's variables are at odds with each other.
    """
    import torch
    from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    found = next((kind() for kind in (TorchElasticEnvironment, SLURMEnvironment) if kind.detect()), None)
    if found is None or found.world_size() == 1:
        yield Group(strategy=strategy)
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(found.local_rank())
    os.environ.update(MASTER_ADDR=found.main_address, MASTER_PORT=str(found.main_port))
    rank, size = found.global_rank(), found.world_size()
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    torch.distributed.init_process_group(backend, rank=rank, world_size=size)
    try:
        nodes = _nodes(found.node_rank())
        patient = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)
        yield Group(rank=rank, size=size, nodes=nodes, strategy=strategy, patient=patient)
    finally:
        torch.distributed.destroy_process_group()


def _nodes(node: int) -> int:
    """The number of machines, found out by all processes together."""
    import torch

    most = torch.tensor(node)
    torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
    return int(most) + 1
