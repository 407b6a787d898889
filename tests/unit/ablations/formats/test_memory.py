import json
import os
import subprocess
import sys
from pathlib import Path

from paths import ROOT


def test_a_million_solutions_fit_in_four_gigabytes(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        str(ROOT / "tests" / "benchmarks" / "million.py"),
        str(tmp_path),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["solutions"] == 1_000_000
    # a process with numpy and Arrow alone holds about 100 MB: less would mean that nothing was measured
    assert 200e6 < measured["peak_bytes"] < 4e9
