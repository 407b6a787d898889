"""The modules as others use them: one script, nothing of the experiments, on one process and on two."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

SCRIPT = ROOT / "tests" / "end_to_end" / "outside_example.py"


def loss(folder: Path, devices: int) -> float:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), f"--devices={devices}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("loss ")]
    assert line.endswith(f"with {devices} devices")
    return float(line.split()[1])


def test_the_readme_shows_it() -> None:
    assert f"```python\n{SCRIPT.read_text()}```" in (ROOT / "docs" / "how-to" / "lightning.md").read_text()


def test_it_imports_nothing_of_the_experiments() -> None:
    nodes = list(ast.walk(ast.parse(SCRIPT.read_text())))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    ours = {name.split(".")[0] for name in names} & {"ablations", "results", "sweeps", "lightning_modules"}
    assert ours == {"lightning_modules"}


def test_one_process_and_two_train_alike(tmp_path: Path) -> None:
    """The mean loss of 20 updates is below that of a coin, 0.693, and is the same over two processes."""
    alone, together = loss(tmp_path, 1), loss(tmp_path, 2)
    assert 0 < alone < 0.6
    assert together == pytest.approx(alone, abs=2e-4)
