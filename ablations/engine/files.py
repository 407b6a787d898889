"""Files and folders that a user names in a field: checks of existing ones, atomic writing of new ones."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ablations.engine.locks import locked
from results.writing import naming

ROOM = 32
"""Bytes of a file name reserved for the suffixes of unfinished files, shards and locks next to it."""


def sha256_of(path: Path, field: str = "file") -> str:
    """Returns the sha256 of a file that the user named in a field.

    Raises:
        ValueError: there is no such file.
    """
    if not path.is_file():
        raise ValueError(f"{field}: found no file {path}; allowed: an existing one")
    return sha256(path)


def sha256(path: Path) -> str:
    """Computes the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_new(path: Path, field: str) -> None:
    """Checks that a new file or folder can be written; leaves nothing behind.

    Raises:
        ValueError: the path exists, or it cannot be written.
    """
    if os.path.lexists(path):  # False for a name that is too long
        raise ValueError(f"{field}: found {path}; allowed: a new one")
    check_output(path, field)


def check_output(path: Path, field: str, *, folder: bool = False) -> None:
    """Checks before any work that an output can be written; leaves nothing behind.

    The file, or with `folder` the folder, may exist already; folders above it may be missing.

    Raises:
        ValueError: it cannot be written.
    """
    given, path = path, path.resolve()
    if os.path.exists(path) and path.is_dir() != folder:
        found, allowed = ("file", "a folder") if folder else ("folder", "a file")
        raise ValueError(f"{field}: found the {found} {given}; allowed: {allowed}, or a new one")
    above = path if folder and os.path.exists(path) else path.parent
    names = [path.name]
    while not os.path.exists(above):
        names.append(above.name)
        above = above.parent
    if not above.is_dir():
        raise ValueError(f"{field}: found {given}, below the file {above}; allowed: a path below folders")
    longest = os.pathconf(above, "PC_NAME_MAX") - ROOM
    for name in names:
        if (length := len(os.fsencode(name))) > longest:
            raise ValueError(
                f"{field}: found a name of {length} bytes ({name[:20]}...); allowed: {longest} or fewer"
            )
    probe = above / f".{uuid.uuid4().hex}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"{field}: found {above}, in which no file can be made ({error.strerror}); "
            "allowed: a folder that can be written"
        ) from None


@contextmanager
def exclusive(path: Path, field: str) -> Iterator[None]:
    """Keeps every other process of this project from writing an output; creates its parent folder.

    Raises:
        ValueError: another process is writing it.
    """
    with locked(lock_of(path), wait=False) as held:
        if not held:
            raise ValueError(
                f"{field}: found {path} being written by another process; "
                f"allowed: another {field}, or to wait for that process"
            )
        yield


def lock_of(path: Path) -> Path:
    """Returns the lock file of an output; a link and its target share one."""
    path = path.resolve()
    return path.with_name(f"{path.name}.lock")


@contextmanager
def new_folder(path: Path, field: str) -> Iterator[Path]:
    """Yields a folder to fill, which is moved to ``path`` on success and deleted on failure.

    Raises:
        ValueError: the path exists, before or afterwards, or another process is writing it.
    """
    check_new(path, field)
    with exclusive(path, field), fill_folder(path, field) as unfinished:
        yield unfinished


@contextmanager
def fill_folder(path: Path, field: str) -> Iterator[Path]:
    """Does what `new_folder` does, for a caller that holds the lock of the output."""
    check_new(path, field)
    unfinished = path.with_name(f".{uuid.uuid4().hex[:12]}")
    unfinished.mkdir()
    try:
        with naming(path):
            yield unfinished
        check_new(path, field)
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)  # already moved on success
