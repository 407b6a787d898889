"""One run killed again and again with SIGKILL, the whole process group, and resumed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paths import ROOT

from results.records import read_records

KILLS = 4


def manifests(store: Path) -> dict[str, Path]:
    """The artifacts that stand, by address."""
    return {str(path.parent.relative_to(store)): path for path in store.glob("[a-z]*/*/manifest.json")}


def marks(store: Path) -> dict[str, tuple[int, int, int]]:
    """What changes when an artifact is made anew: its folder's inode, and its manifest's inode and time."""
    return {
        address: (path.parent.stat().st_ino, path.stat().st_ino, path.stat().st_mtime_ns)
        for address, path in manifests(store).items()
    }


@pytest.mark.slow
def test_kills_change_nothing(smoke, tmp_path):
    total = len(manifests(smoke.store))
    rng = random.Random(7)
    # A kill comes a random moment after a random number of artifacts stand, so that a busy machine sees the
    # same ones: a time alone would all be spent on imports there, and be past the end elsewhere.
    after = sorted(rng.sample(range(total - 8), KILLS))
    store, out = tmp_path / "store", tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": ""}
    seen: dict[str, tuple[int, int, int]] = {}
    killed = []

    def start(workers):
        argv = ["run", "supervision", "--scale=smoke", f"--workers={workers}"]
        return subprocess.Popen(
            [sys.executable, "-m", "ablations", *argv, f"--store={store}", f"--out={out}"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    for kill, standing in enumerate(after):
        process = start(workers=2 if kill == 2 else 1)  # every process more takes its imports' time
        while len(manifests(store)) <= max(standing, len(seen)) and process.poll() is None:
            time.sleep(0.01)
        # A quick machine makes many of the last, small artifacts meanwhile: each later kill needs some.
        until, most = time.monotonic() + rng.uniform(0, 0.3), total - 3 * (KILLS - kill)
        while time.monotonic() < until and len(manifests(store)) < most:
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):  # the run has just ended
            os.killpg(process.pid, signal.SIGKILL)
        killed.append(process.wait() == -signal.SIGKILL)
        process.stderr.close()
        now = marks(store)
        assert {address: now.get(address) for address in seen} == seen  # nothing was made twice, or lost
        assert len(now) > len(seen)  # and every start got further
        seen = now
    assert sum(killed) >= KILLS - 1  # the last one may come as the run ends
    assert len(seen) > total // 2

    process = start(workers=1)
    _, said = process.communicate()
    assert process.returncode == 0, said
    end = marks(store)
    assert {address: end[address] for address in seen} == seen
    assert said.count("\n[") + said.startswith("[") <= total - len(seen)

    # every artifact, and so the records, is what the run without a kill made, to the byte
    theirs, ours = manifests(smoke.store), manifests(store)
    assert ours.keys() == theirs.keys()
    assert [address for address in ours if ours[address].read_bytes() != theirs[address].read_bytes()] == []
    name = "records.parquet"
    assert (out / name).read_bytes() == (smoke.out / name).read_bytes()
    assert len(read_records(out / name)) > 0
    for folder in (".tmp", ".scratch", ".locks"):
        assert list((store / folder).iterdir()) == []
