"""Claims and their verdicts, on records whose differences are known."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.claims import CLAIMS, PRIMARY_N, Claim, Finding, claims_table, counted, findings
from results.records import Record
from results.tabular import text_of

PROBLEMS = 60
EVERY = Claim(text="a", arm="process", against="final_answer", scales=None)
TWO = Claim(text="b", arm="process", against="final_answer", scales=2)
LABELER = Claim(text="c", arm="labeler", against="majority", scales=None, n=16)


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
    assert found.verdict == "reproduced" and [row.data_scale for row in found.rows] == [1, 4, 16]
    assert found.p == max(row.p for row in found.rows) and found.weakest.data_scale == 1
    found = one(records_frame(make(record, [0.0, 0.2, 0.3], spread=0.3)), EVERY)
    assert found.verdict == "inconclusive" and found.weakest.data_scale == 1
    assert found.words.startswith("inconclusive (could detect ")
    found = one(records_frame(make(record, [0.0, 0.2, 0.3], spread=0.3)), TWO)
    assert found.verdict == "reproduced" and [row.data_scale for row in found.rows] == [4, 16]


def test_one_data_scale_below_zero_speaks_against_a_claim(record: Any, records_frame: Any) -> None:
    found = one(records_frame(make(record, [0.2, -0.2, 0.2])), EVERY)
    assert found.verdict == "not reproduced" and found.weakest.estimate < 0
    # the smallest p below zero times the three data scales
    assert found.p == pytest.approx(3 * found.weakest.p)
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
    assert one(records_frame(rows), EVERY).n == 32
    assert one(records_frame(rows + make(record, [0.2], n=64)), EVERY).n == 64


def test_one_seed_is_said(record: Any, records_frame: Any) -> None:
    found = one(records_frame(make(record, [0.2], seeds=1)), EVERY)
    assert found.words == "reproduced (one seed)"


def test_the_family_of_supervision(made_frame: pd.DataFrame) -> None:
    found = findings(made_frame)
    assert [(one.claim.arm, one.claim.against, len(one.rows), one.n) for one in found] == [
        ("process", "final_answer", 4, 64),
        ("process", "prm_outcome", 4, 64),
        ("prm_outcome", "final_answer", 2, 64),
        ("prm_outcome", "random", 1, 64),
        ("final_answer", "random", 1, 64),
        ("prm_outcome", "majority", 1, 16),
        ("prm_outcome", "majority", 1, 64),
        ("labeler", "majority", 1, 64),
    ]
    table = claims_table(made_frame)
    assert table is not None and len(table.rows) == len(CLAIMS["supervision"])
    for cells, finding in zip(table.rows, found, strict=True):
        assert text_of(cells[6]) == finding.words and cells[6].value == finding.verdict
    assert claims_table(made_frame.assign(experiment="large_scale")) is None
    assert claims_table(made_frame[made_frame["metric"] == "step_auroc"]) is None


def test_claims_are_counted(record: Any, records_frame: Any) -> None:
    found = findings(records_frame(make(record, [0.1, 0.2])), [EVERY, TWO, LABELER])
    assert counted(found) == "Of 3 claims, 2 are reproduced, 1 is not in the records."
    found = findings(records_frame(make(record, [0.0], seeds=3, spread=0.3)), [EVERY])
    assert counted(found).startswith("Of 1 claims, 1 is inconclusive (could detect ")
