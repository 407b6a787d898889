"""What records say of claims, on records whose differences are known."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.analyses.catalogue import analysis_of
from results.claim_differences import Difference, between_arms, between_doublings
from results.claims import ABOVE_ZERO, CLAIMS, EQUAL, NO_FALL, NO_GAIN, Claim
from results.findings import Finding, claims_table, count_verdicts, distance, findings
from results.records import Record
from results.stats.intervals import mean_interval
from results.stats.summaries import PRIMARY_N
from results.tables.rendering import text_of

PROBLEMS = 60


def claim(text: str, differences: Any, within: tuple[float, float] = ABOVE_ZERO) -> Claim:
    return Claim(text=text, paper="p", differences=differences, within=within)


EVERY = claim("a", partial(between_arms, "process", "final_answer"))
TWO = claim("b", partial(between_arms, "process", "final_answer", scales=2))
LABELER = claim("c", partial(between_arms, "labeler", "majority", n=16))


SCALES = ["1 labeled", "4 labeled", "16 labeled"]


def make(
    record: Callable[..., Record], gains: Sequence[float], seeds: int = 5, spread: float = 0.1, n: int = 64
) -> list[Record]:
    """Process supervision above 0.5 by a gain at the scales 1, 4, 16, ... in some seeds."""
    rng = np.random.default_rng(0)
    rows = []
    for rank, gain in enumerate(gains):
        for seed in range(seeds):
            common: dict[str, Any] = {"data_scale": 4**rank, "n": n}
            noise = rng.normal(0, spread, PROBLEMS)
            rows.append(record("process", np.clip(0.5 + gain + noise, 0, 1), seed, **common))
            rows.append(record("final_answer", [0.5] * PROBLEMS, seed, **common))
    return rows


def one(frame: pd.DataFrame, *claims: Claim) -> Finding:
    return findings(frame, claims)[0]


def test_a_claim_holds_only_where_every_data_scale_does(record: Any, records_frame: Any) -> None:
    found = one(records_frame(make(record, [0.1, 0.2, 0.3])), EVERY)
    assert found.verdict == "reproduced" and [row.where for row in found.differences] == SCALES
    assert found.p == max(row.found.p for row in found.differences) and found.weakest.where == "1 labeled"
    found = one(records_frame(make(record, [0.0, 0.2, 0.3], spread=0.3)), EVERY)
    assert found.verdict == "inconclusive" and found.weakest.where == "1 labeled"
    assert found.words.startswith("inconclusive (could detect ")
    found = one(records_frame(make(record, [0.0, 0.2, 0.3], spread=0.3)), TWO)
    assert found.verdict == "reproduced" and [row.where for row in found.differences] == SCALES[1:]


def test_one_data_scale_below_zero_speaks_against_a_claim(record: Any, records_frame: Any) -> None:
    found = one(records_frame(make(record, [0.2, -0.2, 0.2])), EVERY)
    assert found.verdict == "not reproduced" and found.weakest.found.estimate < 0
    # the smallest p below zero times the three data scales
    assert found.p == pytest.approx(3 * found.weakest.found.p)
    small = one(records_frame(make(record, [0.001], spread=0.05)), EVERY)
    assert small.verdict == "not reproduced"  # it is shown to be less than 3 points


def test_a_family_is_corrected_together(record: Any, records_frame: Any) -> None:
    frame = records_frame(make(record, [0.05], seeds=2, spread=0.1))
    alone = findings(frame, [EVERY])[0]
    both = findings(frame, [EVERY, LABELER])
    assert both[0].p == pytest.approx(min(1, 2 * alone.p)) and both[0].comparisons == 2
    # a claim without records counts, and is said to have none
    assert both[1].verdict == both[1].words == "no records" and np.isnan(both[1].p)


def test_n_is_64_or_the_largest_that_is_an_expectation(record: Any, records_frame: Any) -> None:
    assert PRIMARY_N == 64
    rows = make(record, [0.2], n=128) + make(record, [0.2], n=8) + make(record, [0.2], n=32)
    assert one(records_frame(rows), EVERY).weakest.n == 32
    assert one(records_frame(rows + make(record, [0.2], n=64)), EVERY).weakest.n == 64


def test_claims_that_come_to_the_same_n_are_one(record: Any, records_frame: Any) -> None:
    """Best-of-16 and best-of-64, where 16 is the most: counted once, and corrected for once."""
    pair = [claim("a", partial(between_arms, "process", "final_answer", n=n)) for n in (16, 64)]
    frame = records_frame(make(record, [0.05], seeds=2, n=16))
    (found,) = findings(frame, pair)
    assert found.comparisons == 1 and found.p == findings(frame, pair[:1])[0].p
    both = findings(records_frame(make(record, [0.05], n=16) + make(record, [0.05], n=64)), pair)
    assert [one.weakest.n for one in both] == [16, 64]


def test_one_seed_is_said(record: Any, records_frame: Any) -> None:
    found = one(records_frame(make(record, [0.2], seeds=1)), EVERY)
    assert found.words == "reproduced (one seed)"


def test_the_family_of_supervision(made_frame: pd.DataFrame) -> None:
    found = findings(made_frame)
    assert [
        (one.weakest.arm.split(",")[0], one.weakest.against, len(one.differences), one.weakest.n)
        for one in found[:8]
    ] == [
        ("process supervision", "final-answer outcome", 4, 64),
        ("process supervision", "PRM-derived outcome", 4, 64),
        ("PRM-derived outcome", "final-answer outcome", 2, 64),
        ("PRM-derived outcome", "pass@1", 1, 64),
        ("final-answer outcome", "pass@1", 1, 64),
        ("PRM-derived outcome", "majority voting", 1, 16),
        ("PRM-derived outcome", "majority voting", 1, 64),
        ("labeler (large PRM)", "majority voting", 1, 64),
    ]
    # seven doublings from 1 to 128
    assert [[one.where for one in of.differences][::6] for of in found[8:]] == [["1 to 2", "64 to 128"]] * 2
    # process gains 9 points of the unsolved per doubling, 4 in the last
    assert found[9].verdict == "reproduced"
    table = claims_table(found)
    assert len(table.rows) == len(CLAIMS["supervision"])
    for cells, finding in zip(table.rows, found, strict=True):
        assert text_of(cells[6]) == finding.words and cells[6].value == finding.verdict
    steps_alone = made_frame[made_frame["metric"] == "step_auroc"]
    for frame in (made_frame.assign(experiment="orm_forms"), steps_alone):
        assert "claims" not in [table.id for table in analysis_of(frame).account(frame).tables]


def test_claims_are_counted(record: Any, records_frame: Any) -> None:
    found = findings(records_frame(make(record, [0.1, 0.2])), [EVERY, TWO, LABELER])
    assert count_verdicts(found) == "Of 3 claims, 2 are reproduced, 1 is not in the records."
    found = findings(records_frame(make(record, [0.0], seeds=3, spread=0.3)), [EVERY])
    assert count_verdicts(found).startswith("Of 1 claim, 1 is inconclusive (could detect ")


def within(values: Sequence[float], bounds: tuple[float, float]) -> Finding:
    """A claim on one difference, from its values on 8 problems."""
    found = mean_interval(np.array([values]))
    one = Difference(arm="a", against="b", n=1, found=found, seeds=0)
    (made,) = findings(pd.DataFrame(), [claim("d", lambda _: [one], bounds)])
    return made


def test_distances_from_the_bounds() -> None:
    """A difference of 0.02 is 0.02 above zero, 0.03 above -0.01, and 0.01 below 0.03, the nearer of two."""
    found = mean_interval(np.array([[0.01, 0.03] * 4]))
    one = Difference(arm="a", against="b", n=1, found=found, seeds=0)
    inside = [
        distance(claim("d", lambda _: [one], bounds), one)[0]
        for bounds in (ABOVE_ZERO, NO_FALL, NO_GAIN, EQUAL)
    ]
    assert inside == pytest.approx([0.02, 0.03, 0.01, 0.01])
    # half as far from its bound: the p is that of a difference of half the size, with the same variance
    half = mean_interval(np.array([[0.0, 0.02] * 4]))
    assert distance(claim("d", lambda _: [one], EQUAL), one)[1] == pytest.approx(half.p)


@pytest.mark.parametrize(
    ("values", "bounds", "verdict"),
    [
        ([-0.004, -0.006] * 4, NO_FALL, "reproduced"),
        ([-0.02, -0.024] * 4, NO_FALL, "not reproduced"),
        ([-0.1, 0.09] * 4, NO_FALL, "inconclusive"),
        ([-0.5, -0.4] * 4, NO_GAIN, "reproduced"),
        ([0.01, 0.02] * 4, NO_GAIN, "reproduced"),
        ([0.05, 0.06] * 4, NO_GAIN, "not reproduced"),
        ([0.01, -0.02] * 4, EQUAL, "reproduced"),
        ([-0.05, -0.06] * 4, EQUAL, "not reproduced"),
        ([0.3, -0.3] * 4, EQUAL, "inconclusive"),
    ],
)
def test_claims_with_a_margin(values: list[float], bounds: tuple[float, float], verdict: str) -> None:
    assert within(values, bounds).verdict == verdict


def test_doublings_are_those_of_the_largest_data_scale(record: Any, records_frame: Any) -> None:
    """Best-of-1, 2, 4 and 8 are 0.5, 0.6, 0.7 and 0.6 at scale 4; scale 1 and best-of-16 are left out."""
    rows = [
        record("process", [value, value + 0.1], 0, n=n, data_scale=scale)
        for scale, values in ((1, (0.0, 0.9, 0.0, 0.9, 0.0)), (4, (0.5, 0.6, 0.7, 0.6, 0.1)))
        for n, value in zip((1, 2, 4, 8, 16), values, strict=True)
    ]
    found = between_doublings("process", 8, records_frame(rows))
    assert [one.where for one in found] == ["1 to 2", "2 to 4", "4 to 8"]
    assert [one.found.estimate for one in found] == pytest.approx([0.1, 0.1, -0.1])


@pytest.mark.parametrize("experiment", CLAIMS)
def test_records_without_the_arms_of_a_claim(experiment: str, record: Any, records_frame: Any) -> None:
    frame = records_frame([record("process_neutral", [0.5, 0.6], 0, experiment=experiment)])
    assert {one.verdict for one in findings(frame)} == {"no records"}
    assert {one.verdict for one in findings(frame.head(0), CLAIMS[experiment])} == {"no records"}
    assert not any(one.differences for one in findings(frame))
