import errno
import io
import os
import sys

import pytest
from jinja2 import TemplateError

from ablations.commands import cli
from ablations.engine.failures import describe_fault, run_guarded


def raising(error):
    def work():
        raise error

    return work


def ended(capsys, error, monkeypatch=None):
    code = run_guarded("ablations", ["x", "a b"], raising(error))
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "out.jsonl"),
            "out.jsonl: found the disk full; allowed: a file system with enough room",
        ),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "a"), "a: found a folder; allowed: a file"),
        (
            OSError(errno.EROFS, "Read-only file system", "a"),
            "a: found a read-only file system; allowed: a file system that can be written",
        ),
        (
            OSError(errno.EMFILE, "Too many open files"),
            "system: found too many open files ([Errno 24] Too many open files); allowed: a higher limit "
            "(ulimit -n) or fewer workers",
        ),
        (
            MemoryError(),
            "memory: found too little of it (MemoryError); allowed: a smaller model or batch, or "
            "fewer workers",
        ),
        (
            RuntimeError("CUDA out of memory. Tried to\nallocate 2 GiB"),
            "memory: found too little of it (CUDA out of memory. Tried to allocate 2 GiB); allowed: a "
            "smaller model or batch, or fewer workers",
        ),
        (
            AssertionError("Torch not compiled with CUDA enabled"),
            "device: found no usable CUDA device (Torch not compiled with CUDA enabled); allowed: cpu, or a "
            "machine with a working GPU",
        ),
        (
            TemplateError("roles must alternate"),
            "jinja2: found roles must alternate; allowed: files and services that jinja2 can read",
        ),
        (ValueError("a: found 1;\n allowed: 2"), "a: found 1; allowed: 2"),
    ],
)
def test_faults_of_the_system_and_of_libraries_are_one_line(capsys, error, line):
    assert ended(capsys, error) == (2, f"ablations: {line}\n")


@pytest.mark.parametrize(
    "error", [KeyError("k"), IndexError("i"), TypeError("t"), AssertionError("a"), RuntimeError("r")]
)
def test_bugs_keep_their_traceback_and_ask_for_a_report(capsys, error):
    code, text = ended(capsys, error)
    *trace, last = text.splitlines()
    assert code == 1 and trace[0] == "Traceback (most recent call last):"
    assert last.startswith("ablations: this is a bug. Please report it") and "ablations x 'a b'" in last


def test_a_broken_tokenizer_file_is_one_line(tmp_path):
    from transformers import PreTrainedTokenizerFast

    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(Exception) as raised:
        PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert type(raised.value) is Exception  # nothing to catch it by
    assert (describe_fault(raised.value) or "").startswith("tokenizer: found ")
    assert describe_fault(Exception("ours")) is None


def test_an_output_that_reader_is_gone_ends_quietly(capsys, monkeypatch):
    monkeypatch.setattr("ablations.engine.failures._reader_is_gone", lambda: True)
    assert ended(capsys, BrokenPipeError(errno.EPIPE, "Broken pipe")) == (141, "")
    monkeypatch.setattr(
        "ablations.engine.failures._reader_is_gone", lambda: False
    )  # a pipe between our processes
    assert ended(capsys, BrokenPipeError(errno.EPIPE, "Broken pipe"))[0] != 0


def test_output_in_an_encoding_without_the_letters_is_escaped(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert run_guarded("ablations", [], lambda: print("π") or 0) == 0
    assert out.buffer.getvalue() == b"\\u03c0\n"


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path, capsys, monkeypatch):
    import resource

    (tmp_path / "in.jsonl").write_text(
        '{"prompt": "p", "completions": ["%s"], "labels": [true]}\n' % ("a" * 5000)
    )
    before, out = resource.getrlimit(resource.RLIMIT_FSIZE), tmp_path / "out.jsonl"
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # Python ignores the signal of it
    try:
        code = cli.main(
            ["convert", "--from", "trl", "--to", "processbench", str(tmp_path / "in.jsonl"), str(out)]
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 2
    assert capsys.readouterr().err.startswith(f"ablations: {out}: found a file larger than the limit;")
    assert os.listdir(tmp_path) == ["in.jsonl"]
