"""Records: one tidy Parquet row per cell, metric and n; made, written and read according to the schema."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from results.schema import COLUMNS, KEY, METRICS, SCHEMA
from results.vocabulary import ARMS, ENSEMBLES, ONE_MODEL, REFERENCE_ARMS, STUDENT_ARMS
from results.writing import replacing

_MEAN_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row of the table; ``COLUMNS`` documents units and meanings.

    Raises:
        ValueError: a field has a value the schema does not allow.
    """

    experiment: str
    scale: str
    dataset: str
    arm: str
    metric: str
    value: float
    config: str
    revision: str
    single_draw: bool = False
    cell: str | None = None
    acquisition: str | None = None
    data_scale: int | None = None
    seed: int | None = None
    variant: str | None = None
    level: float | None = None
    n: int | None = None
    x: float | None = None
    count: int | None = None
    problem_values: tuple[float, ...] | None = None
    solutions_hash: str | None = None
    distinct_solutions: int | None = None
    labelled_solutions: int | None = None
    labelled_steps: int | None = None

    def __post_init__(self) -> None:
        if self.problem_values is not None:
            object.__setattr__(self, "problem_values", tuple(float(v) for v in self.problem_values))
        fault = _row_fault(vars(self))
        if fault is not None:
            raise ValueError(f"Record.{fault}")


def _row_fault(row: Mapping[str, Any]) -> str | None:
    """Return the first rule that a row breaks, as "column: found ..., allowed ...", or None."""
    for name, column in COLUMNS.items():
        if row[name] is None and not column.nullable:
            return f"{name}: found null, allowed {column.unit}"
    for name in ("experiment", "scale", "dataset", "revision"):
        if not row[name].strip():
            return f"{name}: found {row[name]!r}, allowed a name that is not empty"
    arm, metric_name, n, value = row["arm"], row["metric"], row["n"], row["value"]
    if arm not in ARMS:
        return f"arm: found {arm!r}, allowed {', '.join(ARMS)}"
    if metric_name not in METRICS:
        return f"metric: found {metric_name!r}, allowed {', '.join(METRICS)}"
    metric = METRICS[metric_name]
    if arm not in metric.arms:
        return f"metric: found {metric_name!r} for arm {arm!r}, allowed for {', '.join(metric.arms)}"
    for name in ("data_scale", "seed"):
        ensemble = name == "seed" and row["variant"] in ENSEMBLES and row["variant"] != ONE_MODEL
        if arm in STUDENT_ARMS and row[name] is None and not ensemble:
            return f"{name}: found null, allowed an integer for arm {arm!r}"
        if arm in REFERENCE_ARMS and row[name] is not None:
            return f"{name}: found {row[name]}, allowed null for the reference arm {arm!r}"
    if row["data_scale"] is not None and row["data_scale"] < 1:
        return f"data_scale: found {row['data_scale']}, allowed 1 or more"
    if metric.n is None and n is not None:
        return f"n: found {n}, allowed null for metric {metric_name!r}"
    if metric.n is not None:
        least = 0 if metric.n.startswith(("index", "updates")) else 1
        if n is None or n < least or (metric_name == "random" and n != 1):
            allowed = "1" if metric_name == "random" else f"{least} or more ({metric.n})"
            return f"n: found {'null' if n is None else n}, allowed {allowed}"
    for name in ("x", "count"):
        if (row[name] is not None) != metric.has_bins:
            allowed = "a number" if metric.has_bins else "null"
            return f"{name}: found {row[name]}, allowed {allowed} for metric {metric_name!r}"
    if metric.has_bins and not (0.0 <= row["x"] <= 1.0 and row["count"] >= 1):
        return f"x, count: found {row['x']}, {row['count']}, allowed 0 to 1 and 1 or more"
    if not (math.isfinite(value) and metric.least - 1e-9 <= value <= metric.most + 1e-9):
        allowed = f"{metric.least:g} to {metric.most:g}"
        return f"value: found {value}, allowed {allowed} (leave out a row whose metric is undefined)"
    if row["level"] is not None and (row["variant"] is None or not math.isfinite(row["level"])):
        return f"level: found {row['level']}, allowed a finite number, with a variant"
    problem_values = row["problem_values"]
    if problem_values is not None:
        value_P = np.asarray(problem_values, dtype=np.float64)
        if value_P.size == 0 or not np.isfinite(value_P).all():
            first = ", ".join([f"{v:g}" for v in value_P[:4]] + ["..."] * (len(value_P) > 4))
            return f"problem_values: found [{first}], allowed one finite number or more"
        if abs(float(value_P.mean()) - value) > _MEAN_TOLERANCE:
            return f"problem_values: found mean {value_P.mean():.9g}, allowed the row's value {value:.9g}"
    return None


