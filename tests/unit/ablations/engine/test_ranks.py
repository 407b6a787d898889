"""Steps that are run by several processes together: on ranks that their owner starts, and under torchrun."""

import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import toy_ranks
from processes import finish, forked
from toy_steps import named, text_of

from ablations.engine.machine import Machine
from ablations.engine.ranks import LAUNCHERS, Devices, RankFailed, check_devices, check_gpus
from ablations.engine.run import run_tasks
from ablations.engine.schedule import RunFailed
from ablations.engine.store import Store
from lightning_modules.process_group import Group

HELPERS = Path(toy_ranks.__file__).parent


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No launcher's variables are there; processes that are started find the steps."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HELPERS), str(HELPERS.parents[1])]))
    for name in LAUNCHERS:
        monkeypatch.delenv(name, raising=False)


def notes_of(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()]


def gone(pid: int) -> bool:
    """Whether a process has ended, or is ending, within some seconds."""
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def torchrun(rank: int, size: int, port: int) -> dict[str, str]:
    """What torchrun tells the processes that it starts on one machine."""
    ranks = {"RANK": str(rank), "LOCAL_RANK": str(rank), "GROUP_RANK": "0", "ROLE_RANK": str(rank)}
    sizes = {"WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size), "GROUP_WORLD_SIZE": "1"}
    master = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "toy"}
    return {**ranks, **sizes, **master}


def test_all_ranks_compute_and_the_first_writes(tmp_path):
    """Two ranks, 1 + 2 and 10 + 10; a step that cannot be spread runs in the owner."""
    store, notes = Store(tmp_path / "store"), tmp_path / "notes"
    (task,) = toy_ranks.tasks(notes, {"n": 1})
    run_tasks([task], store, 1, machine=Machine(devices=Devices(devices=2)))
    assert text_of(store, task) == "[3.0, 20.0]"
    said = notes_of(notes)
    assert sorted(line[1] for line in said if line[0] == "1") == ["0", "1"]
    assert [line[2:6] for line in said[:2]] == [["of", "2", "on", "1"]] * 2 and said[2:] == [["alone"]]
    assert all(gone(int(line[6])) for line in said[:2])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_rank_that_dies_or_fails_ends_its_task_alone(tmp_path, workers):
    store, notes = Store(tmp_path / "store"), tmp_path / "notes"
    tasks = toy_ranks.tasks(notes, {"n": 1, "die": 1}, {"n": 2, "fail": 0}, {"n": 3})
    with pytest.raises(RunFailed) as failed:
        run_tasks(tasks, store, workers, machine=Machine(devices=Devices(devices=2)))
    told = sorted(f"{one.kind}: {one.message}" for one in failed.value.failures)
    assert told == [
        "RankFailed: rank 0: ValueError: n: found no luck; allowed: some",
        "RankFailed: rank 1 was ended by SIGKILL",
    ]
    assert [store.verify(task) for task in tasks] == [False, False, True]
    assert all(gone(int(line[6])) for line in notes_of(notes) if len(line) > 1)
    assert list((store.root / ".tmp").iterdir()) == []


def test_the_owner_stops_the_ranks(tmp_path):
    """As it does when a trial has no prospects: what it hears makes it raise, and nothing is left."""
    store, notes = Store(tmp_path / "store"), tmp_path / "notes"
    (task,) = toy_ranks.tasks(notes, {"n": 1, "wait": 600})
    heard = []

    def report_validation(share: float, value: float) -> None:
        heard.append((share, value))
        raise InterruptedError("no prospects")

    two = Devices(devices=2).execute
    with pytest.raises(InterruptedError, match="no prospects"):
        store.make(task.before, lambda done: None, two, report_validation)
    assert heard == [(0.5, 0.25)]
    assert all(gone(int(line[6])) for line in notes_of(notes))
    assert store.addresses() == [] and list((store.root / ".tmp").iterdir()) == []


def test_under_torchrun_the_ranks_that_it_started_run_the_steps(tmp_path):
    """Both tasks are computed by the same two processes, and the pipeline is run by the first alone."""
    notes = tmp_path / "notes"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = toy_ranks.under_a_launcher, tmp_path / "store", notes
    finish([forked(*given, **torchrun(rank, 2, port)) for rank in range(2)])
    said = notes_of(notes)
    assert len([line for line in said if line == ["alone"]]) == 2
    ranks = [tuple(line[:2]) for line in said if len(line) > 1]
    assert sorted(ranks) == [("1", "0"), ("1", "1"), ("2", "0"), ("2", "1")]
    assert len({line[6] for line in said if len(line) > 1}) == 2
    tasks = toy_ranks.tasks(notes, {"n": 1}, {"n": 2})
    assert all(text_of(Store(tmp_path / "store"), task) == "[3.0, 20.0]" for task in tasks)


@pytest.mark.parametrize(
    ("given", "group", "message"),
    [
        (dict(devices=0), Group(), "devices: found 0; allowed: 1 or more"),
        (dict(nodes=0), Group(), "nodes: found 0; allowed: 1 or more"),
        (dict(strategy="magic"), Group(), "strategy: found 'magic'; allowed: auto, ddp, fsdp"),
        (dict(nodes=2), Group(), "nodes: found 2; allowed: 1, or more under torchrun or SLURM"),
        (dict(devices=4), Group(size=4, nodes=2), "devices: found 4; allowed: 2, as many as were started"),
        (dict(nodes=3), Group(size=4, nodes=2), "nodes: found 3; allowed: 2, as many as were started"),
    ],
)
def test_devices_that_cannot_be(given, group, message):
    with pytest.raises(ValueError, match=message):
        Devices(**given).in_group(group)


def test_devices_are_those_that_were_started():
    found = Devices().in_group(Group(rank=3, size=4, nodes=2))
    assert (found.devices, found.nodes, found.group.rank) == (2, 2, 3)
    assert Devices(devices=3).in_group(Group()) == Devices(devices=3)


def test_a_group_of_one_needs_no_other():
    values = np.arange(3.0)
    assert Group().sum(values) is values and Group().share("x") == "x" and Group().first
    assert issubclass(RankFailed, RuntimeError) and named("x")().parents == ()


def test_gpus_that_are_not_there(monkeypatch):
    train = named("train")
    check_devices([train(device="cpu"), toy_ranks.Alone(before=train(), notes="")], 8)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="device: found cuda, but no such device; allowed: cpu"):
        check_devices([train(), train(device="cuda")])
    with pytest.raises(ValueError, match="device: found cuda, but no such device; allowed: cpu"):
        check_gpus(["cpu", "cuda"])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_devices([train(device="cuda")], 2)
    check_gpus({"cuda"}, 2)
    with pytest.raises(ValueError, match="devices: found 3; allowed: up to 2, the GPUs of this machine"):
        check_devices([train(device="cuda")], 3)
    with pytest.raises(ValueError, match="devices: found 3; allowed: up to 2, the GPUs of this machine"):
        check_gpus({"cuda"}, 3)
    with pytest.raises(ValueError, match="attention: found flash_attention_2, which is not installed"):
        check_devices([train(device="cuda", attention="flash_attention_2")])
    for attention in ("flex_attention", "flash_attention_2"):
        with pytest.raises(ValueError, match=f"attention: found {attention} on device cpu; allowed: sdpa"):
            check_devices([train(attention=attention)])
