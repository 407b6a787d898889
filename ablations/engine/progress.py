"""Progress reports of a run: bars on a terminal, plain lines elsewhere, or JSON for machines."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TextIO, get_args

from ablations.engine.step import Task

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LogFormat = Literal["text", "json"]
LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)
SILENCE = 60.0
"""Seconds without a line after which plain output says what is running."""
INTERVAL = 5.0
"""Seconds between two JSON lines on the progress of one task."""


class Reporter:
    """Receiver of a run's progress, which ignores it. `left` is the estimate of the seconds left."""

    def begin(self, total: int, standing: int, work: float) -> None:
        """Called when a run begins: `total` tasks to make in `work` seconds, `standing` made before."""

    def started(self, task: Task) -> None:
        """Called when a task begins."""

    def progressed(self, task: Task, fraction: float, done: float, left: float) -> None:
        """Called when a task has done `fraction` of its work, and the run `done` of its `work`."""

    def ended(self, task: Task, seconds: float | None, failure: str | None, done: float, left: float) -> None:
        """Called when a task ends, with its `seconds` (None: another run made it) or a one-line `failure`."""

    def blocked(self, task: Task) -> None:
        """Called when a task will not be tried because what it needs has failed."""

    def close(self) -> None:
        """Called when the run is over."""


def duration(seconds: float) -> str:
    """Formats seconds for display: 0.4 s, 23 s, 5 min, 2 h 10 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Formats a plain table with columns as wide as needed; `right` numbers the right-aligned ones."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    formats = [f"{{:{'>' if index in right else '<'}{width}}}" for index, width in enumerate(widths)]
    return "\n".join("  ".join(formats).format(*line).rstrip() for line in lines)


class Lines(Reporter):
    """Prints a line at each task's end and, after a long silence, one that says what is running."""

    def __init__(self, file: TextIO | None = None, silence: float = SILENCE) -> None:
        self._file = file
        self._silence = silence
        self._total = self._over = 0
        self._running: dict[str, float] = {}
        self._last = time.monotonic()

    def begin(self, total: int, standing: int, work: float) -> None:
        self._total, self._over = total, 0  # a command may make several runs, one after the other
        if total:
            self._print(f"tasks: {total} to do, {standing} done before")

    def started(self, task: Task) -> None:
        self._running[task.label] = 0.0

    def progressed(self, task: Task, fraction: float, done: float, left: float) -> None:
        self._running[task.label] = fraction
        if time.monotonic() - self._last >= self._silence:
            running = ", ".join(f"{label} {part:.0%}" for label, part in self._running.items())
            self._print(f"[{self._over}/{self._total}] running: {running}{_left(left)}")

    def ended(self, task: Task, seconds: float | None, failure: str | None, done: float, left: float) -> None:
        self._running.pop(task.label, None)
        self._over += 1
        outcome = "made by another run" if seconds is None else duration(seconds)
        if failure is not None:
            outcome = f"FAILED, {failure}"
        self._print(f"[{self._over}/{self._total}] {task.label}: {outcome}{_left(left)}")

    def blocked(self, task: Task) -> None:
        self._over += 1

    def _print(self, line: str) -> None:
        self._last = time.monotonic()
        print(line, file=self._file or sys.stderr, flush=True)


class Bars(Reporter):
    """Shows one bar for the whole run and one for each running task; failures stay above them."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self.bars: Progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._bar: dict[str, TaskID] = {}
        self._start: dict[str, float] = {}
        self._total = self._over = 0

    def begin(self, total: int, standing: int, work: float) -> None:
        self._total, self._over = total, 0
        if total:
            self.bars.start()
            self._bar[""] = self.bars.add_task(self._title(), total=work, note="")

    def started(self, task: Task) -> None:
        self._bar[task.address] = self.bars.add_task(task.label, total=1.0, note="")
        self._start[task.address] = time.monotonic()

    def progressed(self, task: Task, fraction: float, done: float, left: float) -> None:
        elapsed = time.monotonic() - self._start[task.address]
        note = _left(elapsed * (1 - fraction) / fraction if fraction else 0.0).removeprefix(", ")
        self.bars.update(self._bar[task.address], completed=fraction, note=note)
        self.bars.update(self._bar[""], completed=done, note=_left(left).removeprefix(", "))

    def ended(self, task: Task, seconds: float | None, failure: str | None, done: float, left: float) -> None:
        self._over += 1
        self.bars.remove_task(self._bar.pop(task.address))
        note = _left(left).removeprefix(", ")
        self.bars.update(self._bar[""], completed=done, description=self._title(), note=note)
        if failure is not None:
            self.bars.console.print(f"{task.label}: FAILED, {failure}", markup=False, highlight=False)

    def blocked(self, task: Task) -> None:
        self._over += 1

    def close(self) -> None:
        self.bars.stop()

    def _title(self) -> str:
        return f"{self._over}/{self._total} tasks"


class Json(Reporter):
    """Prints one JSON object per line, for machines, with `time` (seconds since the epoch) and `event`."""

    def __init__(self, file: TextIO | None = None, every: float = INTERVAL) -> None:
        self._file = file
        self._every = every
        self._last: dict[str, float] = {}

    def begin(self, total: int, standing: int, work: float) -> None:
        self._print("begin", total=total, standing=standing, work=work)

    def started(self, task: Task) -> None:
        self._print("started", task)

    def progressed(self, task: Task, fraction: float, done: float, left: float) -> None:
        now = time.monotonic()
        if now - self._last.get(task.address, -math.inf) >= self._every:
            self._last[task.address] = now
            self._print("progressed", task, fraction=fraction, done=done, left=left)

    def ended(self, task: Task, seconds: float | None, failure: str | None, done: float, left: float) -> None:
        self._print("ended", task, seconds=seconds, failure=failure, done=done, left=left)

    def blocked(self, task: Task) -> None:
        self._print("blocked", task)

    def close(self) -> None:
        self._print("close")

    def _print(self, event: str, task: Task | None = None, **details: float | str | None) -> None:
        names = {} if task is None else {"task": task.address, "label": task.label}
        line = json.dumps({"time": time.time(), "event": event} | names | details)
        print(line, file=self._file or sys.stderr, flush=True)


def reporter_of(log_format: str = "text") -> Reporter:
    """Returns bars if standard error is a terminal, lines elsewhere, or JSON for machines.

    Raises:
        ValueError: the format is not one of ``LOG_FORMATS``.
    """
    if log_format not in LOG_FORMATS:
        raise ValueError(f"log_format: found {log_format!r}; allowed: {', '.join(LOG_FORMATS)}")
    if log_format == "json":
        return Json()
    return Bars() if sys.stderr.isatty() else Lines()


def _left(left: float) -> str:
    return f", about {duration(left)} left" if left > 0 else ""
