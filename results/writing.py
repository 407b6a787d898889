"""Atomic file writes that follow links, and whose errors name the file when the disk is full."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of writes that ran out of room, whose errors name no file."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds the file's name to errors caused by a lack of disk space."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in NO_ROOM:
            error.filename = str(path)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path whose file replaces ``path`` on success and is deleted otherwise.

    If the path is a link, the file it points to is replaced.
    """
    path = path.resolve()
    partial = path.with_name(f".{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        with naming(path):
            yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes text as UTF-8, atomically."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
