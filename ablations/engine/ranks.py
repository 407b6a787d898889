"""Several devices for one model: steps that several processes run together.

On one machine, the process that makes an artifact, its owner, starts the ranks, gets the progress from the
first of them, and ends them when the step is over or one of them dies. Ranks read the inputs and write the
artifact's files; they have nothing to do with the store's locks or whatever else the owner holds, such as a
trial of a sweep. Under torchrun or SLURM the ranks exist already: the first one runs the pipeline, and the
others wait for the steps that it asks them to run with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ablations.data.field_types import Count, check_fields
from ablations.engine.logs import Logs
from ablations.engine.processes import context_of, end_with_parent, take_environment
from ablations.engine.step import Context, Task, execute
from lightning_modules.process_group import ALONE, Group, Strategy, join_group

LAUNCHERS = {"TORCHELASTIC_RUN_ID", "SLURM_NTASKS"}
"""Environment variables by which torchrun and SLURM are recognized."""
GRACE = 1.0
"""Seconds to wait, after one rank fails, for failures of the others, which may be the cause."""


@dataclass(frozen=True, kw_only=True)
class Devices:
    """Devices on which one model trains and scores."""

    devices: Count = 1
    """Processes per machine, one per GPU where there are GPUs."""
    nodes: Count = 1
    """Number of machines; more than one only under torchrun or SLURM."""
    strategy: Strategy = "auto"
    """How processes share a model in training: auto and ddp give each all of it, fsdp a part."""
    group: Group = field(default=ALONE, compare=False)
    """Group that this process was started in."""

    def __post_init__(self) -> None:
        check_fields(self)

    def within(self, group: Group) -> Devices:
        """Returns these devices, if they fit the group that this process was started in.

        Raises:
            ValueError: they do not.
        """
        if group.size == 1:
            if self.nodes > 1:
                raise ValueError(f"nodes: found {self.nodes}; allowed: 1, but under torchrun or SLURM")
            return self
        here = group.size // group.nodes
        for name, found, allowed in (("devices", self.devices, here), ("nodes", self.nodes, group.nodes)):
            if found not in (1, allowed):
                raise ValueError(f"{name}: found {found}; allowed: {allowed}, as many as were started")
        return replace(self, devices=here, nodes=group.nodes, group=group)

    def execute(self, step: Task, out: Path, context: Context) -> None:
        """Runs a step, on these devices if it can be spread over them; see `engine.step.Execute`."""
        if not step.spreads or self.devices * self.nodes == 1:
            execute(step, out, context)
            return
        call = Call(
            step=step.detached(),
            out=out,
            root=context.root,
            scratch=context.scratch,
            logs=context.logs,
        )
        if self.group.size > 1:
            self.group.share(call)
            call.run(self.group, context.progress, context.report_validation)
        else:
            _run_on_ranks(call, self, context)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a step, as every rank gets it."""

    step: Task
    """The step."""
    out: Path
    """Folder in which the first rank writes."""
    root: Path
    """See `Context`."""
    scratch: Path
    """See `Context`."""
    logs: Logs
    """See `Context`."""

    def run(
        self,
        group: Group,
        progress: Callable[[float], None],
        report_validation: Callable[[float, float], None],
    ) -> None:
        """Runs the step in this process, as one of a group."""
        context = Context(
            root=self.root,
            scratch=self.scratch,
            progress=progress,
            report_validation=report_validation,
            group=group,
            logs=self.logs,
        )
        execute(self.step, self.out, context)


class RankFailed(RuntimeError):
    """Raised when one of the processes that run a step together failed or died."""


def check_devices(steps: Iterable[Task], count: int = 1) -> None:
    """Checks that this machine has the GPUs and the attention that some steps need; see `check_gpus`."""
    asked = tuple(steps)
    check_gpus({step.device for step in asked}, count)
    if "flash_attention_2" in {step.attention for step in asked}:
        from transformers.utils import is_flash_attn_2_available

        if not is_flash_attn_2_available():
            raise ValueError(
                "attention: found flash_attention_2, which is not installed; allowed: sdpa, eager"
            )


def check_gpus(devices: Collection[str], count: int = 1) -> None:
    """Checks that this machine has the GPUs that are asked for, before anything is made.

    Args:
        devices: devices to compute on: cpu or cuda.
        count: number of devices that train one model together.

    Raises:
        ValueError: there is no GPU, or there are too few.
    """
    if "cuda" in devices:
        import torch

        if not (there := torch.cuda.device_count()):
            raise ValueError("device: found cuda, but no such device; allowed: cpu")
        if count > there:
            raise ValueError(f"devices: found {count}; allowed: up to {there}, the GPUs of this machine")


