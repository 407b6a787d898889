"""One attempt at a task, in any process: keeps its output and returns its outcome."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ablations.engine.failures import describe_fault
from ablations.engine.machine import Machine
from ablations.engine.step import Context, Execute, Task
from ablations.engine.store import Store


def attempt(step: Task, store: Store, machine: Machine, report: Callable[[float], None]) -> tuple[Any, ...]:
    """Makes one artifact in a process that makes nothing else at the same time, with one thread.

    Returns:
        `("finished", seconds)`, or `("failed", type, last line, traceback)` of what the step raised.
    """
    try:
        if (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(1)
        path = store.root / "logs" / f"{step.key}.txt"
        execute = partial(_execute_with_output_in, path, machine.devices.execute)
        return "finished", store.make(step, report, execute, logs=machine.logs)
    except (Exception, SystemExit) as error:
        return "failed", *describe_error(error)


def last_output(root: Path, key: str) -> str:
    """Returns the end of the output of a process that died while making an artifact."""
    path = root / "logs" / f"{key}.txt"
    return path.read_text(encoding="utf-8", errors="replace")[-4000:] if path.exists() else ""


def throttle(report: Callable[[float], None], every: float) -> Callable[[float], None]:
    """Returns a progress callback that passes on at most one report per ``every`` seconds."""
    last = 0.0

    def progress(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= every:
            last = now
            report(float(fraction))

    return progress


def describe_error(error: BaseException) -> tuple[str, str, str]:
    """Returns an exception's type, last line (or a fault of the system or a library) and traceback."""
    lines = str(error).strip().splitlines() or ["no message"]
    line = describe_fault(error) or lines[-1]
    return type(error).__name__, line, "".join(traceback.format_exception(error))


def _execute_with_output_in(path: Path, execute: Execute, step: Task, out: Path, context: Context) -> None:
    """Runs a step with all its output, even from C, sent to a file, which is deleted if it is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    copies = os.dup(1), os.dup(2)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        execute(step, out, context)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in zip((1, 2), copies, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        if not path.stat().st_size:
            path.unlink()
