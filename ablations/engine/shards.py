"""Work done shard by shard: finished shards stay in a folder and are not made again.

Any number of processes may work on one folder at once: a shard is made by the process that holds its lock,
and the shards of a process that dies are made by the others.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ablations.engine.files import lock_of
from ablations.engine.locks import locked
from ablations.engine.progress import Named, Reporter
from results.writing import write_text

FACTS = "facts.json"
"""File that identifies the work of a folder of shards."""

Make = Callable[[int, Path, Callable[[float], None]], None]
"""Makes a shard: (number of the shard, file to write, progress to call with the fraction done)."""


class Teller(Protocol):
    """Receiver of the progress of shards."""

    def start(self, number: int) -> None:
        """Called when a shard begins."""

    def progressed(self, number: int, fraction: float) -> None:
        """Called when a part of the shard is done."""

    def end(self, number: int, seconds: float | None) -> None:
        """Called when the shard is done, in so many seconds; None: another process made it."""


@dataclass(frozen=True, kw_only=True)
class Shards:
    """Shards of some work, each a Parquet file in a folder."""

    folder: Path
    """Folder that `claim` has made."""
    stage: str
    """Kind of work, in one word."""
    work: tuple[float, ...]
    """Amount of work per shard, above 0, in any unit."""

    def file(self, number: int) -> Path:
        """Returns the path of a shard once it is finished."""
        return self.folder / f"{number:06d}.parquet"

    def files(self) -> list[Path]:
        """Returns the paths of all shards, in order."""
        return [self.file(number) for number in range(len(self.work))]

    def left(self) -> list[int]:
        """Returns the numbers of the shards that are not finished."""
        return [number for number, file in enumerate(self.files()) if not file.is_file()]

    def finish(self, make: Make, tell: Teller) -> None:
        """Makes all shards that are left, and waits for those that other processes are making."""
        for wait in (False, True):
            for number in self.left():
                file = self.file(number)
                with locked(file.with_suffix(".lock"), wait=wait) as held:
                    if not held:
                        continue
                    tell.start(number)
                    began, here = time.monotonic(), not file.is_file()
                    if here:
                        unfinished = file.with_suffix(".unfinished")
                        make(number, unfinished, partial(tell.progressed, number))
                        unfinished.replace(file)
                    tell.end(number, time.monotonic() - began if here else None)


class Counter:
    """Progress of shards, passed on to a reporter whoever makes them."""

    def __init__(self, shards: Shards, reporter: Reporter) -> None:
        self.made: set[int] = set()
        """Numbers of the shards that this command has made."""
        self._reporter, self._count = reporter, len(shards.work)
        self._stage = shards.stage
        self._work = {number: shards.work[number] for number in shards.left()}
        self._running: dict[int, float] = {}  # fraction done
        self._over: set[int] = set()
        self._began = time.monotonic()
        reporter.begin(len(self._work), self._count - len(self._work), sum(self._work.values()))

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def start(self, number: int) -> None:
        """Records that a shard begins; further calls do nothing."""
        if number in self._work and number not in self._running and number not in self._over:
            self._running[number] = 0.0
            self._reporter.started(self._task(number))

    def progressed(self, number: int, fraction: float) -> None:
        """Records that a part of the shard is done."""
        if number in self._running:
            self._running[number] = fraction
            self._reporter.progressed(self._task(number), fraction, self._done(), self._left())

    def end(self, number: int, seconds: float | None) -> None:
        """Records that the shard is done; further calls report nothing."""
        if seconds is not None:
            self.made.add(number)
        if self._running.pop(number, None) is not None:
            self._over.add(number)
            self._reporter.ended(self._task(number), seconds, None, self._done(), self._left())

    def _task(self, number: int) -> Named:
        return Named(label=f"shard {number + 1} of {self._count}", address=f"{self._stage}/{number}")

    def _done(self) -> float:
        over = sum(self._work[number] for number in self._over)
        return over + sum(self._work[number] * fraction for number, fraction in self._running.items())

    def _left(self) -> float:
        done = self._done()
        return self.seconds / done * (sum(self._work.values()) - done) if done else 0.0


@contextmanager
def counting(shards: Shards, reporter: Reporter) -> Iterator[Counter]:
    """Yields a counter of the shards that are left now."""
    try:
        yield Counter(shards, reporter)
    finally:
        reporter.close()


def claim(folder: Path, facts: dict[str, Any], other: str = "shards of other work") -> None:
    """Makes the folder of unfinished work, or resumes one of the same work.

    Args:
        folder: folder for the work.
        facts: everything that decides its content, as plain JSON.
        other: how an error names other work in it.

    Raises:
        ValueError: the folder holds other work.
    """
    file = folder / FACTS
    with locked(file.with_suffix(".lock")):
        if not file.is_file():
            write_text(file, json.dumps(facts, indent=1, sort_keys=True) + "\n")
        elif json.loads(file.read_text(encoding="utf-8")) != json.loads(json.dumps(facts)):
            raise ValueError(
                f"out: found {other} in {folder}; allowed: another out, or to remove that folder"
            )


@contextmanager
def sharing(out: Path, folder: Path) -> Iterator[None]:
    """Holds the lock of an output, shared with all processes that do the same work.

    While it is held, no one removes the folder of shards. Once no one holds it, a folder without a finished
    shard is removed, because it belongs to no work, and a mistake should leave nothing behind.
    """
    _discard_unless_shared(out, folder)
    try:
        with locked(lock_of(out), shared=True):
            yield
    except BaseException:
        _discard_unless_shared(out, folder)
        raise


def _discard_unless_shared(out: Path, folder: Path) -> None:
    with locked(lock_of(out), wait=False) as held:
        if held:
            discard_unfinished(folder)


def discard_unfinished(folder: Path) -> None:
    """Removes a folder of unfinished work that holds nothing of use; the caller holds its output's lock."""
    unfit = (".lock", ".unfinished")
    if folder.is_dir() and not any(
        path.is_file() and path.name != FACTS and path.suffix not in unfit for path in folder.rglob("*")
    ):
        shutil.rmtree(folder)
