"""Processes of tests: commands in forked ones, and those that a program has started."""

import os
import sys
from collections.abc import Iterable
from multiprocessing.process import BaseProcess
from pathlib import Path

from ablations.engine.processes import context_of, take_environment


def forked_command(argv: Iterable[object], *, out: Path, log: Path) -> BaseProcess:
    """Starts ``ablations`` in a process that is forked from one in which torch is imported already.

    Args:
        argv: its arguments.
        out: file for what it prints.
        log: file for what it writes to standard error.
    """
    words = [str(word) for word in argv]
    process = context_of(cuda=False).Process(target=_run, args=(dict(os.environ), words, out, log))
    process.start()
    return process


def _run(environment: dict[str, str], argv: list[str], out: Path, log: Path) -> None:
    take_environment(environment)
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
