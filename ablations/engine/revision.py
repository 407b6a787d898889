"""Which code made a record."""

import functools
import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path

CODE = Path(__file__).parents[2]
"""The folder that holds the rooms."""
ROOMS = ("ablations", "lightning_modules", "results")
"""What of this package a task may run."""


def revision() -> str:
    """The checkout's commit (``-dirty`` with uncommitted changes), or the installed package's version."""
    if (CODE / ".git").exists():
        try:
            git = ["git", "-C", str(CODE), "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
            return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            pass  # no git, or no commit yet: the version says less, but it is true
    return f"v{metadata.version('supervision-ablations')}"


@functools.cache
def code() -> dict[str, str]:
    """What must be alike on two machines that work on one run, by name; read once, when first asked."""
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (CODE / room).rglob("*.py")):
        digest.update(path.relative_to(CODE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    versions = {name: metadata.version(name) for name in ("torch", "lightning", "transformers", "numpy")}
    return {"sources": digest.hexdigest()[:12], "python": platform.python_version()} | versions
