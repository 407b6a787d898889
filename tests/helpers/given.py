"""Runs a step in a test, on given artifacts."""

import tempfile
from pathlib import Path

from ablations.engine.step import Context, Made, Other, Produced, Step


def given(root: Path, name: str, artifact: Other) -> Made[Other]:
    """Writes an artifact into the new folder ``name`` of a store, and returns a reference to it."""
    folder = root / name
    folder.mkdir(parents=True)
    artifact.write(folder)
    return Made(at=name, kind=type(artifact))


def run(step: Step[Produced], root: Path) -> Produced:
    """Runs a step whose inputs are in the store ``root``, with a scratch folder of its own."""
    return step.run(Context(root=root, scratch=Path(tempfile.mkdtemp(prefix="scratch-", dir=root))))
