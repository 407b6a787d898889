"""Every command of `docs/how-to/own-data.md`, as the page has it, on tiny checkpoints."""

from pathlib import Path

import pytest
from ten_minutes import OWN_DATA, PAPERS_WAY, write_files

from ablations.commands import cli
from results.records import read_records


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with all files that the page names."""
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)


def test_your_own_data_in_ten_minutes(capsys):
    for argv in OWN_DATA:
        assert cli.main(argv) == 0, argv
    said = capsys.readouterr().out
    assert "minus majority" in said and "runs/mine/report.html" in said
    frame = read_records("runs/mine/records.parquet")
    assert {"process", "prm_outcome", "final_answer", "labeler"} <= set(frame["arm"])
    assert "STUDENT" in frame["config"].dropna().iloc[0]
    assert Path("reward-model/README.md").is_file()


def test_the_papers_way_on_your_checkpoints(capsys):
    for argv in PAPERS_WAY:
        assert cli.main(argv) == 0, argv
    assert "steps labeled by large-prm" in capsys.readouterr().out
    assert {path.name for path in Path().iterdir()} >= {
        "base",
        "generator",
        "large-prm",
        "own-labeled.jsonl.gz",
    }
