"""Processes of tests: commands in forked ones, and those that a program has started."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from ablations.engine.processes import context_of, take_environment


def forked(target: Callable[..., None], *arguments: object, **variables: str) -> BaseProcess:
    """Starts a function in a process that is forked from one in which torch is imported already.

    Args:
        target: the function.
        arguments: its arguments.
        variables: environment variables that this process does not have.
    """
    words = (os.environ | variables, target, arguments)
    process = context_of(cuda=False).Process(target=_run, args=words)
    process.start()
    return process


def _run(environment: dict[str, str], target: Callable[..., None], arguments: tuple[object, ...]) -> None:
    take_environment(environment)
    target(*arguments)


def finish(processes: Sequence[BaseProcess]) -> None:
    """Waits for processes, each of which must end with 0."""
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def forked_command(argv: Iterable[object], *, out: Path, log: Path) -> BaseProcess:
    """Starts ``ablations`` in a forked process.

    Args:
        argv: its arguments.
        out: file for what it prints.
        log: file for what it writes to standard error.
    """
    return forked(_command, [str(word) for word in argv], out, log)


def _command(argv: list[str], out: Path, log: Path) -> None:
    for path, stream in ((out, sys.stdout), (log, sys.stderr)):
        with path.open("w") as file:
            os.dup2(file.fileno(), stream.fileno())
    from ablations.commands import cli

    sys.exit(cli.main(argv))


def children_of(pid: int) -> list[int]:
    """Returns the processes that one started, in the order in which it did."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def forked_for(pid: int) -> list[int]:
    """Returns the processes that were forked for one by its fork server."""
    found: list[int] = []
    for child in children_of(pid):
        if b"multiprocessing.forkserver" in Path(f"/proc/{child}/cmdline").read_bytes():
            found += children_of(child)
    return found
