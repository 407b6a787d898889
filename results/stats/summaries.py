"""Estimates from records: the summary that figures draw, and the choice of rows to compare."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from results.schema import CELL, METRICS
from results.stats.intervals import Estimate, mean_interval, seed_interval
from results.vocabulary import ARMS

PRIMARY_N = 64
"""N of best-of-N in claims that do not name another; a run that measures only smaller N uses its largest."""

_ONE_RUN = ("experiment", "scale", "dataset")
_GROUP = [*CELL, "metric", "n"]


def estimate_rows(rows: list[pd.DataFrame], names: list[dict[str, Any]]) -> list[Estimate]:
    """Estimate each group of records; an estimate has 0 problems if there is no value per problem.

    Raises:
        ValueError: only some seeds of a group have problem values.
    """
    estimates = []
    for group, name in zip(rows, names, strict=True):
        known = group["problem_values"].notna()
        if known.any() and not known.all():
            where = ", ".join(f"{key} {value}" for key, value in name.items())
            raise ValueError(
                f"problem_values: found null in some seeds only of {where}, allowed in all or none"
            )
        if known.all():
            estimates.append(mean_interval(np.stack(list(group["problem_values"]))))
        else:
            estimates.append(seed_interval(group["value"].to_numpy(np.float64)))
    return estimates


def check_one_run(frame: pd.DataFrame) -> None:
    """Refuse records of more than one experiment, scale or dataset.

    Raises:
        ValueError: names the column and what was found.
    """
    for name in _ONE_RUN:
        found = frame[name].unique()
        if len(found) > 1:
            raise ValueError(
                f"{name}: found {', '.join(map(str, found))} in one table, allowed one: choose rows first"
            )


def summarize(frame: pd.DataFrame) -> pd.DataFrame:
    """Estimate every arm, data scale, metric and n.

    Args:
        frame: records of one experiment, scale and dataset, from ``read_records``.

    Returns:
        Columns arm, acquisition, data_scale, variant, level, metric, n, estimate, lower, upper (both within
        the metric's range), seeds (0 if the arm has none), problems (0 if there is no value per problem and
        the interval is over seeds only), single_draw, x (mean) and count (sum) for bins, and
        labelled_solutions and labelled_steps (means over seeds).

    Raises:
        ValueError: the frame mixes experiments, scales or datasets, or only some seeds of a group have
            problem values.
    """
    check_one_run(frame)
    groups = [group for _, group in frame.groupby(_GROUP, dropna=False, sort=True)]
    names = [{name: group[name].iloc[0] for name in _GROUP} for group in groups]
    out = pd.DataFrame(names, columns=_GROUP)
    estimated = estimate_rows(groups, names)
    for name in ("estimate", "lower", "upper"):
        out[name] = np.array([getattr(estimate, name) for estimate in estimated], dtype=np.float64)
    out["seeds"] = [int(group["seed"].nunique()) for group in groups]
    out["problems"] = [estimate.problems for estimate in estimated]
    out["single_draw"] = [bool(group["single_draw"].any()) for group in groups]
    out["x"] = np.array([group["x"].mean() for group in groups], dtype=np.float64)
    out["count"] = [group["count"].sum(min_count=1) for group in groups]
    # An interval over few seeds may extend beyond the metric's range.
    out["lower"] = out["lower"].clip(lower=out["metric"].map(lambda name: METRICS[name].least))
    out["upper"] = out["upper"].clip(upper=out["metric"].map(lambda name: METRICS[name].most))
    for name in ("labelled_solutions", "labelled_steps"):
        out[name] = [group[name].astype(np.float64).mean() for group in groups]
    out = out.sort_values("arm", key=lambda arm: arm.map(list(ARMS).index), kind="stable", ignore_index=True)
    return out.astype({"data_scale": "Int64", "n": "Int64", "count": "Int64"})


def expected_ns(frame: pd.DataFrame) -> list[int]:
    """Return a curve's N that are expectations, ascending; single draws only if there is nothing else."""
    expected = frame[~frame["single_draw"].astype(bool)]
    return sorted({int(n) for n in (frame if expected.empty else expected)["n"].dropna()})


def comparison_n(frame: pd.DataFrame) -> int:
    """Return the largest N of best-of-N that is an expectation; a single draw only if there is no other.

    Args:
        frame: records, or a ``summarize`` result.

    Raises:
        ValueError: there is no best-of-N.
    """
    rows = frame[frame["metric"] == "best_of_n"]
    if rows.empty:
        raise ValueError("metric: found no best_of_n, allowed a table with best-of-N records")
    return expected_ns(rows)[-1]


def tested_n(curve: pd.DataFrame, wanted: int = PRIMARY_N) -> int:
    """Return the largest N of a curve's records up to ``wanted``; ``wanted`` itself if there is none."""
    return max((n for n in expected_ns(curve) if n <= wanted), default=wanted)


def at_n(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """Return the rows of records, or of a ``summarize`` result, at an n."""
    return frame[(frame["n"] == n).fillna(False).astype(bool)]


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """Iterate over a frame's rows, with columns as attributes."""
    return iter(frame.itertuples())
