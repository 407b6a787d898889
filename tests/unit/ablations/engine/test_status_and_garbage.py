"""How a run stands and which artifacts nobody needs, on stores made by hand."""

import threading
import time
from dataclasses import dataclass

import pytest
from toy_steps import Text

from ablations.engine.garbage import find_unused
from ablations.engine.status import describe_statuses, describe_store, seconds_left, task_statuses
from ablations.engine.step import Step, execute
from ablations.engine.store import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class Write(Step[Text], name="write"):
    size: int

    def run(self, context):
        return Text("x" * self.size)


def task(size, **fields):
    return Write(size=size, label=f"write {size}", **fields)


def make(store, one):
    store.make(one, lambda fraction: None)


@pytest.fixture
def running(tmp_path):
    """A store and a task that a thread is in the middle of."""
    store, one, began, go_on = Store(tmp_path), task(3), threading.Event(), threading.Event()

    def wait(step, out, context):
        began.set()
        assert go_on.wait(60)
        execute(step, out, context)

    thread = threading.Thread(target=lambda: Store(tmp_path).make(one, lambda fraction: None, wait))
    thread.start()
    assert began.wait(60)
    yield store, one
    go_on.set()
    thread.join()
    assert store.fault(one) is None  # looking on did it no harm


def test_a_task_of_each_state(running):
    store, runs = running
    done, failed, waits = task(1), task(2), task(4)
    make(store, done)
    store.write_failure(failed.key, "write 2\n\nTraceback\nValueError: too big\n")
    found = task_statuses([done, runs, failed, waits], store)
    assert [one.state for one in found] == ["done", "running", "failed", "waiting"]
    assert 0 <= found[1].elapsed < 60 and found[2].message == "ValueError: too big"
    said = describe_statuses(found, store).splitlines()
    assert said[1].split() == ["write", "1", "1", "1", "1"]
    assert said[2].startswith("4 tasks: 1 done, 1 running, 1 failed, 1 waiting; about ")
    assert said[3].startswith("running for ") and said[3].endswith(": write 3")
    assert said[4] == f"failed: write 2: ValueError: too big ({store.failure_file(failed.key)})"


def test_a_store_as_a_whole(running):
    store, _ = running
    failed = task(2)
    make(store, task(1))
    store.write_failure(failed.key, "write 2\n\nTraceback\nValueError: too big\n")
    said = describe_store(store).splitlines()
    assert said[1].split() == ["write", "1"]
    assert said[2].startswith("running for ") and said[2].endswith(": write 3")
    assert said[3:] == [f"failed: write 2: ValueError: too big ({store.failure_file(failed.key)})"]


def test_the_time_that_is_left(running):
    """The running one has had its estimate; the other two take 10 and 20 seconds, one after the other."""
    store, runs = running
    others = [task(5, weight=10.0), task(6, weight=20.0)]
    time.sleep(1.1)  # the running one's estimate is 1 second
    assert seconds_left(task_statuses([runs, *others], store), store) == pytest.approx(30)
    assert seconds_left(task_statuses([], store), store) == 0


def test_what_a_killed_process_left_is_not_running(tmp_path):
    one = task(1)
    (tmp_path / ".tmp" / one.key).mkdir(parents=True)
    (tmp_path / ".locks").mkdir()
    (tmp_path / ".locks" / one.key).touch()
    assert task_statuses([one], Store(tmp_path))[0].state == "waiting"


def test_a_failure_is_over_when_the_artifact_stands(tmp_path):
    store, one = Store(tmp_path), task(1)
    store.write_failure(one.key, "")
    assert task_statuses([one], store)[0].state == "failed"
    make(store, one)
    assert task_statuses([one], store)[0].state == "done" and store.failure(one.key) is None


def test_what_no_run_refers_to_is_found_and_removed(tmp_path):
    store, kept, lost = Store(tmp_path), task(10), task(1000)
    for one in (kept, lost):
        make(store, one)
    found = find_unused(store, {kept.address})
    manifest = (store.path(lost) / "manifest.json").stat().st_size
    assert found == {lost.address: 1000 + manifest}
    assert store.addresses() == sorted([kept.address, lost.address])  # nothing is removed yet
    assert store.discard(lost.address)
    assert store.addresses() == [kept.address] and store.fault(kept) is None and not store.verify(lost)
    assert find_unused(store, {kept.address}) == {}
    make(store, lost)
    assert store.fault(lost) is None


def test_what_some_process_works_on_is_not_removed(running):
    store, runs = running
    make(store, task(1))
    with store.lock(task(1).key):
        assert not any(map(store.discard, find_unused(Store(store.root), set())))
    assert [address for address in find_unused(store, set()) if store.discard(address)] == [task(1).address]
    assert task_statuses([runs], store)[0].state == "running"
