import io
import os
import random
import re
import signal
import time

import pytest
from toy_steps import (
    Environment,
    ModelEnvironment,
    ModelPart,
    Part,
    alive,
    artifacts,
    joined,
    named,
    text_of,
    wait_until,
)

from ablations.engine.processes import default_workers
from ablations.engine.progress import Bars, Lines, duration, text_table
from ablations.engine.run import EXECUTORS, make_here, run_tasks
from ablations.engine.schedule import Rates, Run, RunFailed, path_seconds, total_seconds
from ablations.engine.store import Store

HERE = {"executor": "local", "workers": 1}


@pytest.mark.parametrize("executor", ["here", *EXECUTORS])
def test_runs_what_does_not_stand_once(toy, run_with, executor):
    how = HERE if executor == "here" else run_with(executor)
    parts = toy.parts(3)
    toy.run(parts[0])
    assert toy.noted()["part-0"] == 1
    every = joined(parts)
    toy.run(every, parts[1], every, **how)
    assert text_of(Store(toy.root), every) == "000 111 222"
    assert [toy.noted()[f"part-{n}"] for n in range(3)] == [1, 1, 1]
    assert toy.lines[0] == "tasks: 3 to do, 1 done before"
    toy.run(every, **how)
    assert toy.lines == []
    assert not any((toy.root / ".tmp").iterdir()) and not any((toy.root / ".scratch").iterdir())


def test_artifacts_do_not_depend_on_the_executor(toy, run_with):
    made = []
    for how in (HERE, *map(run_with, EXECUTORS)):
        toy.root = toy.folder / f"store{len(made)}"
        threads = Environment(variable="OMP_NUM_THREADS")
        toy.run(joined(toy.parts(3)), threads, **how)
        assert text_of(Store(toy.root), threads) == "1"
        made.append(artifacts(toy.root))
    assert made == [made[0]] * 3 and len(made[0]) == 8  # three parts and their join, each with its manifest


def test_standing_inputs_of_standing_targets_are_not_needed(toy):
    parts = toy.parts(2)
    toy.run(joined(parts))
    (Store(toy.root).path(parts[0]) / "text.txt").unlink()
    toy.run(joined(parts))
    assert toy.noted()["part-0"] == 1


