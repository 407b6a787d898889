"""Files that are written whole or not at all, through links, and whose lack of room has a name."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of writing, whose errors name no file."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds a file's name to the errors of a disk without room."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in NO_ROOM:
            error.filename = str(path)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of another once all has gone well; else nothing is left of it.

    Where the path is a link, what it names is replaced.
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
    """Writes a text as UTF-8, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
