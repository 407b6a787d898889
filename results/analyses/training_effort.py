"""Training effort: updates made, the best checkpoint, and how many trainings were still improving."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from results.stats.summaries import rows_of
from results.tables.rendering import Table, heads, number, whole, word
from results.vocabulary import STUDENT_ARMS, arm_words

_KEYS = ["arm", "acquisition", "data_scale"]


def still_rising(fact: dict[str, Any]) -> bool:
    """Returns whether the best checkpoint is the last one of a training that used all its updates."""
    return not fact["plateau"] and fact["best_update"] == fact["updates"]


def training_effort_table(frame: pd.DataFrame) -> Table | None:
    """Tabulates, per arm, acquisition and data scale, updates, best checkpoint and how trainings ended."""
    cells = _cells(frame)
    if cells.empty:
        return None
    rows = []
    groups: Any = cells.groupby(_KEYS, dropna=False, sort=False)
    for (arm, acquisition, data_scale), group in groups:
        facts = [fact for config in group["config"] for fact in _facts(config)]
        rows.append(
            (
                word(arm_words(arm, acquisition), arm=arm),
                whole(data_scale),
                whole(len(facts)),
                number(float(np.mean([fact["updates"] for fact in facts])), 0),
                number(float(np.mean([fact["best_update"] for fact in facts])), 0),
                whole(sum(map(still_rising, facts))),
                whole(sum(fact["plateau"] for fact in facts)),
            )
        )
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
    """Says how many trainings were still rising and how many ended early; empty if none is known."""
    cells = _cells(frame)
    facts = [] if cells.empty else [fact for config in cells["config"] for fact in _facts(config)]
    if not facts:
        return ""
    return (
        f"Of {len(facts)} trainings, {sum(map(still_rising, facts))} were still rising at their last update "
        f"and {sum(fact['plateau'] for fact in facts)} ended early on a plateau."
    )


def _cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns one row per reward model whose training is known."""
    students = frame[frame["arm"].isin(list(STUDENT_ARMS)) & frame["cell"].notna()]
    cells = students.drop_duplicates("cell")
    return cells[[bool(list(_facts(row.config))) for row in rows_of(cells)]]


def _facts(config: str) -> Iterator[dict[str, Any]]:
    return (fact for fact in json.loads(config).get("chosen", []) if "plateau" in fact)
