import argparse
import os
from pathlib import Path

import pytest

from ablations.commands.run_files import run_file, started_in, store_of_run


def written(out):
    out.mkdir(parents=True)
    (out / "run.yaml").write_text(run_file(argparse.Namespace(out=out, dump="store: st\n")))
    return out.resolve()


def test_relative_paths_mean_what_they_meant_where_the_run_was_started(tmp_path, monkeypatch):
    project, other = tmp_path / "project", tmp_path / "other"
    project.mkdir(), other.mkdir()
    monkeypatch.chdir(project)
    out, outside = written(Path("runs/a")), written(tmp_path / "outside")
    assert (out / "run.yaml").read_text() == 'started_in: "../.."\nstore: st\n'
    assert store_of_run(out) == Path("st")
    monkeypatch.chdir(other)
    assert store_of_run(out) == store_of_run(outside) == project / "st"
    project.rename(tmp_path / "moved")
    assert store_of_run(tmp_path / "moved" / "runs" / "a") == tmp_path / "moved" / "st"
    message = f"started_in: found {project}; allowed: the folder that the run was started in"
    with pytest.raises(ValueError, match=message):
        started_in(outside)


def test_a_file_that_does_not_say_where_is_read_from_here(tmp_path):
    (tmp_path / "run.yaml").write_text("store: st\n")
    assert store_of_run(tmp_path) == Path("st") and os.fspath(started_in(tmp_path)) == "."
