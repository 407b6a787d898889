"""Training effort: updates made, the best checkpoint, and how many trainings were still improving."""

import json
from typing import Any

import numpy as np
import pandas as pd

from results.tables.rendering import Table, arm_cell, heads, number, whole
from results.vocabulary import STUDENT_ARMS


def still_rising(fact: dict[str, Any]) -> bool:
    """Return whether the best checkpoint is the last one of a training that used all its updates."""
    return not fact["plateau"] and fact["best_update"] == fact["updates"]


def training_effort_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate, per arm, acquisition and data scale, updates, best checkpoint and how trainings ended."""
    rows = []
    groups: Any = _trainings(frame).groupby(["arm", "acquisition", "data_scale"], dropna=False, sort=False)
    for (arm, acquisition, data_scale), group in groups:
        facts = list(group["fact"])
        rows.append(
            (
                arm_cell(arm, acquisition),
                whole(data_scale),
                whole(len(facts)),
                number(float(np.mean([fact["updates"] for fact in facts])), 0),
                number(float(np.mean([fact["best_update"] for fact in facts])), 0),
                whole(sum(map(still_rising, facts))),
                whole(sum(fact["plateau"] for fact in facts)),
            )
        )
    if not rows:
        return None
    names = ("arm", "labeled", "trainings", "updates", "best at", "still rising", "ended early")
    return Table(
        id="training-effort",
        title="Training effort",
        lead=(
            "Mean updates made, and mean update of the checkpoint kept. Still rising: trainings whose best "
            "checkpoint is the last one of all allowed updates. Ended early: on a plateau of validation "
            "problems solved."
        ),
        heads=heads(*names, text=("arm",)),
        rows=tuple(rows),
        printed=False,
    )


def effort_sentence(frame: pd.DataFrame) -> str:
    """Say how many trainings were still rising and how many ended early; empty if none is known."""
    facts = list(_trainings(frame)["fact"])
    if not facts:
        return ""
    return (
        f"Of {len(facts)} trainings, {sum(map(still_rising, facts))} were still rising at their last update "
        f"and {sum(fact['plateau'] for fact in facts)} ended early on a plateau."
    )


def _trainings(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per training whose end is known, with what its config says about it as ``fact``."""
    students = frame[frame["arm"].isin(list(STUDENT_ARMS)) & frame["cell"].notna()]
    cells = students.drop_duplicates("cell")
    facts = cells["config"].map(
        lambda config: [fact for fact in json.loads(config).get("chosen", []) if "plateau" in fact]
    )
    return cells.assign(fact=facts).explode("fact").dropna(subset="fact")
