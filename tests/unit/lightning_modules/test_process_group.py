"""How the processes of a group find each other, and what is said when some are missing."""

import socket
import threading
from datetime import timedelta

import pytest

from lightning_modules.process_group import check_slurm, meet

SHORT = timedelta(seconds=0.3)
NAMES = ("SLURM_NTASKS_PER_NODE", "SLURM_STEP_NUM_TASKS", "SLURM_SRUN_COMM_HOST")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_processes_that_are_all_started_find_each_other(port: int) -> None:
    found = []
    second = threading.Thread(target=lambda: found.append(meet("127.0.0.1", port, 1, 2)))
    second.start()
    store = meet("127.0.0.1", port, 0, 2)
    second.join()
    store.set("said", "by the first")
    assert found[0].get("said") == b"by the first"
    assert store.timeout == timedelta(minutes=30)  # of what comes after the start


def test_ranks_that_were_not_started_are_named(port: int) -> None:
    with pytest.raises(ValueError, match=f"launcher: found no rank 1, 2 of 3 at 127.0.0.1:{port} within"):
        meet("127.0.0.1", port, 0, 3, SHORT)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        nobody = other.getsockname()[1]  # it does not listen
        with pytest.raises(ValueError, match=f"rank 1 cannot reach rank 0 of 2 at 127.0.0.1:{nobody}"):
            meet("127.0.0.1", nobody, 1, 2, SHORT)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "^launcher: found SLURM_NTASKS=2, but this process is the only one, because srun did not"),
        (
            {"SLURM_STEP_NUM_TASKS": "2"},
            "found SLURM_NTASKS=2 without SLURM_NTASKS_PER_NODE; allowed: --",
        ),
    ],
)
def test_a_slurm_job_that_was_not_started_as_it_says(
    given: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"SLURM_NTASKS": "2", **given}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        check_slurm()
    monkeypatch.setenv("SLURM_NTASKS", "1")
    check_slurm()
