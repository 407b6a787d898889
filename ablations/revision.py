"""Which code made a record."""

import subprocess
from importlib import metadata
from pathlib import Path


def revision() -> str:
    """The checkout's commit (``-dirty`` with uncommitted changes), or the installed package's version."""
    root = Path(__file__).parent.parent
    if (root / ".git").exists():
        try:
            git = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
            return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            pass  # no git, or no commit yet: the version says less, but it is true
    return f"v{metadata.version('supervision-ablations')}"
