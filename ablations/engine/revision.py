"""Identification of the code that made a record."""

import functools
import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from ablations.data.json_files import Json

CODE = Path(__file__).parents[2]
"""Folder that contains the packages in `ROOMS`."""
ROOMS = ("ablations", "lightning_modules", "results")
"""Packages whose code a task may run."""


def revision() -> str:
    """Returns the checkout's commit (``-dirty`` with uncommitted changes), or the installed version."""
    if (CODE / ".git").exists():
        try:
            git = ["git", "-C", str(CODE), "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
            return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            pass  # no git or no commit yet: the version is less precise but correct
    return f"v{metadata.version('supervision-ablations')}"


def made_by() -> dict[str, Json]:
    """Identifies the code and the libraries that make something, as plain JSON."""
    return {"revision": revision(), "code": {**code()}}


@functools.cache
def code() -> dict[str, str]:
    """Returns the versions that must match on all machines of a run, by name; read once, on first use."""
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (CODE / room).rglob("*.py")):
        digest.update(path.relative_to(CODE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    versions = {name: metadata.version(name) for name in ("torch", "lightning", "transformers", "numpy")}
    return {"sources": digest.hexdigest()[:12], "python": platform.python_version()} | versions
