"""Files that the user names: a key depends on their content, not on where they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ablations.engine.files import sha256_of
from ablations.engine.step import apart


@dataclass(frozen=True, kw_only=True)
class UserFile:
    """A file, as it was when a run was planned."""

    sha256: str
    path: Path = apart()
    """Absolute path."""

    @classmethod
    def of(cls, path: Path, field: str) -> UserFile:
        """Hashes a file that the user named in a field.

        Raises:
            ValueError: there is no such file.
        """
        return cls(sha256=sha256_of(path, field), path=path.absolute())

    def unchanged(self) -> Path:
        """Returns its path.

        Raises:
            ValueError: its content has changed since, or it is gone.
        """
        if sha256_of(self.path) != self.sha256:
            raise ValueError(
                f"{self.path}: found changed during the run; allowed: the file as it was planned"
            )
        return self.path
