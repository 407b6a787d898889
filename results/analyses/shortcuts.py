"""Table of shortcuts: what length, position, format or the problem alone predict of the labels."""

from typing import Any

import pandas as pd

from results.records import plain
from results.schema import SHORTCUTS
from results.stats.summaries import summarize
from results.tables.rendering import Table, arm_cell, heads, number, whole
from results.vocabulary import STUDENT_ARMS

_STUDENT = "solution_auroc"


def shortcuts_table(frame: pd.DataFrame) -> Table | None:
    """Tabulates, per arm, acquisition and data scale, the AUROC of each probe, and of solutions."""
    metrics = [f"{probe}_{kind}" for probe in SHORTCUTS for kind in ("label_auroc", "solution_auroc")]
    found = plain(frame)
    found = found[found["metric"].isin([*metrics, _STUDENT]) & found["arm"].isin(list(STUDENT_ARMS))]
    if not found["metric"].isin(metrics).any():
        return None
    rows = []
    groups: Any = summarize(found).groupby(["arm", "acquisition", "data_scale"], dropna=False, sort=False)
    for (arm, acquisition, data_scale), group in groups:
        value = group.set_index("metric")["estimate"]
        ranked = value[value.index.isin(metrics) & value.index.str.endswith(_STUDENT)]
        rows.append(
            (
                arm_cell(arm, acquisition),
                whole(data_scale),
                *(number(value.get(f"{probe}_label_auroc")) for probe in SHORTCUTS),
                number(ranked.max() if len(ranked) else None),
                number(value.get(_STUDENT)),
            )
        )
    return Table(
        id="shortcuts",
        title="Shortcuts",
        lead=(
            "How well a probe predicts the labels of a training (the first seed's in the first fold) on "
            "problems that it has not seen, by length, position, format, or the problem alone: "
            "AUROC, 0.5 if not at all. Best shortcut: AUROC of right final answers within problems, if the "
            "best of these probes ranks the training solutions. A student that is not above it may have "
            "learned the shortcut."
        ),
        heads=heads(
            *("arm", "labeled", *SHORTCUTS, "best shortcut", "student"),
            text=("arm",),
        ),
        rows=tuple(rows),
    )
