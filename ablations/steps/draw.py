"""Stages of the embedded world: problems, base models, oracle ratings."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.artifacts import Samples, write_problems, write_ratings
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem
from ablations.engine.step import Context, Inputs, one
from ablations.world.bases import shipped_base
from ablations.world.world import draw_problems
from ablations.world.worlds import world_of


def problems(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Draws problems. Config: world, split, count, seed, kind (optional)."""
    world = world_of(config["world"])
    drawn = draw_problems(
        world, config["split"], config["count"], config["seed"], config.get("kind", "usual")
    )
    name = "-".join(config[part] for part in ("split", "kind") if part in config)
    named = [
        Problem(problem_id=f"{name}-{index}", text=problem, answer=world.answer(problem))
        for index, problem in enumerate(drawn)
    ]
    write_problems(out, named)


def base(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Copies the shipped base model after checking its hash. Config: world, size, sha256."""
    folder = shipped_base(config["world"], config["size"])
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != config["sha256"]:
        raise ValueError(f"{folder}/model.safetensors: found sha256 {found}; allowed: {config['sha256']}")
    shutil.copytree(folder, out / "model")


def ratings(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the oracle's rating of every step. Config: world. Inputs: samples."""
    world = world_of(config["world"])
    samples = Samples.read(one(inputs, "samples"))
    rated = [
        np.array(world.judge(samples.problems[p].text, steps), dtype=np.int8)
        for p, steps in zip(samples.solutions.problem_index, samples.steps(), strict=True)
    ]
    write_ratings(out, Ragged.from_rows(rated, dtype=np.int8))
