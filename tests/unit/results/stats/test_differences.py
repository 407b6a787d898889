"""Paired differences, their p and its correction, by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.records import Record
from results.stats.differences import contrasts, corrected, differences, holm, with_estimates
from results.stats.intervals import Estimate, from_interval


def test_a_difference_is_paired_by_problem(record: Any, records_frame: Any) -> None:
    # process is 0.1 or 0.2 better on each of six very different problems, whatever the arms' own intervals:
    # sd = sqrt(6 * 0.05^2 / 5) = 0.0547723, error 0.0223607, t_{.975, 5} = 2.570582, half width 0.0574800
    process, answer = [0.1, 0.9, 0.2, 0.8, 0.3, 0.9], [0.0, 0.7, 0.1, 0.6, 0.2, 0.7]
    frame = records_frame([record("process", process, 0), record("final_answer", answer, 0)])
    row = differences(frame, [("process", "final_answer")], "best_of_n", 2).iloc[0]
    assert row["estimate"] == pytest.approx(0.15)  # (3 * 0.1 + 3 * 0.2) / 6
    assert (row["lower"], row["upper"]) == pytest.approx((0.15 - 0.05748, 0.15 + 0.05748), abs=1e-6)
    assert (row["verdict"], row["seeds"], row["problems"]) == ("above zero", 1, 6)
    back = differences(frame, [("final_answer", "process")], "best_of_n", 2).iloc[0]
    assert (back["lower"], back["verdict"]) == (pytest.approx(-row["upper"]), "below zero")


@pytest.mark.parametrize("problems", [1, 2, 5])
def test_a_few_problems_tell_no_difference(problems: int, record: Any, records_frame: Any) -> None:
    """However clear it is on each: p is 1, 1/2 or 1/16 at the least. Of one there is no interval."""
    process = [0.8 + 0.01 * p for p in range(problems)]
    rows = [record("process", process, 0), record("final_answer", [0.1] * problems, 0)]
    found = differences(records_frame(rows), [("process", "final_answer")], "best_of_n", 2)
    assert found["verdict"].tolist() == ["inconclusive"] == corrected(found)["verdict"].tolist()
    if problems == 1:
        assert np.isnan(found["lower"]).all() and np.isnan(corrected(found)["p"]).all()
    else:
        assert corrected(found)["p"].item() == 2 * 0.5**problems


def test_the_same_difference_on_every_problem_has_no_interval(record: Any, records_frame: Any) -> None:
    rows = [record("process", [0.6] * 8, 0), record("final_answer", [0.1] * 8, 0)]
    row = corrected(differences(records_frame(rows), [("process", "final_answer")], "best_of_n", 2)).iloc[0]
    assert row["estimate"] == 0.5 and np.isnan([row["lower"], row["upper"], row["p"]]).all()
    assert row["verdict"] == "inconclusive"


def test_a_difference_of_rounding_alone_is_none(record: Any, records_frame: Any) -> None:
    """0.1 + 0.2 + 0.3 exceeds 0.6 by 1.1e-16 on some problems: no method is better."""
    rows = [record("process", [0.1 + 0.2 + 0.3] * 6 + [0.5] * 6, 0)]
    rows.append(record("final_answer", [0.6] * 6 + [0.5] * 6, 0))
    row = differences(records_frame(rows), [("process", "final_answer")], "best_of_n", 2).iloc[0]
    assert row["estimate"] == 0 and row["verdict"] == "inconclusive"


def test_a_difference_is_paired_by_seed(record: Any, records_frame: Any) -> None:
    # seeds move both arms alike: 0.3 - 0.2, 0.6 - 0.5, 0.9 - 0.8; unpaired, the seed term would be 4.30 *
    # 0.3 / 1.73 = 0.75
    rows = [record("process", [0.3 * (s + 1)] * 2, s) for s in range(3)]
    rows += [record("final_answer", [0.3 * (s + 1) - 0.1] * 2, s) for s in (2, 1, 0)]
    rows.append(record("process", [1.0] * 2, 7))  # has no partner
    row = differences(records_frame(rows), [("process", "final_answer")], "best_of_n", 2).iloc[0]
    assert (row["estimate"], row["seeds"]) == (pytest.approx(0.1), 3)
    assert np.isnan(row["lower"])  # neither problems nor seeds differ: nothing says how far off it may be


def test_a_reference_pairs_with_every_seed_and_scale(record: Any, records_frame: Any) -> None:
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
    assert (row["estimate"], row["lower"], row["problems"]) == (
        pytest.approx(0.1),
        pytest.approx(float("nan"), nan_ok=True),
        0,
    )


def test_problem_values_in_some_seeds_only_are_refused(record: Any, records_frame: Any) -> None:
    rows = [record("process", [0.5], 0), record("process", [0.5], 1, problem_values=None)]
    rows += [record("final_answer", [0.5], seed) for seed in range(2)]
    with pytest.raises(ValueError, match="in some seeds only of arm process, against final_answer"):
        differences(records_frame(rows), [("process", "final_answer")], "best_of_n", 2)


def test_differences_of_different_problems_are_refused(record: Any, records_frame: Any) -> None:
    frame = records_frame(
        [record("process", [0.5, 0.5], 0), record("majority", [0.5], None, metric="majority")]
    )
    with pytest.raises(ValueError, match="found 2 problems for process and 1 for majority"):
        differences(frame, [("process", "majority")], "best_of_n", 2)


def test_contrasts_pair_rows_that_differ_in_one_column(record: Any, records_frame: Any) -> None:
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
    assert found["verdict"].tolist() == ["inconclusive"] * 2  # of two problems


def rows_with(estimates: list[Estimate]) -> pd.DataFrame:
    keys = pd.DataFrame({"metric": ["best_of_n"] * len(estimates), "seeds": [3] * len(estimates)})
    return with_estimates(keys, estimates)


def test_the_verdict_follows_the_corrected_p() -> None:
    """Half width 0.1 over 60 problems: t_{.975, 59} = 2.000995.

    t = 2.000995 * 0.2 / 0.1 = 4.00199, 2.20109 and 0, so p = 0.000178, 0.03166 and 1; after Holm three times
    0.000178, twice 0.03166 and 1. The second's interval leaves zero out, but its corrected p is too large.
    """
    made = [from_interval(x, x - 0.1, x + 0.1, 60) for x in (0.2, -0.11, 0.0)]
    found = rows_with(made)
    assert found["verdict"].tolist() == ["above zero", "below zero", "inconclusive"]
    assert found["p"].tolist() == pytest.approx([0.000178, 0.03166, 1], rel=2e-3)
    several = corrected(found)
    assert several["p"].tolist() == pytest.approx([0.000534, 0.06332, 1], rel=2e-3)
    assert several["verdict"].tolist() == ["above zero", "inconclusive", "inconclusive"]
    alone = corrected(rows_with(made[1:2]))
    assert alone["verdict"].item() == "below zero" and alone["detectable"].isna().all()
    # what an inconclusive row could have detected is larger where p is corrected for more comparisons
    assert several["detectable"].isna().tolist() == [True, False, False]
    assert several["detectable"].iloc[2] > found["detectable"].iloc[2] > 0.1
    assert corrected(rows_with([])).empty


def test_a_small_difference_is_equivalent_only_as_a_share_of_problems() -> None:
    made = [from_interval(0.001, -0.009, 0.011, 60), from_interval(0.02, 0.01, 0.03 - 1e-9, 60)]
    found = rows_with(made)
    assert found["verdict"].tolist() == ["equivalent", "above zero"]
    assert corrected(pd.concat([found] * 500))["verdict"].iloc[:2].tolist() == ["equivalent"] * 2
    other = with_estimates(pd.DataFrame({"metric": ["rank_correlation"]}), made[:1])
    assert other["verdict"].tolist() == ["inconclusive"]


def test_holm_by_hand() -> None:
    """In order 0.01 * 3, 0.03 * 2 and, as it may not fall again, max(0.04 * 1, 0.06)."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    corrected = holm([0.02, float("nan")])
    assert corrected[0] == 0.04 and np.isnan(corrected[1])
    assert holm([]) == []
