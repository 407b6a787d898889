"""Stages of the embedded world: problems, base models, oracle ratings."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ablations.pipeline import Context, Inputs, one
from ablations.ragged import Ragged
from ablations.solutions import Problem
from ablations.stages.files import Samples, write_problems, write_ratings
from ablations.world.bases import shipped_base
from ablations.world.oracle import judge
from ablations.world.problems import draw_problems, parse_problem


def problems(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """``{split, count, seed}`` -> problems."""
    drawn = draw_problems(config["split"], config["count"], config["seed"])
    named = [
        Problem(problem_id=f"{config['split']}-{index}", text=problem.text, answer=problem.answer)
        for index, problem in enumerate(drawn)
    ]
    write_problems(out, named)


def base(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """``{world, size, sha256}`` -> the shipped base model, checked."""
    folder = shipped_base(config["world"], config["size"])
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != config["sha256"]:
        raise ValueError(f"{folder}/model.safetensors: found sha256 {found}; allowed: {config['sha256']}")
    shutil.copytree(folder, out / "model")


def ratings(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """samples -> the oracle's rating of every step."""
    samples = Samples.read(one(inputs, "samples"))
    parsed = [parse_problem(problem.text) for problem in samples.problems]
    rated = [
        np.array(judge(parsed[p], steps), dtype=np.int8)
        for p, steps in zip(samples.solutions.problem_index, samples.steps(), strict=True)
    ]
    write_ratings(out, Ragged.from_rows(rated, dtype=np.int8))
