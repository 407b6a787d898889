"""Table of label noise: how often an arm's labels differ from the oracle's."""

from typing import Any

import pandas as pd

from results.records import plain
from results.stats.summaries import summarize
from results.tables.rendering import Table, arm_cell, heads, points, whole
from results.vocabulary import STUDENT_ARMS

METRICS = ("label_noise", "label_false_positives", "label_false_negatives")
"""Metrics, in the order of the columns."""


def label_noise_table(frame: pd.DataFrame) -> Table | None:
    """Tabulates, per arm, acquisition and data scale, the share of wrong labels and how they are wrong."""
    found = plain(frame)
    found = found[found["metric"].isin(METRICS) & found["arm"].isin(list(STUDENT_ARMS))]
    if found.empty:
        return None
    rows = []
    keys = ["arm", "acquisition", "data_scale"]
    groups: Any = summarize(found).groupby(keys, dropna=False, sort=False)
    for (arm, acquisition, data_scale), group in groups:
        estimates = group.set_index("metric")["estimate"]
        shares = (points(estimates.get(metric)) for metric in METRICS)
        rows.append((arm_cell(arm, acquisition), whole(data_scale), *shares, whole(group["seeds"].max())))
    names = ("arm", "labeled", "differ from the oracle", "false positives", "false negatives", "seeds")
    return Table(
        id="label-noise",
        title="Label noise",
        lead=(
            "Percent of labels that differ from the oracle's, mean over seeds. Outcome arms have one label "
            "per solution, process supervision one per step up to the first labeled error. False positives "
            "are among the labels that say right, false negatives among those that say wrong."
        ),
        heads=heads(*names, text=("arm",)),
        rows=tuple(rows),
    )
