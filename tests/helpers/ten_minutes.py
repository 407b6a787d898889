"""The commands of `docs/how-to/own-data.md`, and tiny files and checkpoints for them."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import torch
from paths import ROOT
from tiny_words import write_generator, write_prm

PAGE = (ROOT / "docs" / "how-to" / "own-data.md").read_text()
_OURS, _MINE, _PAPER = re.findall(r"^```\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
_SMALLER = {"--scale small": "--scale smoke", "-n 64": "-n 6", "--data-scale 32": "--data-scale 1"}
"""Texts of the page -> smaller ones for tests, to save time."""
PROBLEMS = 12


def commands(block: str) -> list[list[str]]:
    """Returns the arguments of each `ablations` command in a block of the page."""
    for text, smaller in _SMALLER.items():
        block = block.replace(text, smaller)
    lines = [shlex.split(line) for line in block.splitlines()]
    assert {command for command, *_ in lines} == {"ablations"}
    return [argv for _, *argv in lines]


OWN_DATA = commands(_OURS)
"""Commands from problems to a report and an exported reward model."""
PAPERS_WAY = commands(_PAPER)
"""Commands that make generator and large PRM as the paper did."""


def write_files(folder: Path) -> None:
    """Writes all files and checkpoints that the commands name."""
    torch.manual_seed(0)
    for name in ("GENERATOR", "STUDENT", "BASE"):
        write_generator(folder / name)
    write_prm(folder / "PRM")
    (folder / "mine.yaml").write_text(_MINE)
    for name, first in (("problems", 0), ("train", 100), ("shots", 200)):
        rows = [
            {"question": f"Is {first + p} even?", "answer": f"see {first + p}\n#### {p % 2}"}
            for p in range(PROBLEMS)
        ]
        _write(folder, name, rows)
    odd = [{"question": f"Is {300 + p} odd?", "answer": f"It is {p % 2}."} for p in range(PROBLEMS)]
    _write(folder, "text", odd)
    rated = [
        {
            "problem": f"Is {400 + p} even?",
            "steps": ["see", f"so {p % 2}"],
            "ratings": [1, -1 if p % 3 else 0],
        }
        for p in range(PROBLEMS)
    ]
    _write(folder, "labels", rated)


def _write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
