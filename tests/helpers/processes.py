"""Processes for tests: commands in forked processes, and the processes that a program started."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from ablations.engine.processes import context_of, take_environment


def forked(target: Callable[..., None], *arguments: object, **variables: str) -> BaseProcess:
    """Starts a function in a process forked from one that has imported torch.

    Args:
        target: the function.
        arguments: its arguments.
        variables: additional environment variables.
    """
    words = (os.environ | variables, target, arguments)
    process = context_of(cuda=False).Process(target=_run, args=words)
    process.start()
    return process


def _run(environment: dict[str, str], target: Callable[..., None], arguments: tuple[object, ...]) -> None:
    take_environment(environment)
    target(*arguments)


def finish(processes: Sequence[BaseProcess]) -> None:
    """Waits for processes, all of which must exit with 0."""
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def forked_command(argv: Iterable[object], *, out: Path, log: Path) -> BaseProcess:
    """Starts ``ablations`` in a forked process.

    Args:
        argv: its arguments.
        out: file for standard output.
        log: file for standard error.
    """
    return forked(_command, [str(word) for word in argv], out, log)


def _command(argv: list[str], out: Path, log: Path) -> None:
    for path, stream in ((out, sys.stdout), (log, sys.stderr)):
        with path.open("w") as file:
            os.dup2(file.fileno(), stream.fileno())
    from ablations.commands import cli

    sys.exit(cli.main(argv))


def children_of(pid: int) -> list[int]:
    """Returns the processes that a process started, in order."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def forked_for(pid: int) -> list[int]:
    """Returns the processes that a process's fork server forked."""
    found: list[int] = []
    for child in children_of(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a child that has just ended
            if b"multiprocessing.forkserver" in Path(f"/proc/{child}/cmdline").read_bytes():
                found += children_of(child)
    return found
