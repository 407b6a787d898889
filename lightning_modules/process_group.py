"""Groups of processes that train and run one model together.

The launcher (torchrun, SLURM, or `ablations` itself, which sets torchrun's variables) puts each process's
rank in its environment, where Lightning finds it too. A process started in any other way is a group of one.
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
"""Time for which processes wait for work that only the first one does."""
START = timedelta(minutes=2)
"""Time within which all processes of a group must start."""
POLL = 0.1
"""Seconds between two checks for the other processes."""
SRUN_VARIABLES = ("SLURM_STEP_NUM_TASKS", "SLURM_SRUN_COMM_HOST")
"""Variables that srun sets for its tasks; a batch script, which is one process, has neither."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Group:
    """A process's view of its group."""

    rank: int = 0
    """Rank of this process: 0 to size - 1."""
    size: int = 1
    """Number of processes, one per device."""
    nodes: int = 1
    """Number of machines, with equally many processes on each."""
    strategy: Strategy = "auto"
    """How processes share a model in training: each has all of it (ddp or auto) or a part (fsdp)."""
    patient: Any = field(default=None, repr=False)
    """torch's group of these processes with the timeout ``PATIENCE``."""

    @property
    def first(self) -> bool:
        """Whether this process writes the results of all."""
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

        values = [value]
        torch.distributed.broadcast_object_list(values, group=self.patient)
        return values[0]

    def wait(self) -> None:
        """Waits until all processes call it, however long it takes."""
        if self.size > 1:
            import torch

            torch.distributed.barrier(group=self.patient)


ALONE = Group()
"""Group of a process that computes by itself."""


@contextlib.contextmanager
def join_group(strategy: Strategy = "auto") -> Iterator[Group]:
    """Joins the group that this process was started in, for as long as the context lasts.

    GPUs are assigned by the rank on the machine; in the context, "cuda" is this process's GPU.

    Raises:
        ValueError: not all processes of the group were started, or they cannot reach each other.
    """
    import torch
    from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    kind = next((kind for kind in (TorchElasticEnvironment, SLURMEnvironment) if kind.detect()), None)
    if kind is SLURMEnvironment:
        check_slurm()
    environment = kind() if kind else None
    if environment is None or environment.world_size() == 1:
        yield Group(strategy=strategy)
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(environment.local_rank())
    address, port = environment.main_address, environment.main_port
    os.environ.update(MASTER_ADDR=address, MASTER_PORT=str(port))
    rank, size = environment.global_rank(), environment.world_size()
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    store = meet(address, port, rank, size)
    torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=size)
    try:
        last_node = torch.tensor(environment.node_rank())
        torch.distributed.all_reduce(last_node, torch.distributed.ReduceOp.MAX)
        patient = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)
        yield Group(rank=rank, size=size, nodes=int(last_node) + 1, strategy=strategy, patient=patient)
    finally:
        torch.distributed.destroy_process_group()


def meet(address: str, port: int, rank: int, size: int, within: timedelta = START) -> Any:
    """Waits for all processes of a group and returns the store through which they met.

    The address is that of the first process, or of torchrun's agent.

    Raises:
        ValueError: a process did not arrive, or the address cannot be used.
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
    store.set(f"rank/{rank}", "started")
    while missing := [number for number in range(size) if not store.check([f"rank/{number}"])]:
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
        ValueError: it did not, or does not report the number on each machine.
    """
    tasks = int(os.environ["SLURM_NTASKS"])
    if tasks == 1:
        return
    if not any(name in os.environ for name in SRUN_VARIABLES):
        raise ValueError(
            f"launcher: found SLURM_NTASKS={tasks}, but this process is the only one, because srun did not "
            "start it; allowed: srun before the command (with --ntasks-per-node and --gpus-per-node), or a "
            "job of one task (--ntasks=1)"
        )
    if "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise ValueError(
            f"launcher: found SLURM_NTASKS={tasks} without SLURM_NTASKS_PER_NODE; allowed: "
            "--ntasks-per-node in place of --ntasks"
        )


def _reachable(address: str, port: int, end: float) -> bool:
    """Returns whether a program listens at an address before the time ``end``."""
    while True:
        try:
            with socket.create_connection((address, port), timeout=POLL * 10):
                return True
        except OSError:
            if time.monotonic() > end:
                return False
            time.sleep(POLL)
