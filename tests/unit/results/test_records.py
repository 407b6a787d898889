"""Every rule of the record table: each bad row and file is refused with one line that says why."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from paths import ROOT

from results.records import Record, check_same_solutions, read_records, write_records
from results.schema import COLUMNS, SCHEMA

GOOD: dict[str, Any] = {
    "experiment": "supervision",
    "scale": "quick",
    "dataset": "world_a",
    "cell": "c",
    "arm": "process",
    "acquisition": "uniform",
    "data_scale": 4,
    "seed": 0,
    "metric": "best_of_n",
    "n": 2,
    "value": 0.5,
    "problem_values": (0.25, 0.75),
    "solutions_hash": "ab",
    "distinct_solutions": 7,
    "config": "{}",
    "revision": "r",
}
REFERENCE = GOOD | {"arm": "labeler", "data_scale": None, "seed": None, "cell": None, "solutions_hash": None}


def test_written_records_are_read_back(made_rows: list[Record], tmp_path: Path) -> None:
    path = tmp_path / "deep" / "records.parquet"
    write_records(path, made_rows)
    frame = read_records(path)
    # 12 cells x (8 N + 2 AUROCs + 5 points of a curve) + 3 x 8 references + pass@1 + labeler's two
    # AUROCs + 10 bins
    #   = 4 x 3 x 3 x 15 + 24 + 1 + 2 + 10 = 540 + 37
    assert len(frame) == 577 and list(frame.columns) == list(COLUMNS) == SCHEMA.names
    assert [p.name for p in path.parent.iterdir()] == ["records.parquet"]
    for index in (0, 14, 541, 575):
        for field in dataclasses.fields(Record):
            wanted, found = getattr(made_rows[index], field.name), frame[field.name].iloc[index]
            if wanted is None:
                assert found is None or pd.isna(found)
            else:
                assert np.array_equal(found, wanted)
    assert frame["data_scale"].dtype == "Int64"


BAD_ROWS = [
    ({"arm": "proces"}, "arm: found 'proces', allowed process, prm_outcome"),
    ({"metric": "accuracy"}, "metric: found 'accuracy', allowed best_of_n, majority"),
    ({"metric": "majority"}, "metric: found 'majority' for arm 'process', allowed for majority"),
    ({"experiment": " "}, "experiment: found ' ', allowed a name"),
    ({"revision": None}, "revision: found null"),
    ({"data_scale": None}, "data_scale: found null, allowed an integer for arm 'process'"),
    ({"data_scale": 0}, "data_scale: found 0, allowed 1 or more"),
    ({"seed": None}, "seed: found null, allowed an integer"),
    ({"seed": None, "variant": "one_model"}, "seed: found null, allowed an integer for arm 'process'"),
    ({"data_scale": None, "variant": "mean_score"}, "data_scale: found null, allowed an integer for arm"),
    ({"arm": "labeler"}, "data_scale: found 4, allowed null for the reference arm"),
    ({"arm": "labeler", "data_scale": None}, "seed: found 0, allowed null for the reference arm"),
    ({"n": None}, "n: found null, allowed 1 or more (solutions)"),
    ({"n": 0}, "n: found 0, allowed 1 or more"),
    ({"metric": "step_auroc"}, "n: found 2, allowed null"),
    ({"metric": "validation_best_of_n", "n": -1}, "n: found -1, allowed 0 or more (updates"),
    (REFERENCE | {"arm": "random", "metric": "random"}, "n: found 2, allowed 1"),
    (REFERENCE | {"metric": "calibration", "count": 3}, "x: found None, allowed a number"),
    (REFERENCE | {"metric": "calibration", "x": 0.5}, "count: found None, allowed a number"),
    (REFERENCE | {"metric": "calibration", "x": 1.5, "count": 3}, "x, count: found 1.5, 3"),
    ({"x": 0.5}, "x: found 0.5, allowed null"),
    ({"value": float("nan")}, "value: found nan, allowed 0 to 1"),
    ({"value": 1.5, "problem_values": None}, "value: found 1.5, allowed 0 to 1"),
    ({"problem_values": ()}, "problem_values: found [], allowed one finite number"),
    ({"problem_values": (0.5, float("inf"))}, "problem_values: found [0.5, inf]"),
    ({"problem_values": (0.5, 0.75)}, "problem_values: found mean 0.625, allowed the row's value 0.5"),
]


@pytest.mark.parametrize(("change", "message"), BAD_ROWS)
def test_a_bad_row_is_refused_when_made_and_when_read(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError) as made:
        Record(**(GOOD | change))
    assert message in str(made.value)
    row = {name: None for name in COLUMNS} | {"single_draw": False} | GOOD | change
    path = tmp_path / "bad.parquet"
    fields = [field.with_nullable(True) for field in SCHEMA]
    pq.write_table(
        pa.Table.from_pylist(
            [{**GOOD, "x": None, "count": None, "single_draw": False}, row], schema=pa.schema(fields)
        ),
        path,
    )
    if change.get("value") != change.get("value"):  # NaN stays NaN in Parquet; pandas reads it as missing
        message = "value: found"
    with pytest.raises(ValueError) as read:
        read_records(path)
    assert (
        str(read.value).startswith(f"{path}: row 1: ")
        and message in str(read.value)
        and "\n" not in str(read.value)
    )


def _rewrite(path: Path, change: Any) -> None:
    pq.write_table(change(pq.read_table(path)), path)


BAD_FILES = [
    (lambda t: t.drop_columns(["seed"]), "column seed: found none, allowed int64"),
    (lambda t: t.append_column("accuracy", pa.array([1.0] * len(t))), "column accuracy: found, allowed only"),
    (
        lambda t: t.set_column(t.schema.get_field_index("n"), "n", pa.array(["2"] * len(t))),
        "column n: found string, allowed int64",
    ),
    (lambda t: pa.concat_tables([t, t]), "row 1: experiment, scale, dataset, arm"),
    (
        lambda t: t.set_column(t.schema.get_field_index("config"), "config", pa.array(["{"] * len(t))),
        "row 0: config: found '{'",
    ),
    (
        lambda t: t.set_column(t.schema.get_field_index("config"), "config", pa.array(["[]"] * len(t))),
        "row 0: config: found '[]'",
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD_FILES)
def test_a_bad_file_is_refused(change: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    write_records(path, [Record(**GOOD)])
    _rewrite(path, change)
    with pytest.raises(ValueError) as raised:
        read_records(path)
    assert str(raised.value).startswith(f"{path}: {message}")


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    path.write_text("not a table")
    with pytest.raises(ValueError, match="found no readable Parquet file"):
        read_records(path)


def test_all_rows_of_a_metric_have_the_same_problems(tmp_path: Path) -> None:
    rows = [Record(**GOOD), Record(**(GOOD | {"seed": 1, "problem_values": (0.5, 0.5, 0.5)}))]
    with pytest.raises(ValueError, match="row 1: problem_values: found 3 problems, allowed 2"):
        write_records(tmp_path / "records.parquet", rows)
    assert list(tmp_path.iterdir()) == []


def test_arms_with_different_solutions_are_refused(records_frame: Any) -> None:
    rows = [
        Record(**GOOD),
        Record(**(GOOD | {"arm": "final_answer"})),
        Record(**(GOOD | {"seed": 1, "solutions_hash": "cd"})),
    ]
    check_same_solutions(records_frame(rows))
    rows.append(Record(**(GOOD | {"seed": 1, "arm": "final_answer", "solutions_hash": "ef"})))
    with pytest.raises(
        ValueError, match="at acquisition uniform, data_scale 4, seed 1 found final_answer ef; process cd"
    ):
        check_same_solutions(records_frame(rows))


def test_config_is_kept_whole(records_frame: Any) -> None:
    config = json.dumps({"learning_rate": 0.002, "text": "ü"})
    assert records_frame([Record(**(GOOD | {"config": config}))])["config"].iloc[0] == config


def test_reference_runs_hold_no_path_of_a_machine() -> None:
    """Neither records nor settings."""
    runs = sorted(path.parent for path in (ROOT / "results" / "reference").glob("*/records.parquet"))
    assert len(runs) > 15
    for run in runs:
        configs = pq.read_table(run / "records.parquet", columns=["config"])["config"].unique().to_pylist()
        texts = [*filter(None, configs), (run / "run.yaml").read_text()]
        assert not [text for text in texts if re.search(r"""["' ]/\w""", text)], run
