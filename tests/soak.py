"""Machines that go, servers that restart, drivers that die: ``make soak``, by hand.

At scale smoke, on this machine, in three minutes on two cores (most of it the start of processes):

1. ``supervision`` without trouble, by two processes: what all else is compared with;
2. the same on a Ray cluster of two nodes, one of which is removed in the middle, and joined by another;
3. the same on such a cluster, its driver killed three times at random moments and run again;
4. a sweep by two workers on PostgreSQL, the server restarted in its middle.

It prints what it does. It ends with code 0 if every artifact, and so every cell, is there and byte for byte
that of (1), none was made twice, and every trial of the sweep is over once; else with an AssertionError that
says which is not so. ``--seed`` chooses other moments; ``make soak SOAK="--parts ray"`` leaves (4) out.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paths import ROOT
from postgresql import BIN, server

PATIENCE = 1500.0
"""Seconds after which a run is thought to hang."""
ARMS = ("process", "prm_outcome", "final_answer")
TRIALS = 6
PARTS = ("ray", "postgresql")


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Command:
    """A command of ours in a process of its own; what it says goes to a file."""

    def __init__(self, folder: Path, *words: object) -> None:
        self.said = folder / f"said-{time.time_ns()}.txt"
        with self.said.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *map(str, words)],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=file,
                stderr=file,
            )

    @property
    def over(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ends(self) -> int:
        """Its exit code."""
        return self.process.wait(PATIENCE)


def supervision(folder: Path, *more: object) -> Command:
    words = ("run", "supervision", "--scale=smoke", f"--store={folder / 'store'}", f"--out={folder / 'out'}")
    return Command(folder, "ablations", *words, *more)


def manifests(folder: Path) -> dict[str, Path]:
    """The artifacts that stand, by address."""
    store = folder / "store"
    return {str(path.parent.relative_to(store)): path for path in store.glob("[a-z]*/*/manifest.json")}


def marks(folder: Path) -> dict[str, tuple[int, int]]:
    """What changes when an artifact is made anew."""
    return {name: (path.stat().st_ino, path.stat().st_mtime_ns) for name, path in manifests(folder).items()}


def wait_for(command: Command, folder: Path, count: int) -> None:
    """Until so many artifacts stand."""
    end = time.monotonic() + PATIENCE
    while len(manifests(folder)) < count:
        assert not command.over, f"it ended too early:\n{command.said.read_text()}"
        assert time.monotonic() < end, f"{len(manifests(folder))} of {count} artifacts stand"
        time.sleep(0.05)


def check_same(calm: Path, folder: Path, seen: dict[str, tuple[int, int]]) -> None:
    """Every artifact is there, as in the calm run, and those seen before were not made again."""
    from results.records import read_records

    ours, theirs = manifests(folder), manifests(calm)
    assert ours.keys() == theirs.keys(), f"lost or too many: {sorted(ours.keys() ^ theirs.keys())}"
    other = [name for name in ours if ours[name].read_bytes() != theirs[name].read_bytes()]
    assert not other, f"not as in the calm run: {other}"
    again = [name for name, mark in seen.items() if marks(folder)[name] != mark]
    assert not again, f"made twice: {again}"
    name = "out/records.parquet"
    assert (folder / name).read_bytes() == (calm / name).read_bytes(), "other records"
    for left in (".tmp", ".scratch", ".locks", ".tokens"):
        found = [path.name for path in (folder / "store" / left).glob("*")]
        # a killed driver cannot take its token away
        assert not found or left == ".tokens", f"left over in {left}: {found}"
    cells = read_records(folder / name)["cell"].dropna().unique()
    say(f"   {len(ours)} artifacts and {len(cells)} cells, none lost or doubled, all as in the calm run")


@contextmanager
def cluster_of_two() -> Iterator[Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = str(ROOT)
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        yield cluster
    finally:
        cluster.shutdown()


def node_removed(calm: Path, folder: Path, lucky: random.Random) -> None:
    total = len(manifests(calm))
    with cluster_of_two() as cluster:
        command = supervision(folder, "--executor=ray", f"--address={cluster.address}")
        count = lucky.randint(total // 4, total // 2)
        wait_for(command, folder, count)
        time.sleep(lucky.random())
        seen = marks(folder)
        (node,) = cluster.worker_nodes
        cluster.remove_node(node, allow_graceful=False)
        say(f"   {len(seen)} of {total} artifacts stood when one of two nodes went, without a word")
        wait_for(command, folder, min(total - 4, len(seen) + 4))
        cluster.add_node(num_cpus=1)
        say(f"   {len(manifests(folder))} stood when another joined")
        code = command.ends()
        assert code == 0, f"it ended with code {code}:\n{command.said.read_text()}"
    check_same(calm, folder, seen)


def driver_killed(calm: Path, folder: Path, lucky: random.Random) -> None:
    total = len(manifests(calm))
    seen: dict[str, tuple[int, int]] = {}
    with cluster_of_two() as cluster:
        for count in sorted(lucky.sample(range(2, total - 6), 3)):
            command = supervision(folder, "--executor=ray", f"--address={cluster.address}")
            wait_for(command, folder, max(count, len(seen) + 1))
            time.sleep(lucky.random())
            command.kill()
            time.sleep(2.0)  # what its workers publish as they end is published
            now = marks(folder)
            assert {name: now.get(name) for name in seen} == seen, "an artifact was made twice"
            seen = now
            say(f"   {len(seen)} of {total} artifacts stood when the driver was killed")
        command = supervision(folder, "--executor=ray", f"--address={cluster.address}")
        code = command.ends()
        assert code == 0, f"it ended with code {code}:\n{command.said.read_text()}"
    check_same(calm, folder, seen)


def server_restarted(calm: Path, folder: Path, lucky: random.Random) -> None:
    from sweeps.study import PLANNED, Studies, failed, finished, missing, planned, storage_of

    shutil.copytree(calm / "store", folder / "store")
    with server(folder) as database:
        words = ["run", "reward_models", "--scale=smoke", f"--trials={TRIALS}", "--workers=2"]
        places = [f"--storage={database.url}", f"--store={folder / 'store'}", f"--out={folder / 'out'}"]
        words += ["--heartbeat=2", *places]

        def over() -> int:
            storage = storage_of(database.url)
            with Studies(name="reward_models-smoke-facts", arms=ARMS, storage=storage) as studies:
                return sum(len(finished(studies.study(arm))) for arm in ARMS)

        over()  # makes the tables: two who begin at once would collide
        command = Command(folder, "sweeps", *words)
        count = lucky.randint(3, 2 * TRIALS)
        while over() < count:
            assert not command.over, f"it ended too early:\n{command.said.read_text()}"
            time.sleep(0.5)
        database.stop()
        say(f"   {count} of {3 * TRIALS} trials were over when the server went down")
        time.sleep(3.0)
        database.start()
        say("   it is up again")
        starts = 1
        while (code := command.ends()) != 0:
            say(f"   the sweep ended with code {code}: {command.said.read_text().strip().splitlines()[-1]}")
            assert starts < 4, command.said.read_text()
            time.sleep(7.0)  # three heartbeats: trials that went down with it are found by their silence
            command = Command(folder, "sweeps", *words)
            starts += 1
        tried_again = 0
        storage = storage_of(database.url)
        with Studies(name="reward_models-smoke-facts", arms=ARMS, storage=storage) as studies:
            for arm in ARMS:
                study = studies.study(arm)
                numbers = [one.user_attrs[PLANNED] for one in finished(study)]
                assert numbers == list(range(TRIALS)), f"{arm}: over are {numbers} of {TRIALS}"
                assert missing(study) == [], f"{arm}: missing are {missing(study)}"
                tried_again += len(failed(study))
                counts = Counter(one.user_attrs[PLANNED] for one in study.trials if planned(one))
                assert max(counts.values()) <= 2, f"{arm}: tried more than once more: {counts}"
    say(f"   {3 * TRIALS} trials, none lost or doubled; {tried_again} tried again, {starts} starts in all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    if "postgresql" in arguments.parts and BIN is None:
        parser.error("PostgreSQL's initdb and postgres are not installed; --parts ray does without")
    lucky = random.Random(arguments.seed)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as place:

        def folder(name: str) -> Path:
            made = Path(place) / name
            made.mkdir()
            return made

        say(f"seed {arguments.seed}, in {place}")
        calm = folder("calm")
        say("1. supervision at scale smoke by two processes")
        code = supervision(calm, "--workers=2").ends()
        assert code == 0, f"it ended with code {code}"
        say(f"   {len(manifests(calm))} artifacts")
        if "ray" in arguments.parts:
            say("2. on a Ray cluster, a node removed")
            node_removed(calm, folder("node"), lucky)
            say("3. on a Ray cluster, the driver killed three times")
            driver_killed(calm, folder("driver"), lucky)
        if "postgresql" in arguments.parts:
            say("4. a sweep, its PostgreSQL server restarted")
            server_restarted(calm, folder("sweep"), lucky)
    say(f"all is well, after {(time.monotonic() - start) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
