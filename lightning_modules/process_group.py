"""The processes that train and run one model together: ranks of a group.

The launcher (torchrun, SLURM, or `ablations` itself, which sets what torchrun would) puts each process's rank
in its environment, where Lightning finds it too. A process started in any other way is a group by itself.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    import numpy as np

Strategy = Literal["auto", "ddp", "fsdp"]
PATIENCE = timedelta(days=30)
"""How long processes wait for work that only the first one does."""
START = timedelta(minutes=2)
"""Time within which all processes of a group have to be started."""
POLL = 0.1
"""Seconds between two checks for the other processes."""
BY_SRUN = ("SLURM_STEP_NUM_TASKS", "SLURM_SRUN_COMM_HOST")
"""Variables that srun sets for the tasks it starts; a batch script, which is one process, has neither."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Group:
    """A process's view of the processes that it computes with."""

    rank: int = 0
    """Rank of this process: 0 to size - 1."""
    size: int = 1
    """Number of processes, one per device."""
    nodes: int = 1
    """Number of machines, with equally many processes on each."""
    strategy: Strategy = "auto"
    """How they share a model in training: each has all of it (ddp, which auto means) or a part (fsdp)."""
    patient: Any = field(default=None, repr=False)
    """torch's group of these processes with the long timeout ``PATIENCE``."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes what all have computed."""
        return self.rank == 0

    def sum(self, array: np.ndarray) -> np.ndarray:
        """Sums the processes' arrays, of equal shapes; all must call it, and all get the sum."""
        if self.size == 1:
            return array
        import torch

        total = torch.from_numpy(array.copy())
        torch.distributed.all_reduce(total)
        summed: np.ndarray = total.numpy()
        return summed

    def share(self, value: T) -> T:
        """Returns the first process's value, however long it takes; all must call it."""
        if self.size == 1:
            return value
        import torch

        held: list[Any] = [value]
        torch.distributed.broadcast_object_list(held, group=self.patient)
        shared: T = held[0]
        return shared

    def wait(self) -> None:
        """Waits until all processes get here, however long it takes."""
        if self.size > 1:
            import torch

            torch.distributed.barrier(group=self.patient)


ALONE = Group()


@contextlib.contextmanager
def joined(strategy: Strategy = "auto") -> Iterator[Group]:
    """Joins the group that this process was started in, for as long as the context lasts.

    GPUs are assigned by the rank on the machine; within the context "cuda" is this process's own.

    Raises:
        ValueError: not all processes of the group were started, or they do not reach each other.
    """
    import torch
    from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    kind = next((kind for kind in (TorchElasticEnvironment, SLURMEnvironment) if kind.detect()), None)
    if kind is SLURMEnvironment:
        check_slurm()
    found = None if kind is None else kind()
    if found is None or found.world_size() == 1:
        yield Group(strategy=strategy)
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(found.local_rank())
    os.environ.update(MASTER_ADDR=found.main_address, MASTER_PORT=str(found.main_port))
    rank, size = found.global_rank(), found.world_size()
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    store = meeting(found.main_address, found.main_port, rank, size)
    torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=size)
    try:
        nodes = _nodes(found.node_rank())
        patient = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)
        yield Group(rank=rank, size=size, nodes=nodes, strategy=strategy, patient=patient)
    finally:
        torch.distributed.destroy_process_group()


def meeting(address: str, port: int, rank: int, size: int, within: timedelta = START) -> Any:
    """Waits for all processes of a group and returns the store by which they found each other.

    Args:
        address: address of the first process, or of torchrun's agent.
        port: port at that address.
        rank: rank of this process.
        size: number of processes in the group.
        within: how long to wait for the others.

    Raises:
        ValueError: some of them did not arrive, or the address cannot be used.
    """
    from torch.distributed import DistError, PrefixStore, TCPStore
    from torch.distributed.constants import default_pg_timeout

    first = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    end = time.monotonic() + within.total_seconds()
    if not first and not _reachable(address, port, end):
        raise ValueError(
            f"launcher: rank {rank} cannot reach rank 0 of {size} at {address}:{port} within "
            f"{within.total_seconds():g} s; allowed: all {size} ranks, started by torchrun or srun, and an "
            "address that all of them reach"
        )
    try:
        tcp = TCPStore(address, port, is_master=first, timeout=default_pg_timeout, wait_for_workers=False)
    except DistError as error:
        raise ValueError(
            f"launcher: rank {rank} cannot use {address}:{port} ({' '.join(str(error).split())[:200]}); "
            "allowed: an address of this machine that no other program uses"
        ) from None
    # torchrun restarts all ranks if one fails, with the same store
    store = PrefixStore(f"ablations/{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", tcp)
    names = [f"rank/{number}" for number in range(size)]
    store.set(names[rank], "here")
    while missing := [number for number, name in enumerate(names) if not store.check([name])]:
        if time.monotonic() > end:
            raise ValueError(
                f"launcher: found no rank {', '.join(map(str, missing))} of {size} at {address}:{port} "
                f"within {within.total_seconds():g} s; allowed: all {size} ranks, started by torchrun or srun"
            )
        time.sleep(POLL)
    return store


def check_slurm() -> None:
    """Checks that SLURM started as many processes as it reports.

    Raises:
        ValueError: it did not, or does not report how many there are on each machine.
    """
    tasks = int(os.environ["SLURM_NTASKS"])
    if tasks == 1:
        return
    if not any(name in os.environ for name in BY_SRUN):
        raise ValueError(
            f"launcher: found SLURM_NTASKS={tasks}, but this process is the only one, for srun did not start "
            "it; allowed: srun before the command (with --ntasks-per-node and --gpus-per-node), or a job of "
            "one task (--ntasks=1)"
        )
    if "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise ValueError(
            f"launcher: found SLURM_NTASKS={tasks} without SLURM_NTASKS_PER_NODE; allowed: "
            "--ntasks-per-node in place of --ntasks"
        )


def _reachable(address: str, port: int, end: float) -> bool:
    """Returns whether anything listens at an address before the time ``end``."""
    while True:
        try:
            with socket.create_connection((address, port), timeout=POLL * 10):
                return True
        except OSError:
            if time.monotonic() > end:
                return False
            time.sleep(POLL)


def _nodes(node: int) -> int:
    """Counts the machines; all processes must call it."""
    import torch

    most = torch.tensor(node)
    torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
    return int(most) + 1
