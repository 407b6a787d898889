"""Several devices for one model: steps that several processes run together.

On one machine, the process that makes an artifact, its owner, starts the ranks, gets the progress from the
first of them, and ends them when the step is over or one of them dies. Ranks read the inputs and write the
artifact's files. They do not touch the store's locks or anything else that the owner holds, such as a trial
of a sweep. Under torchrun or SLURM the ranks exist already: the first one runs the pipeline, and the others
wait for the steps that it asks them to run with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ablations.data.field_types import Count, check_fields
from ablations.engine.processes import context_of, end_with_parent, take_environment
from ablations.engine.step import Context, Task, execute, ignore
from lightning_modules.presets import ONLY_ON_GPUS
from lightning_modules.process_group import ALONE, Group, Strategy, join_group

Call = tuple[Task, Path, Context]
"""A step, the folder in which the first rank writes, and a context without the owner's callbacks."""
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

    def in_group(self, group: Group) -> Devices:
        """Returns these devices, if they fit the group that this process was started in.

        Raises:
            ValueError: they do not.
        """
        if group.size == 1:
            if self.nodes > 1:
                raise ValueError(f"nodes: found {self.nodes}; allowed: 1, or more under torchrun or SLURM")
            return self
        per_node = group.size // group.nodes
        for name, found, allowed in (("devices", self.devices, per_node), ("nodes", self.nodes, group.nodes)):
            if found not in (1, allowed):
                raise ValueError(f"{name}: found {found}; allowed: {allowed}, as many as were started")
        return replace(self, devices=per_node, nodes=group.nodes, group=group)

    def execute(self, step: Task, out: Path, context: Context) -> None:
        """Runs a step, on all of these devices if it can be spread over them; see `engine.step.Execute`."""
        if not step.spreads or self.devices * self.nodes == 1:
            execute(step, out, context)
            return
        call = step.detached(), out, replace(context, progress=ignore, report_validation=ignore)
        if self.group.size > 1:
            self.group.share(call)
            execute(call[0], out, replace(context, group=self.group))
        else:
            _run_on_ranks(call, self, context)


class RankFailed(RuntimeError):
    """Raised when one of the processes that run a step together failed or died."""


def check_devices(steps: Iterable[Task], count: int = 1) -> None:
    """Checks that this machine has the GPUs and the attention that some steps need; see `check_gpus`."""
    steps = tuple(steps)
    check_gpus({step.device for step in steps}, count)
    for step in steps:
        if step.attention in ONLY_ON_GPUS and step.device == "cpu":
            raise ValueError(
                f"attention: found {step.attention} on device cpu; allowed: sdpa, eager, or device cuda"
            )
    if any(step.attention == "flash_attention_2" for step in steps):
        from transformers.utils import is_flash_attn_2_available

        if not is_flash_attn_2_available():
            raise ValueError(
                "attention: found flash_attention_2, which is not installed; allowed: sdpa, eager"
            )


def check_gpus(devices: Collection[str], count: int = 1) -> None:
    """Checks that this machine has `count` GPUs for one model, if cuda is among the devices.

    Raises:
        ValueError: there is no GPU, or there are too few.
    """
    if "cuda" in devices:
        import torch

        if not (gpus := torch.cuda.device_count()):
            raise ValueError("device: found cuda, but no such device; allowed: cpu")
        if count > gpus:
            raise ValueError(f"devices: found {count}; allowed: up to {gpus}, the GPUs of this machine")


def take_gpus(number: int, count: int) -> None:
    """Limits a worker, by its number, to `count` of the machine's GPUs, if any, assigned in turn."""
    import torch

    if not (gpus := torch.cuda.device_count()):
        return
    ids = (os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(gpus)))).split(",")
    own = [ids[(number * count + k) % len(ids)] for k in range(count)]
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(dict.fromkeys(own))