def take_gpus(number: int, count: int) -> None:
    """Limits this process to its share of the machine's GPUs, if there are any, assigned by turns.

    Args:
        number: number of the process among the workers.
        count: number of GPUs that it needs.
    """
    import torch

    if not (there := torch.cuda.device_count()):
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(there)))
    ids = visible.split(",")
    mine = [ids[(number * count + k) % len(ids)] for k in range(count)]
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(dict.fromkeys(mine))


@contextlib.contextmanager
def started(asked: Devices) -> Iterator[Devices]:
    """Yields the requested devices, within the group that torchrun or SLURM started this process in.

    All ranks but the first follow it to the end before they get them.

    Raises:
        ValueError: the requested devices are not those that were started.
    """
    if not LAUNCHERS & set(os.environ):  # and torch need not be imported
        yield asked.within(ALONE)
        return
    with join_group(asked.strategy) as group:
        devices = asked.within(group)
        if not group.first:
            _follow(group)
        yield devices
        if group.first and group.size > 1:
            group.share(None)


def _follow(group: Group) -> None:
    """Runs with the first rank what that rank asks for, until it asks for no more."""
    while (call := group.share(None)) is not None:
        call.run(group, lambda fraction: None, lambda share, value: None)


def _run_on_ranks(call: Call, devices: Devices, context: Context) -> None:
    """Starts the ranks and waits for them.

    Raises:
        RankFailed: one of them failed or died; none of them is left running.
        Diverged: the training that they shared diverged.
    """
    start = context_of(cuda=call.step.device == "cuda")
    port = _free_port()
    ranks: dict[Connection, tuple[int, BaseProcess]] = {}
    process: BaseProcess
    try:
        for rank in range(devices.devices):
            ours, theirs = start.Pipe()
            arguments = (theirs, dict(os.environ), call, rank, devices, port)
            process = start.Process(target=_rank, args=arguments)
            process.start()
            theirs.close()  # so that its death closes the pipe
            ranks[ours] = rank, process
        waiting = dict(ranks)
        while waiting:
            for connection in wait(list(waiting)):
                assert isinstance(connection, Connection)
                message = _received(connection)
                if message[0] == "progress":
                    context.progress(message[1])
                elif message[0] == "validation":
                    context.report_validation(*message[1:])
                elif message[0] == "finished":
                    del waiting[connection]
                elif message[0] == "diverged":
                    from lightning_modules.divergence import Diverged

                    raise Diverged(message[1])
                else:
                    raise RankFailed(_cause(ranks, message))
    finally:
        for connection, (_, process) in ranks.items():
            connection.close()
            process.kill()
            process.join()


def _received(connection: Connection) -> tuple[Any, ...]:
    try:
        message: tuple[Any, ...] = connection.recv()
    except (EOFError, OSError):
        return ("died",)
    return message


def _cause(ranks: dict[Connection, tuple[int, BaseProcess]], last: tuple[Any, ...]) -> str:
    """Returns why a group failed: the rank that a signal ended, or else the one that failed first.

    The others fail too, because they miss it.
    """
    failures = [last[1:]] if last[0] == "failed" else []
    end = time.monotonic() + GRACE
    while (left := end - time.monotonic()) > 0:
        for rank, process in ranks.values():
            if (code := process.exitcode) is not None and code < 0:
                return f"rank {rank} was ended by {signal.Signals(-code).name}"
        for connection in wait([one for one in ranks if not one.closed], min(left, 0.1)):
            assert isinstance(connection, Connection)
            message = _received(connection)
            if message[0] == "failed":
                failures.append(message[1:])
            elif message[0] == "died":
                connection.close()
    if failures:
        _, rank, told = min(failures)
        return f"rank {rank}: {told}"
    codes = [process.exitcode for _, process in ranks.values()]
    return f"ranks exited with codes {', '.join(map(str, codes))}"


def _rank(
    connection: Connection,
    environment: dict[str, str],
    call: Call,
    rank: int,
    devices: Devices,
    port: int,
) -> None:
    """Runs one process of a group that is on this machine only."""
    take_environment(environment)
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all: the owner decides
    os.environ |= {
        **{"RANK": str(rank), "LOCAL_RANK": str(rank), "GROUP_RANK": "0"},
        **{"WORLD_SIZE": str(devices.devices), "LOCAL_WORLD_SIZE": str(devices.devices)},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "ablations"},
    }
    import torch

    from lightning_modules.divergence import Diverged

    torch.set_num_threads(1)

    def tell(*message: Any) -> None:
        if rank == 0:
            connection.send(message)

    with join_group(devices.strategy) as group:
        try:
            call.run(
                group,
                lambda fraction: tell("progress", fraction),
                lambda share, value: tell("validation", share, value),
            )
        except Diverged as error:  # on all ranks at once
            connection.send(("diverged", str(error)))
        except (Exception, SystemExit) as error:
            connection.send(("failed", time.monotonic(), rank, f"{type(error).__name__}: {error}"))
            traceback.print_exc()
            sys.stderr.flush()
        else:
            connection.send(("finished",))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
