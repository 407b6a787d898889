"""Files that the user named: that they are there, and still what they were."""

import hashlib
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
