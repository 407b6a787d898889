"""Files and folders that a user names: what they hold, and new ones that are written whole or not at all."""

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sha256_of(path: Path, field: str = "file") -> str:
    """Of a file that the user named in a field.

    Raises:
        ValueError: there is none.
    """
    if not path.is_file():
        raise ValueError(f"{field}: found no file {path}; allowed: an existing one")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unchanged(path: str, sha256: str) -> Path:
    """A file that the user named, still with the content that the plan found in it.

    Raises:
        ValueError: it has another.
    """
    if sha256_of(Path(path)) != sha256:
        raise ValueError(f"{path}: found changed while the run goes on; allowed: the file as it was planned")
    return Path(path)


def check_new(path: Path, field: str) -> None:
    """Raises a ValueError if something stands where a user wants a new file or folder."""
    if path.exists() or path.is_symlink():
        raise ValueError(f"{field}: found {path}; allowed: a new one")


@contextmanager
def new_folder(path: Path, field: str) -> Iterator[Path]:
    """A folder to fill, which takes its place once all has gone well; else nothing is left of it.

    Args:
        path: where it shall stand.
        field: what the user named it in.

    Raises:
        ValueError: something stands there, before or meanwhile.
    """
    check_new(path, field)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    unfinished.mkdir()
    try:
        yield unfinished
        check_new(path, field)
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)  # gone if it took its place
