"""Runs on a Ray cluster of two nodes; what all executors have in common is in test_run.py."""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest
import toy_ranks
import yaml
from toy_steps import Join, Meet, alive, artifacts, joined, named, text_of, wait_until

from ablations import engine
from ablations.engine import ray, ray_nodes
from ablations.engine.machine import Machine, Resources
from ablations.engine.ranks import Devices
from ablations.engine.run import run_tasks
from ablations.engine.schedule import RunFailed
from ablations.engine.store import Store

pytestmark = pytest.mark.slow
PATIENCE = 900
"""Seconds after which something is thought to hang, on a machine busy with other things too."""


@contextlib.contextmanager
def another_node(cluster, folder, **variables):
    """A third node, whose workers start in `folder` with other environment variables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in variables.items():
            patch.setenv(name, value)
        node = cluster.add_node(num_cpus=1)
    try:
        yield node
    finally:
        cluster.remove_node(node)


def pids_of(toy, name):
    """The processes that noted something, in their order."""
    return [int(line.split()[1]) for line in toy.noted_lines() if line.split()[0] == name]


def test_a_killed_worker_is_replaced_and_goes_on_from_its_shards(toy, run_with):
    (long,) = toy.parts(1, seconds=3.0)
    parts = (long, *toy.parts(4)[1:])

    def kill():
        wait_until(lambda: toy.noted()["shard-0-0"], PATIENCE)
        os.kill(pids_of(toy, "part-0")[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    toy.run(joined(parts), silence=0.0, **run_with("ray"))
    killer.join()
    noted = toy.noted()
    assert [noted[f"part-{n}"] for n in range(4)] == [2, 1, 1, 1]
    assert {count for name, count in noted.items() if name.startswith("shard")} == {1} and len(noted) == 16
    assert len(set(pids_of(toy, "part-0"))) == 2
    assert any("running: part 0 33%" in line for line in toy.lines)
    assert not any((toy.root / ".tmp").iterdir()) and not any((toy.root / ".scratch").iterdir())
    assert not any((toy.root / ".tokens").iterdir())

    killed, toy.root = artifacts(toy.root), toy.folder / "calm"
    toy.run(joined(parts))
    assert artifacts(toy.root) == killed


def test_a_task_that_kills_every_worker_fails(toy, run_with, monkeypatch):
    monkeypatch.setattr(ray, "RETRIES", 1)
    parts = toy.parts(3, _1="die")
    with pytest.raises(RunFailed) as failed:
        toy.run(joined(parts), **run_with("ray"))
    (failure,) = failed.value.failures
    assert (failure.task.label, failure.kind) == ("part 1", "WorkerDied")
    assert failure.message.startswith("its workers died, 2 times: ")
    assert "last words" in failure.traceback.read_text()
    assert [toy.noted()[f"part-{n}"] for n in range(3)] == [1, 2, 1]
    assert not any((toy.root / ".tmp").iterdir())


def test_a_killed_driver_leaves_nothing_that_its_successor_makes_twice(toy, run_with):
    how = run_with("ray")
    with toy.started(count=4, seconds=3.0, **how):
        wait_until(lambda: sum(name.startswith("part") for name in toy.noted()) >= 3, PATIENCE)
    orphans = {pid for pid in toy.pids() if alive(pid)}
    standing = [n for n, task in enumerate(toy.parts(4, 3.0)) if Store(toy.root).fault(task) is None]
    assert 1 <= len(standing) < 4
    toy.run(joined(toy.parts(4, 3.0)), **how)  # at once: the orphans may still hold their locks
    noted = toy.noted()
    assert [noted[f"part-{n}"] for n in standing] == [1] * len(standing)
    assert all(count <= 2 for count in noted.values())
    assert not any(map(alive, orphans))
    assert not any((toy.root / ".tmp").iterdir()) and not any((toy.root / ".scratch").iterdir())
    assert len(artifacts(toy.root)) == 10  # four parts and their join, each with its manifest


def test_a_ray_of_its_own_ends_with_the_driver(toy):
    with toy.started(count=2, seconds=3000.0, executor="ray"):
        wait_until(lambda: len(toy.pids()) == 2, PATIENCE)
    wait_until(lambda: not any(map(alive, toy.pids())), PATIENCE)


def test_a_node_that_does_not_see_the_store_is_named(toy, ray_cluster, ray_home, run_with, monkeypatch):
    """The path is the same for all, but leads from a node's working directory to another folder."""
    monkeypatch.chdir(ray_home)
    toy.root = Path(f"/proc/self/cwd/{toy.folder.name}/store")
    toy.run(*toy.parts(1), **run_with("ray"))  # the two nodes see it
    with another_node(ray_cluster, toy.folder) as node, pytest.raises(ValueError) as told:
        toy.run(*toy.parts(2), **run_with("ray"))
    message = str(told.value)
    assert f" ({node.node_ip_address}), which" in message and message.count("does not see") == 1
    assert message.endswith("; allowed: nodes that share the store and the code")
    assert "\n" not in message and toy.noted()["part-1"] == 0