def _check_rows(frame: pd.DataFrame, where: str) -> None:
    """Raise a ValueError that names file, row and column of the first row that breaks a rule."""
    lengths: dict[tuple[object, ...], int] = {}
    for index, values in enumerate(zip(*(_with_none(frame[name]) for name in COLUMNS), strict=True)):
        row = dict(zip(COLUMNS, values, strict=True))
        fault = _row_fault(row)
        if fault is not None:
            raise ValueError(f"{where}: row {index}: {fault}")
        if row["problem_values"] is not None:
            problems = len(row["problem_values"])
            allowed = lengths.setdefault((row["metric"], row["variant"], row["level"]), problems)
            if problems != allowed:
                raise ValueError(
                    f"{where}: row {index}: problem_values: found {problems} problems, allowed {allowed} "
                    f"as in the rows of {row['metric']!r} before it"
                )
    configs = frame["config"].drop_duplicates()
    for index, text in zip(configs.index.tolist(), configs.tolist(), strict=True):
        found = f"{where}: row {index}: config: found {text[:40]!r}"
        try:
            config = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{found} ({error}), allowed a JSON object") from None
        if not isinstance(config, dict):
            raise ValueError(f"{found}, allowed a JSON object")
    twice = frame.duplicated(subset=list(KEY))
    if twice.any():
        index = int(np.flatnonzero(twice.to_numpy())[0])
        found_key = {name: frame[name].iloc[index] for name in KEY}
        raise ValueError(
            f"{where}: row {index}: {', '.join(KEY)}: found {found_key} a second time, allowed once"
        )


def _with_none(column: pd.Series) -> list[Any]:
    """Return a column's values as plain Python objects, with null as None."""
    return [None if null else value for value, null in zip(column.tolist(), column.isna(), strict=True)]


def _to_frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)


def read_records(path: str | Path) -> pd.DataFrame:
    """Read and check a table of records.

    Args:
        path: a Parquet file with the columns of ``COLUMNS``; additional columns are an error.

    Returns:
        One row per record. Integers are ``Int64`` (null is ``<NA>``); ``problem_values`` holds arrays [P] or
        None.

    Raises:
        ValueError: names file, column or row, what was found and what is allowed.
    """
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{path}: found no readable Parquet file ({error}), allowed a table of records"
        ) from None
    found, allowed = set(table.column_names), set(COLUMNS)
    for name in COLUMNS:
        if name not in found:
            raise ValueError(f"{path}: column {name}: found none, allowed {COLUMNS[name].type}")
        if table.schema.field(name).type != COLUMNS[name].type:
            raise ValueError(
                f"{path}: column {name}: found {table.schema.field(name).type}, allowed {COLUMNS[name].type}"
            )
    if found != allowed:
        raise ValueError(f"{path}: column {min(found - allowed)}: found, allowed only {', '.join(COLUMNS)}")
    frame = _to_frame(table.select(list(COLUMNS)))
    _check_rows(frame, str(path))
    return frame


def write_records(path: str | Path, rows: Iterable[Record]) -> None:
    """Check records and write them atomically as one Parquet file, with rows in the order given.

    Raises:
        ValueError: as for ``read_records``.
    """
    path, rows = Path(path), list(rows)
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    table = pa.table(columns, schema=SCHEMA)
    _check_rows(_to_frame(table), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        pq.write_table(table, partial, compression="zstd")


def check_same_solutions(frame: pd.DataFrame) -> None:
    """Check the comparison's premise: at each data scale and seed, all arms were given the same solutions.

    Raises:
        ValueError: names the data scale, the seed and each arm's hash.
    """
    students = frame[frame["arm"].isin(list(STUDENT_ARMS)) & frame["solutions_hash"].notna()]
    keys = ["acquisition", "data_scale", "variant", "level", "seed"]
    for key, rows in students.groupby(keys, dropna=False):
        hashes = rows.groupby("arm")["solutions_hash"].unique()
        if len({value for values in hashes for value in values}) > 1:
            found = "; ".join(f"{arm} {', '.join(v[:12] for v in values)}" for arm, values in hashes.items())
            pairs: Any = zip(keys, key, strict=True)
            place = ", ".join(f"{name} {value}" for name, value in pairs if not pd.isna(value))
            raise ValueError(f"solutions_hash: at {place} found {found}; allowed one hash for all arms")


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of records, or of a ``summarize`` result, where nothing else is varied."""
    return frame[frame["variant"].isna()]
