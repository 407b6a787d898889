"""Numbers of a sweep: curves around its center, differences from it, and each arm's best point.

A row with a variant is a point of the sweep on the curve of one hyperparameter; the center, trained once,
lies on all curves and also has a plain row.
"""

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.records import plain
from results.stats.differences import contrasts, corrected
from results.stats.intervals import INCONCLUSIVE
from results.stats.summaries import rows_of, summarize
from results.vocabulary import ARMS, STUDENT_ARMS

METRIC = "kept_best_of_n"
"""Metric that is compared."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """How a hyperparameter is displayed."""

    name: str
    axis: str
    """Label of its axis, with the unit."""


FACTORS: dict[str, Factor] = {
    "learning_rate": Factor(name="learning rate", axis="highest learning rate"),
    "batch_size": Factor(name="batch size", axis="solutions per update"),
    "max_updates": Factor(name="updates", axis="most updates"),
    "warmup": Factor(name="warm-up", axis="share of updates"),
    "weight_decay": Factor(name="weight decay", axis="weight decay"),
    "threshold": Factor(name="labeler's threshold", axis="P(negative) of a wrong step"),
    "dropout": Factor(name="dropout", axis="share dropped before the head"),
    "soft_targets": Factor(name="soft targets", axis="0: decisions, 1: probabilities"),
}
"""Variant -> hyperparameter, in the order of tables and figures."""


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the points on the curves, from records or their summary from ``summarize``."""
    return frame[(frame["metric"] == METRIC) & frame["variant"].isin(list(FACTORS))]


def centers(frame: pd.DataFrame) -> dict[str, float]:
    """Return variant -> level of the center: that of the points whose reward model has plain rows too."""
    kept = shown(frame)
    at_center = kept[kept["cell"].isin(plain(frame)["cell"].dropna())].drop_duplicates("variant")
    return dict(zip(at_center["variant"], at_center["level"].astype(float), strict=True))


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Estimate every level of every hyperparameter, and its difference from the center.

    Returns:
        One row per arm, variant and level, in the order of ``ARMS`` and ``FACTORS``: n, estimate, lower,
        upper, seeds, problems; delta, delta_lower, delta_upper, detectable and verdict, paired by problem and
        seed, and p after Holm, all missing at the center; center, whether the row is the center. A
        hyperparameter whose center is not in the records is left out; an arm without the center has no delta
        and is inconclusive.
    """
    kept, middle = shown(frame), centers(frame)
    keys = ["arm", "variant", "level"]
    named = {"estimate": "delta", "lower": "delta_lower", "upper": "delta_upper"}
    kept = kept[kept["variant"].isin(list(middle))]
    if kept.empty:
        return pd.DataFrame(columns=[*keys, "estimate", *named.values(), "p", "center"])
    n = int(kept["n"].iloc[0])
    differences = []
    for variant, rows in kept.groupby("variant"):
        levels, against = sorted(rows["level"].unique()), middle[str(variant)]
        pairs = [(level, against) for level in levels if level != against]
        differences.append(contrasts(rows, "level", pairs, METRIC, n))
    delta = corrected(pd.concat(differences)).rename(columns=named)
    delta = delta[[*keys, *named.values(), "verdict", "detectable", "p"]]
    found = summarize(kept).merge(delta, on=keys, how="left")
    found["center"] = found["level"] == found["variant"].map(middle)
    found.loc[~found["center"] & found["verdict"].isna(), "verdict"] = INCONCLUSIVE
    order = {"arm": list(ARMS).index, "variant": list(FACTORS).index}
    return found.sort_values(
        keys, key=lambda column: column.map(order[column.name]) if column.name in order else column
    ).reset_index(drop=True)


@dataclass(frozen=True, kw_only=True)
class Best:
    """An arm's best point among those that all arms have, and the effort spent on it."""

    row: Any
    """Its row of ``curves``."""
    points: int
    """Number of points that all arms have."""
    trainings: int
    """Number of trainings at these points: points times seeds."""
    updates: int
    """Total updates of these trainings."""
    solutions: int
    """Solutions in the batches of these updates; one that is passed over again counts again."""
    at_the_end: bool
    """Whether its level is the smallest or the largest tried, so that the best may lie beyond."""
    further: int
    """Number of trainings at points that not every arm has; no arm's best is among them."""


def best_points(frame: pd.DataFrame) -> list[Best]:
    """Find each arm's best point by its estimate; in a tie the center, otherwise the first.

    Only points that all arms have can be the best, so that no arm gains from having more points.
    """
    found, kept = curves(frame), shown(frame)
    points = [set(zip(rows["variant"], rows["level"], strict=True)) for _, rows in found.groupby("arm")]
    shared = set.intersection(*points) if points else set()

    def select_shared(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[[point in shared for point in zip(rows["variant"], rows["level"], strict=True)]]

    best = []
    for arm in [arm for arm in STUDENT_ARMS if shared and arm in set(found["arm"])]:
        rows, cells = found[found["arm"] == arm], kept[kept["arm"] == arm]
        row = next(rows_of(_ranked(select_shared(rows))))
        levels = rows[rows["variant"] == row.variant]["level"]
        given = select_shared(cells).drop_duplicates("cell")
        facts = [fact for config in given["config"] for fact in json.loads(config)["chosen"]]
        best.append(
            Best(
                row=row,
                at_the_end=not row.center and row.level in (levels.min(), levels.max()),
                points=len(given) // given["seed"].nunique(),
                trainings=len(given),
                updates=sum(fact["updates"] for fact in facts),
                solutions=sum(fact["passed_over"] for fact in facts),
                further=cells["cell"].nunique() - len(given),
            )
        )
    return best


def _ranked(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort rows of ``curves`` from best to worst; in a tie the center comes first, then the first row."""
    return rows.sort_values(["estimate", "center"], ascending=False, kind="stable")


def best_learning_rates(frame: pd.DataFrame) -> dict[str, float]:
    """Return arm -> learning rate with the highest estimate; in a tie the center, otherwise the lowest."""
    found = curves(frame)
    rates = found[found["variant"] == "learning_rate"]
    best = _ranked(rates).drop_duplicates("arm").set_index("arm")["level"]
    return {arm: float(best[arm]) for arm in STUDENT_ARMS if arm in best.index}
