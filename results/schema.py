"""The record: one tidy Parquet row for each cell, metric and n. Every column is documented in ``COLUMNS``."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

STUDENT_ARMS: dict[str, str] = {
    "process": "process supervision",
    "prm_outcome": "PRM-derived outcome",
    "final_answer": "final-answer outcome",
    "process_neutral": "process supervision, neutral kept",
}
"""Arms with a reward model of their own, one a data scale and seed, and the words figures and tables use."""

REFERENCE_ARMS: dict[str, str] = {
    "labeler": "labeler (large PRM)",
    "large_prm": "large PRM, collected data",
    "large_orm": "large ORM",
    "majority": "majority voting",
    "oracle": "pass@N",
    "random": "pass@1",
}
"""Arms that have no data scale and no seed."""

ARMS: dict[str, str] = STUDENT_ARMS | REFERENCE_ARMS

PLAIN_ACQUISITION = "uniform"
"""The acquisition that goes without saying."""


def is_plain(acquisition: object) -> bool:
    """Whether an acquisition goes without saying: uniform, or null as for references."""
    return not isinstance(acquisition, str) or acquisition == PLAIN_ACQUISITION


def acquisition_words(acquisition: object) -> str:
    """An acquisition in words."""
    return str(acquisition).replace("_", " ")


def arm_words(arm: str, acquisition: object = None) -> str:
    """The paper's words for an arm, with the acquisition where it is not the plain one."""
    return ARMS[arm] if is_plain(acquisition) else f"{ARMS[arm]}, {acquisition_words(acquisition)}"


def short_words(arm: str) -> str:
    """The words for an arm, without what it was trained on."""
    return ARMS[arm].removesuffix(", collected data")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a metric is and which rows may hold it."""

    meaning: str
    """One line."""
    n: str | None
    """What ``n`` counts; None where the metric has no n."""
    arms: tuple[str, ...]
    """Arms that may hold it."""
    has_bins: bool = False
    """Whether ``x`` and ``count`` are given."""
    least: float = 0.0
    """Least value: 0 of a share, -1 of a correlation; the most is 1."""


_SCORERS = (*STUDENT_ARMS, "labeler", "large_prm", "large_orm")
METRICS: dict[str, Metric] = {
    "best_of_n": Metric(
        meaning="expected share of problems solved by the best-scored of n solutions",
        n="solutions",
        arms=_SCORERS,
    ),
    "majority": Metric(
        meaning="share of problems solved by the commonest answer of n solutions",
        n="solutions",
        arms=("majority",),
    ),
    "weighted_vote": Metric(
        meaning="share of problems solved by voting of n solutions, each weighted by its score",
        n="solutions",
        arms=("labeler", "large_prm", "large_orm"),
    ),
    "pass_at_n": Metric(
        meaning="share of problems where some solution of n is right", n="solutions", arms=("oracle",)
    ),
    "random": Metric(
        meaning="share of problems solved by one solution at random (pass@1)",
        n="solutions, always 1",
        arms=("random",),
    ),
    "step_auroc": Metric(
        meaning="area under the ROC curve of step scores against the oracle's labels", n=None, arms=_SCORERS
    ),
    "pool_step_auroc": Metric(
        meaning="step_auroc on the students' training solutions, which the labeler labels",
        n=None,
        arms=("labeler",),
    ),
    "solution_auroc": Metric(
        meaning="area under the ROC curve of solution scores against right final answers",
        n=None,
        arms=_SCORERS,
    ),
    "length_correlation": Metric(
        meaning="rank correlation of solution scores with numbers of steps, given problem and correctness, "
        "on problems whose equally right solutions differ in length",
        n=None,
        arms=_SCORERS,
        least=-1,
    ),
    "calibration": Metric(
        meaning="share of a bin's steps that are right",
        n="index of the bin, from 0",
        arms=_SCORERS,
        has_bins=True,
    ),
    "ends_right": Metric(
        meaning="share of the labelled solutions whose final answer is right", n=None, arms=("large_prm",)
    ),
    "right_steps": Metric(
        meaning="share of the labelled steps that the annotator calls right or neutral",
        n=None,
        arms=("large_prm",),
    ),
    "validation_best_of_n": Metric(
        meaning="best-of-N on validation problems while training",
        n="updates made so far",
        arms=tuple(STUDENT_ARMS),
    ),
    "kept_best_of_n": Metric(
        meaning="best_of_n on validation problems, of the checkpoint that they chose",
        n="solutions",
        arms=tuple(STUDENT_ARMS),
    ),
    "rank_correlation": Metric(
        meaning="Spearman correlation within a problem of a selector's scores of the pool with those of the "
        "selector before it",
        n=None,
        arms=("process",),
        least=-1.0,
    ),
    "chosen_right": Metric(
        meaning="share of the solutions labelled last that end right", n=None, arms=("process",)
    ),
    "chosen_error_free": Metric(
        meaning="share of the solutions labelled last in which the labeler finds no incorrect step",
        n=None,
        arms=("process",),
    ),
    "chosen_steps_right": Metric(
        meaning="share of right steps among those labelled last", n=None, arms=("process",)
    ),
    "chosen_repeats": Metric(
        meaning="share of the solutions labelled last that are near-duplicates of labelled ones",
        n=None,
        arms=("process",),
    ),
    "chosen_calibration_error": Metric(
        meaning="expected calibration error, against the labeler's labels, on the solutions labelled last, "
        "of the selector that chose them",
        n=None,
        arms=("process",),
    ),
    "pool_calibration_error": Metric(
        meaning="expected calibration error, against the labeler's labels, on the pool's distinct solutions",
        n=None,
        arms=("process",),
    ),
    "chosen_agreement": Metric(
        meaning="area under the ROC curve of step scores against the labeler's labels, on the solutions "
        "labelled last, of the selector that chose them",
        n=None,
        arms=("process",),
    ),
    "pool_agreement": Metric(
        meaning="area under the ROC curve of step scores against the labeler's labels, on the pool's "
        "distinct solutions",
        n=None,
        arms=("process",),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the record table."""

    type: pa.DataType
    """Its Arrow type."""
    unit: str
    """Unit or kind of value."""
    meaning: str
    """What it holds, and when it is null."""
    nullable: bool = False
    """Whether null is allowed."""


