"""Finds the processes that a program has started."""

from pathlib import Path


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