@contextlib.contextmanager
def joined_devices(requested: Devices) -> Iterator[Devices]:
    """Yields the requested devices, in the group that torchrun or SLURM started this process in.

    All ranks but the first run with it the steps that it asks for, and get the devices after the last one.

    Raises:
        ValueError: the requested devices are not those that were started.
    """
    if not LAUNCHERS & set(os.environ):  # and torch need not be imported
        yield requested.in_group(ALONE)
        return
    with join_group(requested.strategy) as group:
        devices = requested.in_group(group)
        while not group.first and (call := group.share(None)) is not None:
            step, out, context = call
            execute(step, out, replace(context, group=group))
        yield devices
        if group.first and group.size > 1:
            group.share(None)


def _run_on_ranks(call: Call, devices: Devices, context: Context) -> None:
    """Starts the ranks and waits for them.

    Raises:
        RankFailed: one of them failed or died; none of them is left running.
        Diverged: the training that they shared diverged.
    """
    start = context_of(cuda=call[0].device == "cuda")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    ranks: dict[Connection, tuple[int, BaseProcess]] = {}
    process: BaseProcess
    try:
        for rank in range(devices.devices):
            ours, theirs = start.Pipe()
            arguments = (theirs, dict(os.environ), call, rank, devices, port)
            process = start.Process(target=_run_rank, args=arguments)
            process.start()
            theirs.close()  # so that its death closes the pipe
            ranks[ours] = rank, process
        waiting = set(ranks)
        while waiting:
            for connection in wait(waiting):
                assert isinstance(connection, Connection)
                event, *details = message = _receive(connection)
                if event == "progress":
                    context.progress(*details)
                elif event == "validation":
                    context.report_validation(*details)
                elif event == "finished":
                    waiting.remove(connection)
                elif event == "diverged":
                    from lightning_modules.divergence import Diverged

                    raise Diverged(*details)
                else:
                    raise RankFailed(_cause(ranks, message))
    finally:
        for connection, (_, process) in ranks.items():
            connection.close()
            process.kill()
            process.join()


def _receive(connection: Connection) -> tuple[Any, ...]:
    try:
        message: tuple[Any, ...] = connection.recv()
    except (EOFError, OSError):
        return ("died",)
    return message


def _cause(ranks: dict[Connection, tuple[int, BaseProcess]], last: tuple[Any, ...]) -> str:
    """Returns why a group failed: the rank that a signal ended, or else the rank that failed first.

    The others fail too, because they miss that one.
    """
    failures = [last[1:]] if last[0] == "failed" else []
    end = time.monotonic() + GRACE
    while (left := end - time.monotonic()) > 0:
        for rank, process in ranks.values():
            if (code := process.exitcode) is not None and code < 0:
                return f"rank {rank} was ended by {signal.Signals(-code).name}"
        for connection in wait([pipe for pipe in ranks if not pipe.closed], min(left, 0.1)):
            assert isinstance(connection, Connection)
            message = _receive(connection)
            if message[0] == "failed":
                failures.append(message[1:])
            elif message[0] == "died":
                connection.close()
    if failures:
        _, rank, error = min(failures)
        return f"rank {rank}: {error}"
    codes = [process.exitcode for _, process in ranks.values()]
    return f"ranks exited with codes {', '.join(map(str, codes))}"


def _run_rank(
    connection: Connection, environment: dict[str, str], call: Call, rank: int, devices: Devices, port: int
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

    def report(event: str, *values: float) -> None:
        if rank == 0:
            connection.send((event, *values))

    step, out, context = call
    with join_group(devices.strategy) as group:
        progress, report_validation = partial(report, "progress"), partial(report, "validation")
        context = replace(context, group=group, progress=progress, report_validation=report_validation)
        try:
            execute(step, out, context)
        except Diverged as error:  # on all ranks at once
            connection.send(("diverged", str(error)))
        except (Exception, SystemExit) as error:
            connection.send(("failed", time.monotonic(), rank, f"{type(error).__name__}: {error}"))
            traceback.print_exc()
            sys.stderr.flush()
        else:
            connection.send(("finished",))