COLUMNS: dict[str, Column] = {
    "experiment": Column(type=pa.string(), unit="name", meaning="the experiment, as on the command line"),
    "scale": Column(type=pa.string(), unit="name", meaning="smoke, quick, small or paper"),
    "dataset": Column(type=pa.string(), unit="name", meaning="the world or the pool of real solutions"),
    "cell": Column(
        type=pa.string(),
        unit="id",
        nullable=True,
        meaning="the reward model: supervision x acquisition x data scale x seed; null where it does not "
        "apply",
    ),
    "arm": Column(type=pa.string(), unit="name", meaning="a line of a figure: " + ", ".join(ARMS)),
    "acquisition": Column(
        type=pa.string(),
        unit="name",
        nullable=True,
        meaning="how the labelled solutions were chosen; null where it does not apply",
    ),
    "data_scale": Column(
        type=pa.int64(),
        unit="solutions labelled a problem",
        nullable=True,
        meaning="size of the training set; null where it does not apply",
    ),
    "seed": Column(
        type=pa.int64(),
        unit="integer",
        nullable=True,
        meaning="redraws training subset, order and head for all arms alike; null where it does not apply",
    ),
    "variant": Column(
        type=pa.string(),
        unit="name",
        nullable=True,
        meaning="what else is varied, such as a scoring strategy or a hyperparameter; null: nothing is",
    ),
    "level": Column(
        type=pa.float64(),
        unit="by variant",
        nullable=True,
        meaning="a number that goes with the variant: value of the hyperparameter, quintile, round",
    ),
    "metric": Column(type=pa.string(), unit="name", meaning="what value measures: " + ", ".join(METRICS)),
    "n": Column(
        type=pa.int64(),
        unit="solutions; updates; bin index",
        nullable=True,
        meaning="abscissa of the metric, by metric; null where it has none",
    ),
    "x": Column(
        type=pa.float64(),
        unit="probability",
        nullable=True,
        meaning="calibration only: mean predicted probability of the bin",
    ),
    "count": Column(
        type=pa.int64(), unit="steps", nullable=True, meaning="calibration only: steps in the bin"
    ),
    "value": Column(
        type=pa.float64(),
        unit="share, 0 to 1; correlation, -1 to 1",
        meaning="the metric; never NaN: what is undefined has no row",
    ),
    "problem_values": Column(
        type=pa.list_(pa.float64()),
        unit="share, 0 to 1; correlation, -1 to 1",
        nullable=True,
        meaning="the metric on each problem that has it, in one order within a metric, variant and level; "
        "its mean is value",
    ),
    "single_draw": Column(
        type=pa.bool_(),
        unit="true or false",
        meaning="n equals the number of solutions drawn: one draw, not an expectation",
    ),
    "solutions_hash": Column(
        type=pa.string(),
        unit="sha256, hex",
        nullable=True,
        meaning="the labelled training solutions: equal for all arms of a data scale and seed",
    ),
    "distinct_solutions": Column(
        type=pa.int64(),
        unit="solutions",
        nullable=True,
        meaning="how many of the training solutions differ; with a pool, the sum over the folds' models",
    ),
    "labelled_solutions": Column(
        type=pa.int64(),
        unit="solutions",
        nullable=True,
        meaning="solutions with a label, in all; with a pool, the sum over the folds' models",
    ),
    "labelled_steps": Column(
        type=pa.int64(),
        unit="steps",
        nullable=True,
        meaning="steps with a label, up to the first error; null for outcome supervision",
    ),
    "config": Column(
        type=pa.string(),
        unit="JSON object",
        meaning="the run's settings and, of a cell, what was chosen: learning rate, checkpoint, threshold",
    ),
    "revision": Column(type=pa.string(), unit="git commit", meaning="the code that gathered the rows"),
}

