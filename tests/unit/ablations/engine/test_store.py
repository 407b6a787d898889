import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from toy_steps import Text

from ablations.engine.step import Step, apart, execute
from ablations.engine.store import NOT_MADE, Store


@dataclass(frozen=True)
class TwoFiles(Text):
    def write(self, folder):
        super().write(folder)
        (folder / "sub").mkdir()
        (folder / "sub" / "more.txt").write_text("more")


@dataclass(frozen=True, kw_only=True, eq=False)
class Write(Step[TwoFiles], name="write"):
    text: str

    def run(self, context):
        return TwoFiles(self.text)


def task(text="hello"):
    return Write(text=text, label="a text")


def make(store, one, execute=execute):
    return store.make(one, lambda fraction: None, execute)


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_an_artifact_holds_its_files_and_a_manifest(tmp_path):
    store = Store(tmp_path)
    assert store.fault(task()) == NOT_MADE
    assert make(store, task()) is not None
    key = task().key
    assert store.path(task()) == tmp_path / "write" / key
    manifest = json.loads((store.path(task()) / "manifest.json").read_text())
    assert manifest == {
        "step": "write",
        "version": 1,
        "key": key,
        "config": {"text": "hello"},
        "inputs": {},
        "files": {
            "text.txt": {"bytes": 5, "sha256": hashlib.sha256(b"hello").hexdigest()},
            "sub/more.txt": {"bytes": 4, "sha256": hashlib.sha256(b"more").hexdigest()},
        },
    }
    folder = f"write/{key}"
    assert files(tmp_path) == {
        f"{folder}/manifest.json",
        f"{folder}/text.txt",
        f"{folder}/sub/more.txt",
        f"timings/{key}.json",
    }
    timing = store.timings()[key]
    assert (timing.step, timing.weight, timing.resumed) == ("write", 1.0, False) and timing.seconds > 0


def test_an_artifact_that_stands_is_not_made_again(tmp_path):
    store = Store(tmp_path)
    make(store, task())

    def never(*_):
        raise AssertionError

    assert store.verify(task()) and make(store, task(), never) is None


def test_two_stores_make_identical_artifacts(tmp_path):
    for name in ("one", "two"):
        make(Store(tmp_path / name), task())
    one, two = (tmp_path / name / "write" for name in ("one", "two"))
    assert files(one) == files(two)
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in files(one))


def spoil(name, content):
    def damage(folder):
        (folder / name).write_text(content)

    return damage


def edit_config(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"hello"', '"HELLO"'))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (spoil("text.txt", "jello"), "text.txt has another checksum"),
        (spoil("text.txt", "hell"), "text.txt has another checksum"),
        (spoil("manifest.json", "{"), "manifest.json cannot be read (JSONDecodeError"),
        (spoil("manifest.json", "[]"), "manifest.json cannot be read (TypeError"),
        (spoil("manifest.json", "{}"), "manifest.json cannot be read (KeyError: 'step'"),
        (edit_config, "manifest.json cannot be read (ValueError: its content does not give this key)"),
        (lambda folder: (folder / "text.txt").unlink(), "text.txt is missing"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing"),
    ],
)
def test_a_damaged_artifact_is_told_and_made_again(tmp_path, caplog, damage, why):
    make(Store(tmp_path), task())
    damage(Store(tmp_path).path(task()))
    store = Store(tmp_path)
    assert why in store.fault(task())
    assert not caplog.records  # to ask changes nothing
    assert not store.verify(task())
    (record,) = caplog.records
    assert record.getMessage().startswith(f"damaged artifact {task().address} (a text): {why}")
    assert "\n" not in record.getMessage()
    assert store.fault(task()) == NOT_MADE
    make(store, task())
    assert Store(tmp_path).fault(task()) is None


def test_checksums_once_then_sizes(tmp_path):
    make(Store(tmp_path), task())
    store = Store(tmp_path)
    assert store.verify(task())
    text = store.path(task()) / "text.txt"
    text.write_text("jello")
    assert store.fault(task()) is None  # the same size: only a new run looks at the content again
    text.write_text("hello!")
    assert store.fault(task()) == "text.txt has another size"


@dataclass(frozen=True, kw_only=True, eq=False)
class Glue(Step[Text], name="glue"):
    sep: str
    first: Step[Text]
    rest: tuple[Step[Text], ...]
    before: str = apart("")

    def run(self, context):
        texts = context.read_all((self.first, *self.rest))
        return Text(self.before + self.sep.join(text.text for text in texts))