def test_a_node_with_other_code_is_named(toy, ray_cluster, run_with):
    other = toy.folder / "other"
    ours = ray.__file__.removesuffix("/ablations/engine/ray.py")
    for room in ("ablations", "lightning_modules", "results"):
        shutil.copytree(f"{ours}/{room}", other / room, ignore=shutil.ignore_patterns("bases", "__pycache__"))
    with (other / "results" / "vocabulary.py").open("a") as file:
        file.write("# another version\n")
    path = os.pathsep.join([str(other), str(toy.folder)])
    with another_node(ray_cluster, toy.folder, PYTHONPATH=path), pytest.raises(ValueError) as told:
        toy.run(*toy.parts(1), **run_with("ray"))
    assert re.search(r"node \S+ \(\S+\), which has other code: sources \w{12} for \w{12};", str(told.value))


def test_a_node_that_joins_later_and_does_not_see_the_store_gets_no_task(
    toy, ray_cluster, ray_home, run_with
):
    root = f"/proc/self/cwd/{toy.folder.name}/store"
    how = run_with("ray") | {"workers": 3}
    hold = toy.folder / "hold"
    hold.touch()
    with toy.started(count=8, seconds=0.1, root=root, cwd=ray_home, **how) as process:
        wait_until(lambda: toy.noted()["part-0"], PATIENCE)
        with another_node(ray_cluster, toy.folder):
            silence = threading.Timer(PATIENCE, process.kill)
            silence.start()
            assert any(b"takes no part: it does not see the store" in line for line in process.stderr)
            silence.cancel()
            hold.unlink()
            _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert [toy.noted()[f"part-{n}"] for n in range(8)] == [1] * 8
    assert not (toy.folder / toy.folder.name).exists()


def test_what_is_asked_for():
    resources = Resources(cpus=2, gpus=0.5, memory=4)
    on_cpu, on_gpu = (named("train")(device=device) for device in ("cpu", "cuda"))
    assert resources.request(on_cpu) == {"CPU": 2, "memory": 4e9}
    assert resources.request(on_gpu) == {"CPU": 2, "GPU": 0.5, "memory": 4e9}
    assert resources.request(on_gpu, devices=2) == {"CPU": 4, "GPU": 1.0, "memory": 8e9}
    assert Resources().request(Join(parts=())) == {"CPU": 1.0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cpus": -1}, "resources.cpus: found -1; allowed: 0 or more"),
        ({"memory": float("inf")}, "resources.memory: found inf; allowed: 0 or more, and finite"),
        ({"gpus": 1.5}, "resources.gpus: found 1.5; allowed: 0 to 1, or a whole number"),
    ],
)
def test_impossible_resources(wrong, message):
    with pytest.raises(ValueError) as told:
        Resources(**wrong)
    assert str(told.value) == message


def test_more_than_any_node_has_is_told_at_once(toy, run_with):
    on_gpu = named("part")(device="cuda", label="big")
    with pytest.raises(ValueError, match=r"resources: found .*'GPU': 1.0.* for big; allowed: .*'GPU': 0"):
        toy.run(on_gpu, **run_with("ray"))