SCHEMA = pa.schema(
    [pa.field(name, column.type, nullable=column.nullable) for name, column in COLUMNS.items()]
)

CELL = ("arm", "acquisition", "data_scale", "variant", "level")
"""Columns that name a kind of reward model and its evaluation, whatever its seed."""

KEY = ("experiment", "scale", "dataset", *CELL, "seed", "metric", "n")
"""Columns that name a row: no two rows of a file agree in all of them."""

_MEAN_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row of the table; units and meanings are those of ``COLUMNS``.

    Raises:
        ValueError: a field has a value the schema does not allow.
    """

    experiment: str
    """Name of the experiment."""
    scale: str
    """Name of the experiment's scale."""
    dataset: str
    """World or pool."""
    arm: str
    """Key of ``ARMS``."""
    metric: str
    """Key of ``METRICS``."""
    value: float
    """Share, 0 to 1, or correlation, -1 to 1."""
    config: str
    """JSON object."""
    revision: str
    """Git commit."""
    single_draw: bool = False
    """Whether n is the number of solutions drawn."""
    cell: str | None = None
    """Id of the reward model."""
    acquisition: str | None = None
    """How solutions were chosen."""
    data_scale: int | None = None
    """Solutions labelled a problem."""
    seed: int | None = None
    """Seed of the cell."""
    variant: str | None = None
    """What else is varied."""
    level: float | None = None
    """Number that goes with the variant."""
    n: int | None = None
    """Solutions, updates or bin index, by metric."""
    x: float | None = None
    """Mean predicted probability of a bin."""
    count: int | None = None
    """Steps in a bin."""
    problem_values: tuple[float, ...] | None = None
    """Value on each problem that has it [P]."""
    solutions_hash: str | None = None
    """sha256 of the training solutions."""
    distinct_solutions: int | None = None
    """Distinct training solutions."""
    labelled_solutions: int | None = None
    """Labelled training solutions."""
    labelled_steps: int | None = None
    """Labelled steps of them."""

    def __post_init__(self) -> None:
        if self.problem_values is not None:
            object.__setattr__(self, "problem_values", tuple(float(v) for v in self.problem_values))
        fault = _row_fault({field.name: getattr(self, field.name) for field in fields(self)})
        if fault is not None:
            raise ValueError(f"Record.{fault}")