def test_a_step_reads_its_inputs_and_what_is_apart(tmp_path):
    store = Store(tmp_path)
    parts = task("a"), task("b")
    for part in parts:
        make(store, part)
    glued = Glue(sep="-", first=parts[0], rest=parts, before="cpu ")
    make(store, glued)
    assert (store.path(glued) / "text.txt").read_text() == "cpu a-a-b"
    manifest = json.loads((store.path(glued) / "manifest.json").read_text())
    assert manifest["config"] == {"sep": "-"}
    assert manifest["inputs"] == {"first": parts[0].address, "rest": [part.address for part in parts]}
    assert manifest.keys() == {"step", "version", "key", "config", "inputs", "files"}

    (store.path(parts[1]) / "text.txt").unlink()
    with pytest.raises(FileNotFoundError, match=f"input {parts[1].address}: text.txt is missing"):
        make(store, Glue(sep="+", first=parts[0], rest=parts))


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda step, out, context: None, "step write wrote no file"),
        (lambda step, out, context: (out / "x").symlink_to("/tmp"), "step write wrote x"),
        (lambda step, out, context: (out / "manifest.json").touch(), "step write wrote manifest.json"),
    ],
)
def test_what_a_step_must_not_write(tmp_path, run, message):
    store = Store(tmp_path)
    with pytest.raises(ValueError, match=message):
        make(store, task(), run)
    assert store.fault(task()) == NOT_MADE and not any((tmp_path / ".tmp").iterdir())


def test_the_workspace_survives_a_failure_and_goes_when_the_artifact_stands(tmp_path):
    def in_two_goes(step, out, context):
        shard = context.scratch / "shard"
        if not shard.exists():
            shard.write_text("half")
            raise RuntimeError("first go")
        (out / "text.txt").write_text(shard.read_text() + step.text)

    store = Store(tmp_path)
    with pytest.raises(RuntimeError):
        make(store, task(), in_two_goes)
    assert (store.workspace(task().key) / "shard").read_text() == "half"
    make(store, task(), in_two_goes)
    assert (store.path(task()) / "text.txt").read_text() == "halfhello"
    assert store.timings()[task().key].resumed
    assert not any((tmp_path / ".scratch").iterdir())


SLOW = """
import sys, time
from ablations.engine.store import Store
from test_store import task

def slow(step, out, context):
    (out / "half.txt").write_text("half")
    print("begun", flush=True)
    time.sleep(60)

Store(sys.argv[1]).make(task(), print, slow)
"""


def test_clean_spares_the_living_and_clears_up_after_the_dead(tmp_path):
    command = [sys.executable, "-c", SLOW, str(tmp_path)]
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}) as process:
        try:
            assert process.stdout.readline() == b"begun\n"
            (half,) = (tmp_path / ".tmp" / task().key).glob("*/half.txt")
            Store(tmp_path).clean()
            assert half.exists()
        finally:
            process.kill()
    assert half.exists()
    Store(tmp_path).clean()
    assert not half.exists() and make(Store(tmp_path), task()) is not None


def test_clean_deletes_the_workspace_of_an_artifact_that_stands(tmp_path):
    store = Store(tmp_path)
    make(store, task())
    left, wanted = store.workspace(task().key), store.workspace(task("other").key)
    store.clean()
    assert not left.exists() and wanted.exists()


def test_one_of_two_at_once_makes_it_and_the_other_waits(tmp_path):
    runs = []

    def count(step, out, context):
        runs.append(out)
        time.sleep(0.1)
        execute(step, out, context)

    results = []
    threads = [
        threading.Thread(target=lambda: results.append(make(Store(tmp_path), task(), count)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 1 and sorted(result is None for result in results) == [False, True, True, True]


def test_where_locks_do_not_hold_two_makers_do_not_mix_their_files(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)

    def overtaken(step, out, context):
        Text(step.text).write(out)
        assert make(Store(tmp_path), task(), in_an_empty_folder) is not None
        (out / "sub").mkdir()
        (out / "sub" / "more.txt").write_text("more")

    def in_an_empty_folder(step, out, context):
        assert list(out.iterdir()) == []
        execute(step, out, context)

    make(Store(tmp_path), task(), overtaken)
    assert Store(tmp_path).fault(task()) is None
    assert (Store(tmp_path).path(task()) / "text.txt").read_text() == "hello"
    assert not any((tmp_path / ".tmp").iterdir()) and not any((tmp_path / ".scratch").iterdir())


def test_where_locks_do_not_hold_the_first_artifact_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)

    def overtaken(step, out, context):
        execute(step, out, context)
        other = tmp_path / "elsewhere"
        make(Store(other), task())
        (tmp_path / "write").mkdir()
        Store(other).path(task()).rename(tmp_path / task().address)
        (tmp_path / task().address / "first").touch()

    store = Store(tmp_path)
    make(store, task(), overtaken)
    assert (store.path(task()) / "first").exists() and store.fault(task()) is None
    assert not any((tmp_path / ".tmp").iterdir())


def test_a_lock_is_waited_for_or_refused(tmp_path):
    one, two = Store(tmp_path), Store(tmp_path)
    with one.lock("k") as held:
        assert held
        with two.lock("k", wait=False) as again:
            assert not again
        with two.lock("other", wait=False) as other:
            assert other
    with two.lock("k", wait=False) as again:
        assert again
    assert not any((tmp_path / ".locks").iterdir())
