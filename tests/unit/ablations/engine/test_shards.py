"""Shards, and who makes them."""

import json
import threading

import pytest

from ablations.engine.locks import locked
from ablations.engine.progress import Json
from ablations.engine.shards import Shards, claim, counting


class Silent:
    """Told of shards; keeps what was ended, and how."""

    def __init__(self):
        self.ended = {}

    def start(self, number):
        pass

    def progressed(self, number, fraction):
        pass

    def end(self, number, seconds):
        self.ended[number] = seconds


def shards_of(folder, count):
    claim(folder, {"of": "this"})
    return Shards(folder=folder, stage="write", work=(1.0,) * count)


def write(number, path, progress):
    progress(0.5)
    path.write_text(str(number))


def test_what_is_finished_is_not_made_again(tmp_path):
    shards, made = shards_of(tmp_path / "shards", 3), []

    def interrupted(number, path, progress):
        made.append(number)
        path.write_text("half")
        if number == 1 and len(made) == 2:
            raise KeyboardInterrupt
        write(number, path, progress)

    with pytest.raises(KeyboardInterrupt):
        shards.finish(interrupted, Silent())
    assert shards.left() == [1, 2]
    shards.finish(interrupted, told := Silent())
    assert made == [0, 1, 1, 2] and told.ended.keys() == {1, 2}
    assert [file.read_text() for file in shards.files()] == ["0", "1", "2"]
    assert {path.name for path in shards.folder.iterdir()} == {
        "facts.json",
        *(file.name for file in shards.files()),
    }


def test_two_share_the_shards_and_each_is_made_once(tmp_path):
    shards, made = shards_of(tmp_path / "shards", 6), []
    both = threading.Barrier(2)

    def meeting(number, path, progress):
        if len(made) < 2:
            made.append(number)
            both.wait(30)  # each is at its first
        else:
            made.append(number)
        write(number, path, progress)

    tellers = Silent(), Silent()
    threads = [threading.Thread(target=shards.finish, args=(meeting, teller)) for teller in tellers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert sorted(made) == list(range(6)) and not shards.left()
    here = [{number for number, took in teller.ended.items() if took is not None} for teller in tellers]
    assert here[0] | here[1] == set(range(6)) and not here[0] & here[1] and all(here)


def test_the_shard_of_one_that_dies_is_made_by_another(tmp_path):
    """It is left for last, and awaited; the system gives back the lock of a process that is gone."""
    shards, made = shards_of(tmp_path / "shards", 3), []

    def noted(number, path, progress):
        made.append(number)
        write(number, path, progress)

    with locked(shards.file(0).with_suffix(".lock")):
        thread = threading.Thread(target=shards.finish, args=(noted, Silent()))
        thread.start()
        while len(made) < 2:
            assert thread.is_alive()
        assert made == [1, 2]
    thread.join(60)
    assert made == [1, 2, 0] and not shards.left()


def test_other_work_is_refused(tmp_path):
    claim(tmp_path / "shards", {"sizes": (1, 2)})
    claim(tmp_path / "shards", {"sizes": [1, 2]})
    with pytest.raises(ValueError, match="out: found shards of another cook in .* allowed: another out"):
        claim(tmp_path / "shards", {"sizes": (1, 3)}, "shards of another cook")


def test_shared_and_exclusive_locks(tmp_path):
    path = tmp_path / "lock"
    with locked(path, shared=True), locked(path, wait=False, shared=True) as also:
        assert also
        with locked(path, wait=False) as alone:
            assert not alone
    with locked(path, wait=False) as alone, locked(path, wait=False, shared=True) as also:
        assert alone and not also
    assert not path.exists()


def test_a_counter_tells_each_shard_once(tmp_path, capsys):
    shards = shards_of(tmp_path / "shards", 4)
    shards.file(3).touch()
    with counting(shards, Json()) as counter:
        counter.start(0)
        counter.progressed(0, 0.5)
        counter.start(0)  # another process waits for it
        counter.end(0, None)
        counter.end(0, 2.0)
        counter.start(1)
        counter.end(1, None)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (told[0]["total"], told[0]["standing"], told[0]["work"]) == (3, 1, 3.0)
    assert [(one["event"], one.get("label"), one.get("done")) for one in told[1:-1]] == [
        ("started", "shard 1 of 4", None),
        ("progressed", "shard 1 of 4", 0.5),
        ("ended", "shard 1 of 4", 1.0),
        ("started", "shard 2 of 4", None),
        ("ended", "shard 2 of 4", 2.0),
    ]
    assert counter.made == {0}
