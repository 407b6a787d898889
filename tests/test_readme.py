"""Every command of "Your own data in ten minutes", as the README has it, on tiny checkpoints."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from tiny_words import write_generator, write_prm

from ablations import cli
from results.records import read_records

README = (Path(__file__).parents[1] / "README.md").read_text()
SECTION = README.partition("## Your own data in ten minutes\n")[2].partition("\n## ")[0]
OURS, MINE, PAPER = re.findall(r"^```\n(.*?)^```$", SECTION, flags=re.DOTALL | re.MULTILINE)
SMALLER = {"--scale small": "--scale smoke", "-n 64": "-n 6", "--data-scale 32": "--data-scale 1"}
"""What the test says in place of the README's, for the time it takes."""
PROBLEMS = 12


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with all files that the section names."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    for name in ("GENERATOR", "STUDENT", "BASE"):
        write_generator(tmp_path / name)
    write_prm(tmp_path / "PRM")
    Path("mine.yaml").write_text(MINE)
    for name, first in (("problems", 0), ("train", 100), ("shots", 200)):
        rows = [
            {"question": f"Is {first + p} even?", "answer": f"see {first + p}\n#### {p % 2}"}
            for p in range(PROBLEMS)
        ]
        _write(name, rows)
    _write("text", [{"question": f"Is {300 + p} odd?", "answer": f"It is {p % 2}."} for p in range(PROBLEMS)])
    _write(
        "labels",
        [
            {
                "problem": f"Is {400 + p} even?",
                "steps": ["see", f"so {p % 2}"],
                "ratings": [1, -1 if p % 3 else 0],
            }
            for p in range(PROBLEMS)
        ],
    )
    return tmp_path


def _write(name, rows):
    Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _run(block):
    for line in block.splitlines():
        for said, smaller in SMALLER.items():
            line = line.replace(said, smaller)
        command, *argv = shlex.split(line)
        assert command == "ablations"
        assert cli.main(argv) == 0, line


def test_your_own_data_in_ten_minutes(capsys):
    _run(OURS)
    said = capsys.readouterr().out
    assert "minus majority" in said and "runs/mine/report.html" in said
    frame = read_records("runs/mine/records.parquet")
    assert {"process", "prm_outcome", "final_answer", "labeler"} <= set(frame["arm"])
    assert "STUDENT" in frame["config"].dropna().iloc[0]
    assert Path("reward-model/README.md").is_file()


def test_the_papers_way_on_your_checkpoints(capsys):
    _run(PAPER)
    assert "steps labelled by large-prm" in capsys.readouterr().out
    assert {path.name for path in Path().iterdir()} >= {
        "base",
        "generator",
        "large-prm",
        "own-labelled.jsonl.gz",
    }
