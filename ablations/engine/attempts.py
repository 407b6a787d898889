"""One attempt at a task, in any process: its output is kept, and its outcome is returned."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ablations.engine import failures
from ablations.engine.machine import Machine
from ablations.engine.step import Context, Execute, Task
from ablations.engine.store import Store


def attempt(step: Task, store: Store, machine: Machine, report: Callable[[float], None]) -> tuple[Any, ...]:
    """Makes one artifact in a process that makes nothing else at the same time.

    Returns:
        `("finished", seconds)`, or `("failed", type, last line, traceback)` of what the step raised.
    """
    try:
        if (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(1)
        quiet = _printing_to(store.root / "logs" / f"{step.key}.txt", machine.devices.execute)
        return "finished", store.make(step, report, quiet, logs=machine.logs)
    except (Exception, SystemExit) as error:
        return "failed", *described(error)


def last_words(root: Path, key: str) -> str:
    """Returns the end of what a process printed before it died while making an artifact."""
    printed = root / "logs" / f"{key}.txt"
    return printed.read_text(encoding="utf-8", errors="replace")[-4000:] if printed.exists() else ""


def throttled(report: Callable[[float], None], every: float) -> Callable[[float], None]:
    """Returns a progress callback that passes on at most one report per ``every`` seconds."""
    last = 0.0

    def progress(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= every:
            last = now
            report(float(fraction))

    return progress


def described(error: BaseException) -> tuple[str, str, str]:
    """Returns an exception's type, last line (all in one for a system or library fault) and traceback."""
    lines = str(error).strip().splitlines() or ["no message"]
    line = failures.described(error) or lines[-1]
    return type(error).__name__, line, "".join(traceback.format_exception(error))


def _printing_to(path: Path, execute: Execute) -> Execute:
    """Returns what runs a step with its output, even from C, sent to a file, which is kept unless empty."""

    def run(step: Task, out: Path, context: Context) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = os.dup(1), os.dup(2)
        with path.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        try:
            execute(step, out, context)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
            if not path.stat().st_size:
                path.unlink()

    return run
