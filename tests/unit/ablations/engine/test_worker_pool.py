"""A pool of processes: jobs that die or hang fail alone, and processes are replaced."""

import multiprocessing
import os
import signal

import pytest
import toy_workers

from ablations.engine.worker_pool import PROGRESS, Lost, WorkerPool


def start(connection, number):
    process = multiprocessing.get_context("spawn").Process(target=toy_workers.work, args=(connection, number))
    process.start()
    return process


def done(commands, path="", workers=1, **how):
    left = list(commands)
    with WorkerPool(workers, start, **how) as pool:
        found = list(pool.run(lambda: (left[0], (left.pop(0), str(path))) if left else None))
    assert multiprocessing.active_children() == []
    return found


def test_jobs_are_done_in_turn_and_progress_is_passed_on():
    assert done(["a", "tell", "b"]) == [
        ("a", ("done", 0)),
        ("tell", (PROGRESS, 0.5)),
        ("tell", ("done", 0)),
        ("b", ("done", 0)),
    ]


def test_two_processes_have_two_numbers():
    found = done(["a", "b", "c", "d"], workers=2)
    assert sorted(job for job, _ in found) == ["a", "b", "c", "d"]
    assert {number for _, (_, number) in found} <= {0, 1}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("die", "its process was ended by SIGKILL (out of memory?)"),
        ("exit", "its process exited with code 3"),
    ],
)
def test_a_job_whose_process_dies_is_lost_alone(command, why):
    assert done(["a", command, "b"]) == [
        ("a", ("done", 0)),
        (command, Lost(why=why, begun=True)),
        ("b", ("done", 0)),
    ]


def test_a_job_that_hangs_is_ended_at_its_limit():
    assert done(["hang", "a"], seconds=0.5) == [
        ("hang", Lost(why="its process took too long and was killed", begun=True)),
        ("a", ("done", 0)),
    ]


def test_a_death_before_a_job_begins_costs_nothing(tmp_path):
    assert done(["die before once", "a"], tmp_path / "died") == [
        ("die before once", ("done", 0)),
        ("a", ("done", 0)),
    ]


def test_a_job_that_no_process_begins_is_lost(tmp_path):
    why = "its process was ended by SIGKILL (out of memory?)"
    assert done(["die before", "a"], tmp_path / "died") == [
        ("die before", Lost(why=why, begun=False)),
        ("a", ("done", 0)),
    ]


def test_a_process_that_dies_between_runs_is_replaced():
    jobs = ["a", "b"]
    with WorkerPool(1, start) as pool:
        for job in jobs:
            left = [job]
            assert list(pool.run(lambda left=left: (left[0], (left.pop(), "")) if left else None)) == [
                (job, ("done", 0))
            ]
            (child,) = multiprocessing.active_children()
            os.kill(child.pid, signal.SIGKILL)
            child.join()


def test_what_is_interrupted_leaves_no_process():
    left = ["hang", "a"]
    with pytest.raises(KeyboardInterrupt), WorkerPool(2, start, patience=5) as pool:
        for _ in pool.run(lambda: (left[0], (left.pop(0), "")) if left else None):
            raise KeyboardInterrupt
    assert multiprocessing.active_children() == []