def test_four_tasks_of_half_a_processor_are_at_work_together(toy, run_with):
    four = [Meet(n=n, of=4, notes=str(toy.notes)) for n in range(4)]
    toy.run(*four, resources=Resources(cpus=0.5), **(run_with("ray") | {"workers": None}))
    assert len(toy.pids()) == 4


def test_two_processes_of_half_a_processor_compute_one_task(toy, ray_cluster):
    """Each asks for what a task of one process does, and a node must have all of it."""
    tasks = toy_ranks.tasks(toy.notes, {"n": 1})
    two = {"executor": "ray", "address": ray_cluster.address, "devices": Devices(devices=2)}
    with pytest.raises(ValueError, match=r"resources: found \{'CPU': 2.0\} for ranked; allowed: .*'CPU': 1"):
        run_tasks(tasks, Store(toy.root), 2, machine=Machine(**two))
    machine = Machine(**two, resources=Resources(cpus=0.5))
    run_tasks(tasks, Store(toy.root), 2, machine=machine)
    assert text_of(Store(toy.root), tasks[0]) == "[3.0, 20.0]"


def test_one_task_at_a_time_the_longest_path_first(toy, run_with):
    short, long = toy.parts(2)
    after = Join(parts=(long,), weight=9.0)
    toy.run(short, after, **(run_with("ray") | {"workers": 1}))
    assert [line.split()[0] for line in toy.noted_lines() if line.startswith("part")] == ["part-1", "part-0"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere", "address: found nowhere; allowed: HOST:PORT of a running Ray cluster, or auto"),
        ("ray://127.0.0.1:10001", "allowed: HOST:PORT of a running Ray cluster, or auto"),
        ("127.0.0.1:9", "address: found 127.0.0.1:9, where nothing answers"),
    ],
)
def test_no_cluster_there(toy, address, message):
    with pytest.raises(ValueError) as told:
        toy.run(*toy.parts(1), executor="ray", address=address)
    assert message in str(told.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"executor": "dask"}, "executor: found 'dask'; allowed: local, ray"),
        ({"address": "auto"}, "address: found auto; allowed: only with executor ray"),
        (
            {"resources": Resources(cpus=2)},
            "memory=0.0); allowed: only with executor ray",
        ),
    ],
)
def test_arguments_that_do_not_go_together(toy, more, message):
    with pytest.raises(ValueError) as told:
        toy.run(*toy.parts(1), **more)
    assert message in str(told.value)


def test_without_ray_it_says_what_to_install(toy, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for module in (ray, ray_nodes):
        monkeypatch.delitem(sys.modules, module.__name__)
    monkeypatch.delattr(engine, "ray")
    with pytest.raises(
        ValueError, match=r"^executor: found ray, which is not installed; .* pip install '.\[ray\]'"
    ):
        run_tasks(toy.parts(1), Store(toy.root), machine=Machine(executor="ray"))


def test_an_experiment_through_the_command_line(smoke, unfinished, python_m, tmp_path):
    """On a Ray of its own: every artifact, and so the records, is what processes made, to the byte."""
    store, out = unfinished, tmp_path / "out"
    stood = len(list(store.glob("[a-z]*/*/manifest.json")))
    argv = (*smoke.argv[:-2], "--executor=ray", "--log-format=json", f"--store={store}", f"--out={out}")
    done = python_m("ablations", *argv)
    ours, theirs = (
        {str(path.relative_to(root)): path.read_bytes() for path in root.glob("[a-z]*/*/manifest.json")}
        for root in (store, smoke.store)
    )
    assert ours == theirs and len(ours) > 20
    assert (out / "records.parquet").read_bytes() == (smoke.out / "records.parquet").read_bytes()
    events = [json.loads(line) for line in done.stderr.splitlines()]  # and nothing else is said
    assert sum(event["event"] == "ended" for event in events) == len(ours) - stood > 10
    assert done.stdout.replace(str(out), str(smoke.out)) == smoke.stdout
    for folder in (".tmp", ".scratch", ".locks", ".tokens"):
        assert list((store / folder).iterdir()) == []
    written = yaml.safe_load((out / "run.yaml").read_text())
    assert (written["executor"], written["address"]) == ("ray", None)
    assert written["resources"] == {"cpus": 1.0, "gpus": 1.0, "memory": 0.0}
