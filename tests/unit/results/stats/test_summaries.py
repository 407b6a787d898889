"""Summaries of records by hand, and the N that is compared."""

import math
from typing import Any

import pandas as pd
import pytest

from results.records import Record
from results.stats.differences import differences
from results.stats.summaries import comparison_n, summarize


def test_summarize_by_hand(record: Any, records_frame: Any) -> None:
    frame = records_frame(
        [
            record("process", [0.2, 0.6], 0),
            record("process", [0.22, 0.6], 1),
            record("majority", [0.25, 0.75], None, metric="majority"),
            Record(
                experiment="e",
                scale="s",
                dataset="d",
                config="{}",
                revision="r",
                arm="process",
                seed=0,
                acquisition="uniform",
                data_scale=4,
                metric="step_auroc",
                value=0.9,
            ),
        ]
    )
    out = summarize(frame)
    assert list(out["arm"]) == ["process", "process", "majority"] and list(out["metric"]) == [
        "best_of_n",
        "step_auroc",
        "majority",
    ]
    # mean over seeds and problems: (0.2 + 0.6 + 0.22 + 0.6) / 4
    assert list(out["estimate"]) == pytest.approx([0.405, 0.9, 0.5])
    assert list(out["seeds"]) == [2, 1, 0] and list(out["problems"]) == [2, 0, 2]
    # with two problems t_{.975, 1} = 12.7062 makes the interval wider than what a share can be
    assert (out["lower"].iloc[0], out["upper"].iloc[0]) == (0, 1)
    assert math.isnan(out["upper"].iloc[1])
    assert pd.isna(out["n"].iloc[1]) and pd.isna(out["data_scale"].iloc[2])


def test_no_interval_reaches_beyond_what_the_metric_can_be(record: Any, records_frame: Any) -> None:
    # seed means 0.5 and 0.75: 12.7062 * 0.17678 / sqrt(2) = 1.58828 on both sides
    shares = [record("process", value, seed) for seed, value in enumerate([[0.0, 1.0], [0.5, 1.0]])]
    common: dict[str, Any] = {"metric": "rank_correlation", "n": None, "problem_values": None}
    correlations = [record("process", [value], seed, **common) for seed, value in enumerate([0.5, 0.75])]
    out = summarize(records_frame(shares + correlations)).set_index("metric")
    assert out.loc["best_of_n", ["lower", "estimate", "upper"]].tolist() == [0, 0.625, 1]
    # 0.625 - 1.58828 = -0.96328, which a correlation can be
    assert out.loc["rank_correlation", ["lower", "upper"]].tolist() == pytest.approx([-0.96328, 1], abs=1e-5)


def test_bins_are_averaged_and_counts_added(record: Any, records_frame: Any) -> None:
    common: dict[str, Any] = {"metric": "calibration", "n": 0, "problem_values": None}
    frame = records_frame(
        [
            record("process", [0.2], 0, x=0.1, count=10, **common),
            record("process", [0.4], 1, x=0.3, count=30, **common),
        ]
    )
    out = summarize(frame).iloc[0]
    assert (out["estimate"], out["x"], out["count"]) == (pytest.approx(0.3), pytest.approx(0.2), 40)


def test_a_table_of_two_runs_is_refused(record: Any, records_frame: Any) -> None:
    frame = records_frame([record("process", [0.5], 0), record("process", [0.5], 0, dataset="other")])
    for function in (summarize, lambda f: differences(f, [], "best_of_n", 2)):
        with pytest.raises(ValueError, match="dataset: found d, other in one table, allowed one"):
            function(frame)


def test_problem_values_in_some_seeds_only_are_refused(record: Any, records_frame: Any) -> None:
    frame = records_frame([record("process", [0.5], 0), record("process", [0.5], 1, problem_values=None)])
    with pytest.raises(ValueError, match="found null in some seeds only of arm process"):
        summarize(frame)


def test_the_compared_n_is_not_a_single_draw(record: Any, records_frame: Any) -> None:
    rows = [record("process", [0.5], 0, n=n, single_draw=n == 8) for n in (2, 4, 8)]
    assert comparison_n(records_frame(rows)) == 4
    assert comparison_n(records_frame(rows[2:])) == 8
    with pytest.raises(ValueError, match="found no best_of_n"):
        comparison_n(records_frame([record("majority", [0.5], None, metric="majority")]))