def test_a_damaged_input_is_made_again(toy, caplog):
    parts = toy.parts(2)
    toy.run(*parts)
    (Store(toy.root).path(parts[0]) / "text.txt").write_text("999")
    toy.run(joined(parts))
    assert text_of(Store(toy.root), joined(parts)) == "000 111"
    assert (toy.noted()["part-0"], toy.noted()["part-1"]) == (2, 1)
    assert ["damaged artifact" in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize("executor", ["here", *EXECUTORS])
def test_failures_are_gathered_and_the_others_go_on(toy, run_with, executor):
    parts = toy.parts(4, _0="raise", _2="exit")
    every = joined(parts)
    some = joined(parts[3:])
    with pytest.raises(RunFailed) as failed:
        toy.run(every, some, **(HERE if executor == "here" else run_with(executor)))
    failures = {failure.task.label: failure for failure in failed.value.failures}
    assert set(failures) == {"part 0", "part 2"} and failed.value.blocked == (every,)
    assert (failures["part 0"].kind, failures["part 0"].message) == ("RuntimeError", "two")
    assert (failures["part 2"].kind, failures["part 2"].message) == ("SystemExit", "no more")
    here = [isinstance(failures[f"part {n}"].error, kind) for n, kind in ((0, RuntimeError), (2, SystemExit))]
    assert here == [executor == "here"] * 2
    story = failures["part 0"].traceback.read_text()
    assert failures["part 0"].traceback == toy.root / "failures" / f"{parts[0].key}.txt"
    assert story.startswith(f"part 0 ({parts[0].address})") and "in run\n    raise RuntimeError" in story
    table = str(failed.value).splitlines()
    assert table[0] == "tasks failed: 2; not tried because they need one of these: 1"
    assert any(re.match(r"part 0 +RuntimeError +two +\S+/failures/\w+\.txt", line) for line in table)
    assert sum("part 0: FAILED, RuntimeError: two" in line for line in toy.lines) == 1
    store = Store(toy.root)
    assert [store.fault(task) is None for task in (*parts, some, every)] == [
        False,
        True,
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("kind", [Part, ModelPart])  # whose workers are forked
def test_a_dead_worker_fails_its_task_and_is_replaced(toy, kind):
    # long enough that a task is left when the successor has started
    parts = toy.parts(5, seconds=0.5, kind=kind, _1="die")
    with pytest.raises(RunFailed) as failed:
        toy.run(*parts, workers=2)
    (failure,) = failed.value.failures
    assert (failure.task.label, failure.kind) == ("part 1", "WorkerDied")
    assert failure.message == "its process was ended by SIGKILL (out of memory?)"
    assert "last words" in failure.traceback.read_text()
    assert [Store(toy.root).fault(part) is None for part in parts] == [True, False, True, True, True]
    assert not any((toy.root / ".tmp").iterdir())
    assert len(toy.pids()) == 3  # the two at first, and the dead one's successor
    assert not any(map(alive, toy.pids()))


def test_a_failure_may_end_the_run(toy):
    parts = toy.parts(3, _1="raise")
    with pytest.raises(RunFailed) as failed:
        run_tasks(parts, Store(toy.root), 1, Lines(io.StringIO()), fail_fast=True)
    assert [failure.task for failure in failed.value.failures] == [parts[1]]
    assert toy.noted()["part-0"] == 1 and toy.noted()["part-2"] == 0


def test_a_failure_is_forgotten_when_the_task_succeeds(toy):
    (part,) = toy.parts(1)
    Store(toy.root).write_failure(part.key, "it failed before")
    toy.run(part)
    assert not any((toy.root / "failures").iterdir())


def test_killed_at_any_moment_it_goes_on_and_ends_the_same(toy):
    random_moment = random.Random(0)
    counts = {}
    for _ in range(5):
        process = toy.start()
        time.sleep(random_moment.uniform(0.2, 0.8))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        standing = {name.split("/")[1] for name in artifacts(toy.root) if name.endswith("manifest.json")}
        for part in toy.parts(8, 0.1):
            if part.key in standing:
                counts.setdefault(part.label, toy.noted()[part.label.replace(" ", "-")])
        wait_until(lambda: not any(map(alive, toy.pids())))  # no orphans
    process = toy.start()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    for label, count in counts.items():
        assert toy.noted()[label.replace(" ", "-")] == count, f"{label} was made again"
    assert all(count <= 2 for name, count in toy.noted().items() if name.startswith("shard"))
    assert not any((toy.root / ".tmp").iterdir()) and not any((toy.root / ".scratch").iterdir())

    interrupted, toy.root = artifacts(toy.root), toy.folder / "calm"
    toy.run(joined(toy.parts(8, 0.1)), workers=1)
    assert artifacts(toy.root) == interrupted and len(interrupted) == 18


def test_ctrl_c_stops_cleanly(toy):
    process = toy.start(count=2, seconds=30)
    wait_until(lambda: len(toy.pids()) == 2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    _, said = process.communicate(timeout=10)
    assert process.returncode == 130 and b"Traceback" not in said
    assert not any(map(alive, toy.pids())) and not any((toy.root / ".tmp").iterdir())


@pytest.mark.parametrize("kind", [Part, ModelPart])
def test_workers_do_not_outlive_a_killed_run(toy, kind):
    process = toy.start(count=2, seconds=300, kind=kind)
    wait_until(lambda: len(toy.pids()) == 2, 120)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    try:
        wait_until(lambda: not any(map(alive, toy.pids())))
    finally:
        for pid in filter(alive, toy.pids()):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def test_a_forked_worker_has_the_environment_of_its_run(toy, monkeypatch):
    """The process that it is forked from has that of the first run."""
    for name in ("TOY_1", "TOY_2"):
        monkeypatch.setenv(name, f"of {name}")
        step = ModelEnvironment(variable=name)
        toy.run(step, workers=2)
        assert text_of(Store(toy.root), step) == f"of {name}"


def test_two_runs_on_one_store_share_the_work(toy):
    runs = [toy.start(count=6, seconds=0.09) for _ in range(2)]
    for run in runs:
        _, said = run.communicate(timeout=20)
        assert run.returncode == 0, said
    assert {toy.noted()[f"part-{n}"] for n in range(6)} == {1}
    assert (Store(toy.root).path(joined(toy.parts(6, 0.09))) / "text.txt").exists()


@pytest.mark.parametrize("workers", [0, -1])
def test_workers_must_be_at_least_one(tmp_path, workers):
    with pytest.raises(ValueError, match=f"workers: found {workers}; allowed: 1 or more"):
        run_tasks([], Store(tmp_path), workers)
    assert default_workers() >= 1


def test_in_this_process_what_a_step_raises_is_raised(toy):
    store, told = Store(toy.root), []
    first, fails = toy.parts(2, _1="raise")
    make_here(joined((first,)), store, progress=lambda step, fraction: told.append((step, fraction)))
    assert text_of(store, joined((first,))) == "000"
    assert told == [(first, 1 / 3), (first, 2 / 3), (first, 1.0)]
    with pytest.raises(RuntimeError, match="one\ntwo"):
        make_here(joined((first, fails)), store)
    assert (toy.noted()["part-0"], toy.noted()["part-1"]) == (1, 1)  # what stands is not made again


def chain(*weights):
    tasks = []
    for n, weight in enumerate(weights):
        tasks.append(named("part")(n=(n, weights), of=tuple(tasks[-1:]), weight=weight, label=f"{n}"))
    return tasks


def test_path_and_total_seconds():
    long, short = chain(1.0, 2.0, 4.0), chain(5.0, 1.5)
    tasks = [*long, *short]
    path = path_seconds(tasks, lambda task: task.weight)
    # to the end of the chain: 1+2+4, 2+4, 4; 5+1.5, 1.5
    assert [path[task] for task in tasks] == [7.0, 6.0, 4.0, 6.5, 1.5]
    # 13.5 s of work: alone 13.5; two share it, 6.75 each, but the longest chain takes 7
    assert [total_seconds(tasks, lambda task: task.weight, workers) for workers in (1, 2, 9)] == [
        13.5,
        7.0,
        7.0,
    ]
    assert total_seconds([], lambda task: task.weight, 1) == 0.0


def test_rates_correct_weights_by_what_was_timed(tmp_path):
    rates = Rates(Store(tmp_path))
    part, other = named("part")(weight=3.0), named("join")(weight=1.0)
    assert rates.seconds(part) == 3.0
    rates.add("part", weight=1.0, seconds=4.0)
    rates.add("part", weight=3.0, seconds=4.0)
    # 8 seconds for 4 estimated: twice as long; a step never timed is judged by these and by 60 as planned
    assert (rates.seconds(part), rates.seconds(other)) == (6.0, (8 + 60) / (4 + 60))
    rates.add("join", weight=2.0, seconds=1.0)
    assert (rates.seconds(part), rates.seconds(other)) == (6.0, 0.5)


def test_the_longest_path_goes_first(tmp_path):
    long, short = chain(1.0, 2.0, 4.0), chain(5.0, 1.5)
    run = Run([short[-1], long[-1]], Store(tmp_path), 1, Lines(io.StringIO()))
    order = []
    while run.ready:
        task = run.take()
        order.append(task)
        run.finished(task, None)
    # 7 before 6.5; then 6.5 before 6; then 6 before 1.5, 4 before 1.5
    assert order == [long[0], short[0], long[1], long[2], short[1]]


def test_plain_lines(tmp_path):
    tasks = chain(10.0, 20.0, 30.0)
    path = tmp_path / "lines.txt"
    with path.open("w") as file:
        run = Run([tasks[-1]], Store(tmp_path), 2, Lines(file, silence=0.0))
        run.progressed(run.take(), 0.5)  # left: 5 + 20 + 30
        run.finished(tasks[0], 20.0)  # twice as long as estimated, so 40 + 60 are left
        run.take()
        run.failed(tasks[1], "ValueError", "bad", "story")
    assert path.read_text().splitlines() == [
        "tasks: 3 to do, 0 done before",
        "[0/3] running: 0 50%, about 55 s left",
        "[1/3] 0: 20 s, about 2 min left",
        "[3/3] 1: FAILED, ValueError: bad",
    ]


def test_no_line_for_mere_progress(tmp_path):
    path = tmp_path / "lines.txt"
    with path.open("w") as file:
        run = Run(chain(1.0), Store(tmp_path), 1, Lines(file))
        run.progressed(run.take(), 0.5)
    assert path.read_text() == "tasks: 1 to do, 0 done before\n"


def test_bars_show_the_run_and_each_running_task(tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    bars = Bars()
    tasks = chain(1.0, 3.0)
    run = Run(tasks, Store(tmp_path), 1, bars)
    try:
        run.progressed(run.take(), 0.5)
        shown = [(bar.description, bar.completed, bar.total) for bar in bars.bars.tasks]
        assert shown == [("0/2 tasks", 0.5, 4.0), ("0", 0.5, 1.0)]
        assert bars.bars.tasks[0].fields["note"] == "about 3.5 s left"  # half of 1, and 3
        run.finished(tasks[0], 1.0)
        assert [(bar.description, bar.completed) for bar in bars.bars.tasks] == [("1/2 tasks", 1.0)]
    finally:
        bars.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (89, "89 s"),
        (91, "2 min"),
        (5940, "99 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_text_table():
    assert (
        text_table(("a", "long"), [("bcd", "1"), ("e", "22")], right=(1,))
        == "a    long\nbcd     1\ne      22"
    )
