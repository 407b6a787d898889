"""Intervals by hand, against scipy, and their coverage."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from results.records import Record
from results.statistics import (
    Estimate,
    comparison_n,
    contrasts,
    corrected,
    differences,
    intervals,
    resample_weights,
    seed_half_width,
    seed_interval,
    summarise,
    verdict,
)

T2 = 4.302652729911275  # t_{.975, 2}


def record(
    arm: str, values: Any, seed: int | None, n: int | None = 2, data_scale: int | None = 4, **more: Any
) -> Record:
    fields: dict[str, Any] = {
        "experiment": "e",
        "scale": "s",
        "dataset": "d",
        "config": "{}",
        "revision": "r",
        "arm": arm,
        "acquisition": None if seed is None else "uniform",
        "seed": seed,
        "n": n,
        "data_scale": None if seed is None else data_scale,
        "metric": "best_of_n",
    }
    return Record(**(fields | {"value": float(np.mean(values)), "problem_values": tuple(values)} | more))


def test_the_seed_term_by_hand() -> None:
    # means 0.4, 0.5, 0.6: sd = sqrt((0.01 + 0 + 0.01) / 2) = 0.1; t * sd / sqrt(3) = 4.3027 * 0.1 / 1.7321 =
    # 0.24841
    assert seed_half_width([0.4, 0.5, 0.6]) == pytest.approx(T2 * 0.1 / math.sqrt(3))
    assert seed_half_width([0.4, 0.5, 0.6]) == pytest.approx(0.24841, abs=1e-5)
    assert seed_half_width([0.4]) == 0.0


def test_a_metric_without_problem_values_has_the_t_interval() -> None:
    found = seed_interval([0.4, 0.5, 0.6])
    low, high = stats.t.interval(0.95, 2, loc=0.5, scale=0.1 / math.sqrt(3))
    assert (found.estimate, found.lower, found.upper) == pytest.approx((0.5, low, high))
    one = seed_interval([0.4])
    assert (
        one.estimate == 0.4
        and math.isnan(one.lower)
        and math.isnan(one.upper)
        and one.verdict == "cannot be told"
    )


def test_equal_problems_leave_the_seed_term_alone() -> None:
    # every problem has its seed's value, so every resample has mean 0.5 and the bootstrap has no width
    value_SP = np.array([[0.4] * 5, [0.5] * 5, [0.6] * 5])
    (found,) = intervals([value_SP])
    assert found.upper - 0.5 == pytest.approx(0.24841, abs=1e-5)
    assert 0.5 - found.lower == pytest.approx(0.24841, abs=1e-5)


def test_one_seed_leaves_the_bootstrap_alone() -> None:
    # two problems, 0 and 1: a resample's mean is 0, 1/2 or 1 with chances 1/4, 1/2, 1/4, so the percentiles
    # 2.5 and 97.5 are 0 and 1
    (found,) = intervals([np.array([[0.0, 1.0]])])
    assert (found.estimate, found.lower, found.upper) == (0.5, 0.0, 1.0)


def test_both_terms_combine_as_a_hypotenuse() -> None:
    # seed means 0.4, 0.5, 0.6 again; problem means 0 and 1 in every seed but for the shift, so percentiles
    # are 0 and 1:
    # half width = sqrt(0.5^2 + 0.24841^2) = sqrt(0.25 + 0.061709) = 0.558309
    value_SP = np.array([[-0.1, 0.9], [0.0, 1.0], [0.1, 1.1]])
    (found,) = intervals([value_SP])
    assert found.upper == pytest.approx(0.5 + 0.558309, abs=1e-5)
    assert found.lower == pytest.approx(0.5 - 0.558309, abs=1e-5)


def test_the_bootstrap_agrees_with_scipy() -> None:
    value_P = np.random.default_rng(0).beta(0.5, 0.5, 200)
    (found,) = intervals([value_P[None]], resamples=20_000)
    reference = stats.bootstrap(
        (value_P,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.lower == pytest.approx(reference.low, abs=2e-3)
    assert found.upper == pytest.approx(reference.high, abs=2e-3)


def test_rows_do_not_depend_on_each_other() -> None:
    rng = np.random.default_rng(0)
    rows = [rng.random((seeds, 30)) for seeds in (1, 3, 5)]
    for together, row in zip(intervals(rows), rows, strict=True):
        (alone,) = intervals([row])
        assert (together.estimate, together.lower, together.upper) == pytest.approx(
            (alone.estimate, alone.lower, alone.upper)
        )
    assert intervals([]) == []


@pytest.mark.parametrize("rows", [[np.zeros(3)], [np.zeros((0, 3))], [np.zeros((1, 3)), np.zeros((1, 4))]])
def test_rows_of_a_wrong_shape_are_refused(rows: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"values\[\d\]: found shape"):
        intervals(rows)


def test_weights_are_resamples() -> None:
    weight_PB = resample_weights(7, 50)
    assert weight_PB.shape == (7, 50)
    np.testing.assert_allclose(weight_PB.sum(axis=0), 1)
    np.testing.assert_allclose(weight_PB * 7, np.round(weight_PB * 7), atol=1e-12)
    assert (resample_weights(7, 50) == weight_PB).all()


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=st.floats(0, 1)),
    st.floats(-2, 2),
)
def test_an_interval_holds_its_estimate_and_moves_with_the_values(value_SP: np.ndarray, shift: float) -> None:
    (found,) = intervals([value_SP], resamples=200)
    (moved,) = intervals([value_SP + shift], resamples=200)
    assert found.lower <= found.estimate <= found.upper
    assert (moved.lower, moved.estimate, moved.upper) == pytest.approx(
        (found.lower + shift, found.estimate + shift, found.upper + shift), abs=1e-9
    )


def test_intervals_cover_the_truth() -> None:
    """Problems and seeds drawn 300 times around 0.5: the interval holds it about 95 times in 100."""
    rng = np.random.default_rng(5)
    drawn = [
        0.5 + rng.normal(0, 0.3, (1, 80)) + rng.normal(0, 0.02, (3, 1)) + rng.normal(0, 0.1, (3, 80))
        for _ in range(300)
    ]
    found = intervals(drawn, resamples=500)
    covered = np.mean([e.lower <= 0.5 <= e.upper for e in found])
    # 300 trials at 0.95 have a standard error of 0.0126; the seed term is cautious when added to the
    # bootstrap
    assert 0.92 <= covered <= 1.0
    mean_width = np.mean([e.upper - e.lower for e in found])
    # problems alone: 2 * 1.96 * sqrt(0.09 + 0.01 / 3) / sqrt(80) = 0.134; all but useless intervals would be
    # wider than 0.3
    assert 0.12 < mean_width < 0.3


def test_summarise_by_hand(records_frame: Any) -> None:
    frame = records_frame(
        [
            record("process", [0.0, 1.0], 0),
            record("process", [0.5, 1.0], 1),
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
    out = summarise(frame)
    assert list(out["arm"]) == ["process", "process", "majority"] and list(out["metric"]) == [
        "best_of_n",
        "step_auroc",
        "majority",
    ]
    # mean over seeds and problems: (0 + 1 + 0.5 + 1) / 4
    assert list(out["estimate"]) == [0.625, 0.9, 0.5]
    assert list(out["seeds"]) == [2, 1, 0] and list(out["problems"]) == [2, 0, 2]
    # seed means 0.5 and 0.75: sd = 0.125 * sqrt(2); t_{.975, 1} = 12.7062; 12.7062 * 0.17678 / sqrt(2) =
    # 1.58828
    # problem means 0.25 and 1: percentiles are 0.25 and 1, 0.375 from 0.625; sqrt(0.375^2 + 1.58828^2) =
    # 1.63195
    assert out["upper"].iloc[0] == pytest.approx(0.625 + 1.63195, abs=1e-4)
    assert math.isnan(out["upper"].iloc[1])
    assert pd.isna(out["n"].iloc[1]) and pd.isna(out["data_scale"].iloc[2])


def test_bins_are_averaged_and_counts_added(records_frame: Any) -> None:
    common: dict[str, Any] = {"metric": "calibration", "n": 0, "problem_values": None}
    frame = records_frame(
        [
            record("process", [0.2], 0, x=0.1, count=10, **common),
            record("process", [0.4], 1, x=0.3, count=30, **common),
        ]
    )
    out = summarise(frame).iloc[0]
    assert (out["estimate"], out["x"], out["count"]) == (pytest.approx(0.3), pytest.approx(0.2), 40)


def test_a_table_of_two_runs_is_refused(records_frame: Any) -> None:
    frame = records_frame([record("process", [0.5], 0), record("process", [0.5], 0, dataset="other")])
    for function in (summarise, lambda f: differences(f, [], "best_of_n", 2)):
        with pytest.raises(ValueError, match="dataset: found d, other in one table, allowed one"):
            function(frame)


def test_problem_values_in_some_seeds_only_are_refused(records_frame: Any) -> None:
    frame = records_frame([record("process", [0.5], 0), record("process", [0.5], 1, problem_values=None)])
    with pytest.raises(ValueError, match="found null in some seeds only of arm process"):
        summarise(frame)


def test_a_difference_is_paired_by_problem(records_frame: Any) -> None:
    # process is 0.1 better on each of two very different problems: the difference has no width, though each
    # arm's has
    frame = records_frame([record("process", [0.1, 0.9], 0), record("final_answer", [0.0, 0.8], 0)])
    row = differences(frame, [("process", "final_answer")], "best_of_n", 2).iloc[0]
    assert (row["estimate"], row["lower"], row["upper"]) == pytest.approx((0.1, 0.1, 0.1))
    assert (row["verdict"], row["seeds"], row["problems"]) == ("above zero", 1, 2)
    back = differences(frame, [("final_answer", "process")], "best_of_n", 2).iloc[0]
    assert (back["lower"], back["verdict"]) == (pytest.approx(-0.1), "below zero")


def test_a_difference_is_paired_by_seed(records_frame: Any) -> None:
    # seeds move both arms alike: 0.3 - 0.2, 0.6 - 0.5, 0.9 - 0.8; unpaired, the seed term would be 4.30 *
    # 0.3 / 1.73 = 0.75
    rows = [record("process", [0.3 * (s + 1)] * 2, s) for s in range(3)]
    rows += [record("final_answer", [0.3 * (s + 1) - 0.1] * 2, s) for s in (2, 1, 0)]
    rows.append(record("process", [1.0] * 2, 7))  # has no partner
    row = differences(records_frame(rows), [("process", "final_answer")], "best_of_n", 2).iloc[0]
    assert (row["estimate"], row["lower"], row["upper"], row["seeds"]) == (
        pytest.approx(0.1),
        pytest.approx(0.1),
        pytest.approx(0.1),
        3,
    )


def test_a_reference_pairs_with_every_seed_and_scale(records_frame: Any) -> None:
    rows = [record("process", [0.6, 0.8], s, data_scale=scale) for s in (0, 1) for scale in (1, 4)]
    rows += [
        record("majority", [0.5, 0.5], None, metric="majority"),
        record("random", [0.4, 0.6], None, n=1, metric="random"),
        record("labeler", [0.9, 0.9], None),
    ]
    pairs = [("process", "majority"), ("random", "process"), ("labeler", "majority"), ("process", "oracle")]
    out = differences(records_frame(rows), pairs, "best_of_n", 2)
    assert [(r.arm, r.against) for r in out.itertuples()] == [("process", "majority")] * 2 + [
        ("random", "process")
    ] * 2 + [("labeler", "majority")]
    # 0.7 - 0.5 at both scales; 0.5 - 0.7 at both; 0.9 - 0.5
    assert list(out["estimate"]) == pytest.approx([0.2, 0.2, -0.2, -0.2, 0.4])
    assert list(out["seeds"]) == [2, 2, 2, 2, 0]
    assert out["data_scale"].tolist()[:4] == [1, 4, 1, 4] and pd.isna(out["data_scale"].iloc[4])


def test_a_difference_without_problem_values_is_paired_by_seed(records_frame: Any) -> None:
    rows = [
        Record(
            experiment="e",
            scale="s",
            dataset="d",
            config="{}",
            revision="r",
            arm=arm,
            seed=s,
            acquisition="uniform",
            data_scale=4,
            metric="step_auroc",
            value=base + 0.1 * s,
        )
        for arm, base in (("process", 0.6), ("final_answer", 0.5))
        for s in range(3)
    ]
    row = differences(records_frame(rows), [("process", "final_answer")], "step_auroc").iloc[0]
    # 0.1 in each seed: no width
    assert (row["estimate"], row["lower"], row["problems"]) == (pytest.approx(0.1), pytest.approx(0.1), 0)


def test_differences_of_different_problems_are_refused(records_frame: Any) -> None:
    frame = records_frame(
        [record("process", [0.5, 0.5], 0), record("majority", [0.5], None, metric="majority")]
    )
    with pytest.raises(ValueError, match="found 2 problems for process and 1 for majority"):
        differences(frame, [("process", "majority")], "best_of_n", 2)


def test_contrasts_pair_rows_that_differ_in_one_column(records_frame: Any) -> None:
    """Minimum against product, by arm and data scale: process at 1 by +0.5 and 0, at 2 by -0.25 and -0.25."""
    rows = [
        record("process", [1.0, 0.5], 0, data_scale=1, variant="minimum"),
        record("process", [0.5, 0.5], 0, data_scale=1, variant="product"),
        record("process", [0.25, 0.5], 0, data_scale=2, variant="minimum"),
        record("process", [0.5, 0.75], 0, data_scale=2, variant="product"),
        record("process", [0.5, 0.75], 0, data_scale=4, variant="product"),
    ]
    found = contrasts(records_frame(rows), "variant", [("minimum", "product"), ("mean", "product")], n=2)
    assert found[["data_scale", "variant", "against", "estimate"]].values.tolist() == [
        [1, "minimum", "product", 0.25],
        [2, "minimum", "product", -0.25],
    ]
    assert found["verdict"].tolist() == ["cannot be told", "below zero"]  # the second the same everywhere


def test_the_compared_n_is_not_a_single_draw(records_frame: Any) -> None:
    rows = [record("process", [0.5], 0, n=n, single_draw=n == 8) for n in (2, 4, 8)]
    assert comparison_n(records_frame(rows)) == 4
    assert comparison_n(records_frame(rows[2:])) == 8
    with pytest.raises(ValueError, match="found no best_of_n"):
        comparison_n(records_frame([record("majority", [0.5], None, metric="majority")]))


def test_the_verdict_follows_the_corrected_p() -> None:
    """z = 1.96 * estimate / half width: 3.92, 2.156 and 0, so p = 0.000089, 0.0311 and 1.

    After Holm 3 * 0.000089, 2 * 0.0311 and 1: the second's interval leaves zero out, its p does not tell.
    """
    columns = ["estimate", "lower", "upper", "verdict"]
    rows = [(0.2, 0.1, 0.3, "above zero"), (-0.11, -0.21, -0.01, "below zero"), (0, -1, 1, "cannot be told")]
    found = corrected(pd.DataFrame(rows, columns=columns))
    assert found["p"].tolist() == pytest.approx([0.000266, 0.0622, 1], rel=2e-3)
    assert found["verdict"].tolist() == ["above zero", "cannot be told", "cannot be told"]
    alone = corrected(pd.DataFrame(rows[1:2], columns=columns))
    assert (
        alone["p"].tolist() == pytest.approx([0.0311], rel=2e-3) and alone["verdict"].item() == "below zero"
    )
    assert corrected(pd.DataFrame([], columns=columns)).empty


def test_verdicts() -> None:
    assert [
        verdict(0.1, 0.2),
        verdict(-0.1, 0.2),
        verdict(0.0, 0.2),
        verdict(-0.2, -0.1),
        verdict(math.nan, math.nan),
    ] == ["above zero", "cannot be told", "cannot be told", "below zero", "cannot be told"]
    assert Estimate(estimate=0.1, lower=0.05, upper=0.2).verdict == "above zero"