def _row_fault(row: Mapping[str, Any]) -> str | None:
    """The first rule a row breaks, as "column: found ..., allowed ...", or None."""
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
        if arm in STUDENT_ARMS and row[name] is None:
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
    if not (math.isfinite(value) and metric.least - 1e-9 <= value <= 1 + 1e-9):
        allowed = f"{metric.least:g} to 1"
        return f"value: found {value}, allowed {allowed} (leave out a row whose metric is undefined)"
    if row["level"] is not None and (row["variant"] is None or not math.isfinite(row["level"])):
        return f"level: found {row['level']}, allowed a finite number, with a variant"
    problem_values = row["problem_values"]
    if problem_values is not None:
        value_P = np.asarray(problem_values, dtype=np.float64)
        if value_P.size == 0 or not np.isfinite(value_P).all():
            return f"problem_values: found {_short(value_P)}, allowed one finite number or more"
        if abs(float(value_P.mean()) - value) > _MEAN_TOLERANCE:
            return f"problem_values: found mean {value_P.mean():.9g}, allowed the row's value {value:.9g}"
    return None


def _short(values: np.ndarray) -> str:
    text = ", ".join(f"{v:g}" for v in values[:4])
    return f"[{text}{', ...' if len(values) > 4 else ''}]"


def _check_rows(frame: pd.DataFrame, where: str) -> None:
    """Hold every row, and the file as a whole, to the rules.

    Raises:
        ValueError: names file, row, column, what was found and what is allowed.
    """
    names = list(COLUMNS)
    lengths: dict[tuple[object, ...], int] = {}
    for index, values in enumerate(zip(*(_plain(frame[name]) for name in names), strict=True)):
        row = dict(zip(names, values, strict=True))
        fault = _row_fault(row)
        if fault is not None:
            raise ValueError(f"{where}: row {index}: {fault}")
        if row["problem_values"] is not None:
            found = len(row["problem_values"])
            allowed = lengths.setdefault((row["metric"], row["variant"], row["level"]), found)
            if found != allowed:
                raise ValueError(
                    f"{where}: row {index}: problem_values: found {found} problems, allowed {allowed} "
                    f"as in the rows of {row['metric']!r} before it"
                )
    configs = frame["config"].drop_duplicates()
    for index, text in zip(configs.index.tolist(), configs.tolist(), strict=True):
        try:
            config = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{where}: row {index}: config: found {text[:40]!r} ({error}), allowed a JSON object"
            ) from None
        if not isinstance(config, dict):
            raise ValueError(f"{where}: row {index}: config: found {text[:40]!r}, allowed a JSON object")
    twice = frame.duplicated(subset=list(KEY))
    if twice.any():
        index = int(np.flatnonzero(twice.to_numpy())[0])
        found_key = {name: frame[name].iloc[index] for name in KEY}
        raise ValueError(
            f"{where}: row {index}: {', '.join(KEY)}: found {found_key} a second time, allowed once"
        )


def _plain(column: pd.Series) -> list[Any]:
    """A column's values as plain Python objects, null as None."""
    missing = column.isna().tolist()
    return [None if gone else value for value, gone in zip(column.tolist(), missing, strict=True)]


def _to_frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)


def read_records(path: str | Path) -> pd.DataFrame:
    """Read and check a table of records.

    Args:
        path: a Parquet file with the columns of ``COLUMNS``; further columns are an error.

    Returns:
        One row a record. Integers are ``Int64`` (null is ``<NA>``); ``problem_values`` holds arrays [P] or
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
    """Check records and write them as one Parquet file, whole or not at all, rows in the order given.

    Raises:
        ValueError: as ``read_records``.
    """
    path = Path(path)
    table = _to_table(rows)
    _check_rows(_to_frame(table), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    pq.write_table(table, unfinished, compression="zstd")
    unfinished.replace(path)


def _to_table(rows: Iterable[Record]) -> pa.Table:
    rows = list(rows)
    return pa.table(
        {
            name: pa.array([getattr(row, name) for row in rows], type=column.type)
            for name, column in COLUMNS.items()
        },
        schema=SCHEMA,
    )


def check_same_solutions(frame: pd.DataFrame) -> None:
    """Hold the arms to the comparison's premise: at a data scale and seed all were given the same solutions.

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
            named = ", ".join(f"{name} {value}" for name, value in pairs if not pd.isna(value))
            raise ValueError(f"solutions_hash: at {named} found {found}; allowed one hash for all arms")


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of records, or of what ``summarise`` made of them, where nothing else is varied."""
    return frame[frame["variant"].isna()]
