"""Work done shard by shard: what is finished stays in a folder and is not done again.

Any number of processes may do the shards of one folder at once: a shard is made by the one that holds its
lock, and those of a process that dies are made by the others.
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
from ablations.engine.progress import Reporter
from ablations.engine.step import Task
from results.writing import write_text

FACTS = "facts.json"
"""What the shards of a folder are of."""

Make = Callable[[int, Path, Callable[[float], None]], None]
"""(number of the shard, file to write, progress to call with the fraction done)."""


class Teller(Protocol):
    """Who is told how far the shards are."""

    def start(self, number: int) -> None:
        """A shard begins."""

    def progressed(self, number: int, fraction: float) -> None:
        """A part of the shard is done."""

    def end(self, number: int, seconds: float | None) -> None:
        """The shard is done, in so many seconds; None: another process has done it."""


@dataclass(frozen=True, kw_only=True)
class Shards:
    """Shards of some work, each a Parquet file in a folder."""

    folder: Path
    """That `claim` has made."""
    stage: str
    """What is done, in one word."""
    work: tuple[float, ...]
    """How much each shard is, above 0, in any unit."""

    def file(self, number: int) -> Path:
        """Where a shard is once it is finished."""
        return self.folder / f"{number:06d}.parquet"

    def files(self) -> list[Path]:
        """Of all shards, in order."""
        return [self.file(number) for number in range(len(self.work))]

    def left(self) -> list[int]:
        """Numbers of the shards that are not finished."""
        return [number for number, file in enumerate(self.files()) if not file.is_file()]

    def finish(self, make: Make, tell: Teller) -> None:
        """Makes all that are left; of those that other processes make, it awaits the end."""
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
    """Tells a reporter how far the shards are, whoever makes them."""

    def __init__(self, shards: Shards, reporter: Reporter) -> None:
        self.made: set[int] = set()
        """Those that this command has made."""
        self._reporter, self._count = reporter, len(shards.work)
        self._stage = shards.stage
        self._work = {number: shards.work[number] for number in shards.left()}
        self._running: dict[int, float] = {}  # fraction done
        self._over: set[int] = set()
        self._began = time.monotonic()
        reporter.begin(len(self._work), self._count - len(self._work), sum(self._work.values()))

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def start(self, number: int) -> None:
        """A shard begins; once is enough."""
        if number in self._work and number not in self._running and number not in self._over:
            self._running[number] = 0.0
            self._reporter.started(self._task(number))

    def progressed(self, number: int, fraction: float) -> None:
        """A part of the shard is done."""
        if number in self._running:
            self._running[number] = fraction
            self._reporter.progressed(self._task(number), fraction, self._done(), self._left())

    def end(self, number: int, seconds: float | None) -> None:
        """The shard is done; once is enough."""
        if seconds is not None:
            self.made.add(number)
        if self._running.pop(number, None) is not None:
            self._over.add(number)
            self._reporter.ended(self._task(number), seconds, None, self._done(), self._left())

    def _task(self, number: int) -> Task:
        label = f"shard {number + 1} of {self._count}"
        config = {"number": number}
        return Task(stage=self._stage, version=1, config=config, label=label, weight=self._work[number])

    def _done(self) -> float:
        over = sum(self._work[number] for number in self._over)
        return over + sum(self._work[number] * fraction for number, fraction in self._running.items())

    def _left(self) -> float:
        done = self._done()
        return self.seconds / done * (sum(self._work.values()) - done) if done else 0.0


@contextmanager
def counting(shards: Shards, reporter: Reporter) -> Iterator[Counter]:
    """A counter of the shards that are left now."""
    try:
        yield Counter(shards, reporter)
    finally:
        reporter.close()


def claim(folder: Path, facts: dict[str, Any], other: str = "shards of other work") -> None:
    """Makes the folder of unfinished work, or goes on with one of the same work.

    Args:
        folder: where the work is to be.
        facts: all that decides what is in it, plain JSON.
        other: how an error names what else may be in it.

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
    """Holds an output together with all processes that do the same work.

    While it is held, nobody removes the folder of shards. Once nobody holds it, a folder without a finished
    shard is removed: it belongs to no work, and a mistake leaves nothing behind.
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
    """Removes a folder of unfinished work that holds nothing of use, while the lock of its output is held."""
    unfit = (".lock", ".unfinished")
    if folder.is_dir() and not any(
        path.is_file() and path.name != FACTS and path.suffix not in unfit for path in folder.rglob("*")
    ):
        shutil.rmtree(folder)
