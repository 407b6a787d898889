"""Hostile inputs to every command, as data: what is run on which files, and what must come of it.

Whatever the input, a command ends with exit code 0, or with 2 and one line on standard error; it shows no
traceback, and where it refuses it leaves nothing behind. On top of that each input says what a result must be
like, so that no number is silently wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of a command."""

    code: int
    """Exit code; 1 where an exception left the program."""
    out: str
    """Standard output."""
    err: str
    """Standard error."""
    folder: Path
    """Where it ran."""
    new: frozenset[str]
    """Files and folders that were not there before."""


PROGRESS = re.compile(r"tasks: \d+ to do, |\[\d+/\d+\] ")
"""Lines on standard error that say how far a command is."""
Check = Callable[[Done], str | None]
"""What is wrong with what came of a command; None if nothing is."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """A command on some files."""

    kind: str
    """Kind of fault that it looks for."""
    name: str
    """Of the input, unique in its kind."""
    argv: tuple[str, ...]
    """Program and arguments."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Name -> content, written before."""
    check: Check | None = None
    """What a result must be like, besides what holds for all."""
    shell: str | None = None
    """In place of ``argv`` a line of bash, in a process of its own; system faults need one."""
    setup: str | None = None
    """A line of bash that is run before, in a process of its own."""
    teardown: str | None = None
    """The same, afterwards."""


def fault(done: Done, check: Check | None) -> str | None:
    """What is wrong with what came of a command, by the rules for all and by its own."""
    if "Traceback (most recent call last)" in done.err + done.out:
        return "a traceback: " + (done.err.strip().splitlines() or [""])[-1][:150]
    if done.code not in (0, 2):
        return f"exit code {done.code}: {done.err.strip()[-150:]}"
    if done.code == 2:
        lines = [line for line in done.err.strip().splitlines() if not PROGRESS.match(line)]
        if len(lines) != 1 or not lines[0].startswith(("ablations: ", "sweeps: ")):
            return f"{len(lines)} lines on standard error: {done.err.strip()[:200]!r}"
        if done.new:
            return f"left behind: {', '.join(sorted(done.new))}"
    return None if check is None else check(done)


def refused(done: Done) -> str | None:
    """It must be refused."""
    return None if done.code == 2 else "not refused"


def accepted(done: Done) -> str | None:
    """It must be taken."""
    return None if done.code == 0 else f"refused: {done.err.strip()[:150]}"


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON Lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def lines(*rows: Any) -> bytes:
    """Rows as a file of JSON Lines."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
