import errno
import hashlib
import os
from pathlib import Path

import pytest

from ablations.commands import cli
from ablations.engine.files import check_new, check_output, exclusive, new_folder
from ablations.engine.step import canonical
from ablations.engine.user_file import UserFile
from results.writing import write_text


def test_an_output_is_checked_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    for path, folder, message in (
        (tmp_path, False, f"out: found the folder {tmp_path}; allowed: a file, or a new one"),
        (tmp_path / "file", True, f"out: found the file {tmp_path}/file; allowed: a folder, or a new one"),
        (
            tmp_path / "file" / "a" / "b",
            False,
            f"out: found {tmp_path}/file/a/b, below the file {tmp_path}/file; allowed: a path below folders",
        ),
        # 255 bytes are the most; 32 are left for endings; each letter here is 2 bytes: 112 * 2 = 224
        (
            tmp_path / ("é" * 112),
            False,
            f"out: found a name of 224 bytes ({'é' * 20}...); allowed: 223 or fewer",
        ),
        (
            tmp_path / ("a" * 224) / "b",
            False,
            f"out: found a name of 224 bytes ({'a' * 20}...); allowed: 223",
        ),
    ):
        with pytest.raises(ValueError) as error:
            check_output(path, "out", folder=folder)
        assert str(error.value).startswith(message)
    check_output(tmp_path / "new" / "a.jsonl", "out")
    check_output(tmp_path / ("a" * 223), "out")
    check_new(tmp_path / "b", "out")
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_that_cannot_be_written_is_said_before_any_work(tmp_path, capsys, monkeypatch):
    def refused(self, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "touch", refused)
    assert cli.main(["grade", "no.jsonl", "--out", str(tmp_path / "b.jsonl")]) == 2
    assert capsys.readouterr().err == (
        f"ablations: out: found {tmp_path}, in which no file can be made (Read-only file system); allowed: a "
        "folder that can be written\n"
    )


def test_two_processes_do_not_write_one_output(tmp_path, capsys):
    rows = '{"prompt": "p", "completions": ["a"], "labels": [true]}\n'
    (tmp_path / "in.jsonl").write_text(rows)
    (tmp_path / "link.jsonl").symlink_to("out.jsonl")
    convert = ["convert", "--from", "trl", "--to", "processbench", str(tmp_path / "in.jsonl")]
    with exclusive(tmp_path / "out.jsonl", "out"):
        for name in ("out.jsonl", "link.jsonl"):  # a link is its target
            assert cli.main([*convert, str(tmp_path / name)]) == 2
            assert capsys.readouterr().err == (
                f"ablations: output: found {tmp_path / name} being written by another process; allowed: "
                "another output, or to wait for that process\n"
            )
    assert cli.main([*convert, str(tmp_path / "link.jsonl")]) == 0
    assert (tmp_path / "link.jsonl").is_symlink() and (tmp_path / "out.jsonl").is_file()
    assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "link.jsonl", "out.jsonl"]


def test_a_folder_is_made_whole_and_by_one_process(tmp_path):
    with new_folder(tmp_path / "a", "out") as folder:
        (folder / "b").touch()
        with pytest.raises(ValueError, match="written by another process"), new_folder(tmp_path / "a", "out"):
            pass
    assert os.listdir(tmp_path) == ["a"] and os.listdir(tmp_path / "a") == ["b"]


def test_a_file_that_a_user_names_counts_by_its_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        Path(name).write_text("the same")
    one, two = (UserFile.of(Path(name), "text") for name in ("one", "two"))
    assert canonical(one) == canonical(two) == {"sha256": hashlib.sha256(b"the same").hexdigest()}
    assert (one.unchanged(), two.unchanged()) == (tmp_path / "one", tmp_path / "two")
    Path("one").write_text("another")
    with pytest.raises(ValueError, match=f"{tmp_path / 'one'}: found changed during the run"):
        one.unchanged()
    with pytest.raises(ValueError, match="text: found no file three; allowed: an existing one"):
        UserFile.of(Path("three"), "text")


def test_text_on_a_full_disk_leaves_the_old_one(tmp_path, monkeypatch):
    write_text(tmp_path / "a", "old")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError) as error:
        write_text(tmp_path / "a", "new")
    assert error.value.filename == str(tmp_path / "a")
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"
