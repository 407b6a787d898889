import json
import os
import subprocess
import sys
from pathlib import Path

from paths import ROOT


def test_a_hundred_thousand_solutions_fit_in_600_megabytes(tmp_path: Path) -> None:
    """And so ten times as many, which the benchmark takes, in four gigabytes: memory is linear."""
    command = [
        sys.executable,
        "-W",
        "error",
        str(ROOT / "tests" / "benchmarks" / "million.py"),
        str(tmp_path),
        "--problems=100",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["solutions"] == 100_000
    # a process with numpy and Arrow alone holds about 100 MB: less would mean that nothing was measured
    assert 150e6 < measured["peak_bytes"] < 600e6
