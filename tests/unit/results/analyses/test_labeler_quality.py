"""Labelers of several qualities: tables, crossings and words, on records whose numbers are known."""

from math import inf
from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.analyses.catalogue import ANALYSES
from results.analyses.false_positives import audit_table, flawed_difference, flawed_share
from results.analyses.labeler_quality import (
    by_labeler,
    crossing_words,
    crossings,
    crossings_table,
    headline,
    labeler_words,
    labelers_table,
)
from results.claim_differences import (
    between_errors,
    between_flawed_shares,
    between_thresholds,
    with_labels_of,
)
from results.stats.crossing import Crossing
from results.tables.rendering import text_of

PROBLEMS, SEEDS = 40, 3
ASIDE = np.where(np.arange(PROBLEMS) % 2, 0.05, -0.05)
LABELED = {
    ("oracle", 0.0): (0.8, 0.7),
    ("random", 0.2): (0.7, 0.5),
    ("random", 0.4): (0.5, 0.3),
    ("hard_steps", 0.2): (0.8, 0.6),
    ("hard_steps", 0.4): (0.75, 0.6),
    ("large_prm", 0.2): (0.8, 0.7),
    ("large_prm", 0.8): (0.78, 0.7),
}
"""Variant, level -> what process supervision and PRM-derived outcomes solve; final answers solve 0.6."""


def make(record: Any) -> list[Any]:
    """Every student of every labeler; problems of process supervision lie alternately above and below."""
    rows = []
    for seed in range(SEEDS):
        rows.append(record("final_answer", np.full(PROBLEMS, 0.6), seed))
        for (variant, level), solved in LABELED.items():
            varied = {"variant": variant, "level": level}
            rows.append(record("process", solved[0] + ASIDE, seed, **varied))
            rows.append(record("prm_outcome", np.full(PROBLEMS, solved[1]), seed, **varied))
            noise = {"metric": "label_noise", "n": None, "problem_values": None, "value": 0.3} | varied
            rows.append(record("prm_outcome", [0.3], seed, **noise))
    for (variant, level), _ in LABELED.items():
        for metric, value in (("missed_errors", 0.5), ("false_alarms", 0.125), ("wrong_labels", 0.25)):
            of_labeler = {"variant": variant, "level": level, "metric": metric, "value": value}
            rows.append(record("labeler", [value], None, n=None, **of_labeler | {"problem_values": None}))
    return rows


@pytest.fixture
def frame(record: Any, records_frame: Any) -> pd.DataFrame:
    return records_frame(make(record))


def test_final_answers_are_at_every_labeler_and_the_oracle_is_dose_0(frame: pd.DataFrame) -> None:
    rows = by_labeler(frame[(frame["metric"] == "best_of_n") & (frame["seed"] == 0)])
    found = rows.groupby("variant")["level"].apply(lambda of: sorted(set(of))).to_dict()
    assert found == {
        **{"random": [0, 0.2, 0.4], "hard_steps": [0, 0.2, 0.4]},
        **{"oracle": [0], "large_prm": [0.2, 0.8]},
    }
    assert rows.groupby(["variant", "level"])["arm"].nunique().unique().tolist() == [3]


def test_crossings_by_hand(frame: pd.DataFrame) -> None:
    """Random errors: process is at 0.7 at a dose of 0.2 and 0.5 at 0.4, and so falls to 0.6 at 0.3.

    PRM-derived outcome falls from 0.7 to 0.5 between 0 and 0.2: to 0.6 at 0.1. Under errors on hard steps,
    process stays above both; PRM-derived outcome is at 0.6 from a dose of 0.2 on.
    """
    found = {(one.errors, one.arm, one.against): one for one in crossings(frame)}
    estimates = {key: one.crossing.estimate for key, one in found.items()}
    assert estimates == {
        ("random", "process", "final_answer"): pytest.approx(0.3),
        ("random", "process", "prm_outcome"): inf,
        ("random", "prm_outcome", "final_answer"): pytest.approx(0.1),
        ("hard_steps", "process", "final_answer"): inf,
        ("hard_steps", "process", "prm_outcome"): inf,
        ("hard_steps", "prm_outcome", "final_answer"): pytest.approx(0.2, abs=0.002),
    }
    first = found["random", "process", "final_answer"]
    # half width: 0.05 / sqrt(39) * 2.023 = 0.0162, at a slope of -1 per dose
    ends = (first.crossing.lower, first.crossing.upper)
    assert ends == pytest.approx((0.3 - 0.0162, 0.3 + 0.0162), abs=0.002) and first.seeds == SEEDS


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.31, 0.25, 0.384), "0.31 [0.25, 0.38]"),
        ((0.31, 0.25, inf), "0.31 [0.25, >0.4]"),
        ((inf, 0.33, inf), ">0.4 [0.33, >0.4]"),
        ((inf, inf, inf), "above 0.4"),
        ((0.0, 0.0, inf), "0.00 [0.00, >0.4]"),
    ],
)
def test_a_crossing_in_words(ends: tuple[float, ...], words: str) -> None:
    estimate, lower, upper = ends
    assert crossing_words(Crossing(estimate=estimate, lower=lower, upper=upper, most=0.4)) == words


def test_labelers_in_words() -> None:
    assert [labeler_words(*one) for one in (("oracle", 0.0), ("random", 0.1), ("large_prm", 0.05))] == [
        *("oracle", "random errors, dose 0.1", "large PRM, threshold 0.05")
    ]
    assert labeler_words("fewer_labels", 10.0) == "large PRM, fewer labels, 10 problems"


def test_tables_by_hand(frame: pd.DataFrame) -> None:
    table = labelers_table(frame)
    assert table is not None and "outcomes, which need no labeler, solve 60.0" in table.lead
    rows = [[text_of(cell) for cell in row] for row in table.rows]
    assert [row[0] for row in rows][:2] == ["oracle", "random errors, dose 0.2"] and len(rows) == len(LABELED)
    assert rows[1][1:5] == ["50.0", "12.5", "25.0", "30.0"]
    assert rows[1][5].startswith("70.0 [") and rows[1][6] == "50.0"
    assert rows[1][7].startswith("+10.0 [") and rows[1][8].startswith("+20.0 [")
    crossed = crossings_table(frame)
    assert crossed is not None and len(crossed.rows) == 6
    assert text_of(crossed.rows[0][3]) == "0.30 [0.28, 0.32]"
    said = headline(frame)
    assert said.sentence == (
        "With best-of-2 and 4 labeled per problem, process supervision no longer beats final-answer outcomes "
        "from a balanced error of 0.30 [0.28, 0.32] for random errors and above 0.4 for errors on hard steps."
    )
    assert len(said.readings) == len(LABELED)


def test_what_claims_compare(frame: pd.DataFrame) -> None:
    frame = frame.assign(experiment="labeler_quality")
    (one,) = with_labels_of("oracle", "process", "final_answer", frame)
    assert (one.found.estimate, one.where, one.n) == (pytest.approx(0.2), "", 2)
    found = with_labels_of("random", "process", "prm_outcome", frame)
    assert [(row.where, round(row.found.estimate, 9)) for row in found] == [
        ("dose 0.2", 0.2),
        ("dose 0.4", 0.2),
    ]
    (one,) = with_labels_of("random", "process", "final_answer", frame, doses=(0.4,))
    assert one.found.estimate == pytest.approx(-0.1)
    found = between_errors("process", "random", "hard_steps", frame)
    assert [round(row.found.estimate, 9) for row in found] == [-0.1, -0.25]
    (one,) = between_thresholds("process", 0.2, frame)
    assert one.found.estimate == pytest.approx(-0.02) and one.where == "threshold 0.8"


def audited(record: Any) -> list[Any]:
    """Process supervision wins 0.8, 0.1 of it flawed; final answers win 0.5, 0.3 of it flawed."""
    rows = []
    oracle = {"variant": "oracle", "level": 0.0}
    for arm, solved, flawed, varied in (("process", 0.8, 0.08, oracle), ("final_answer", 0.5, 0.15, {})):
        for seed in range(SEEDS):
            rows.append(record(arm, solved + ASIDE, seed, **varied))
            rows.append(record(arm, flawed + ASIDE / 10, seed, metric="flawed_wins", **varied))
            for metric in ("sound_above_flawed", "flawed_above_wrong"):
                value = {"metric": metric, "n": None, "value": 0.75 + seed / 100, "problem_values": None}
                rows.append(record(arm, [0.75], seed, **varied | value))
    return rows


def test_the_audit_by_hand(record: Any, records_frame: Any) -> None:
    frame = records_frame(audited(record))
    share = flawed_share(frame, "final_answer", 2)
    assert share is not None and share.estimate == pytest.approx(0.3)
    found = flawed_difference(frame, "final_answer", "process", 2)
    assert found is not None and found[0].estimate == pytest.approx(0.2) and found[1] == SEEDS
    assert between_flawed_shares("final_answer", "process", frame)[0].found == found[0]
    table = audit_table(frame)
    assert table is not None
    rows = [[text_of(cell) for cell in row] for row in table.rows]
    assert rows[0][0] == "process supervision" and rows[0][1].startswith("10.0")
    assert rows[1][0] == "final-answer outcome" and rows[1][1].startswith("30.0 [")
    assert rows[1][2].startswith("0.760 [") and rows[1][-1] == "3"


def test_nothing_without_labelers(record: Any, records_frame: Any) -> None:
    frame = records_frame([record("final_answer", [0.5, 0.6], 0)])
    assert labelers_table(frame) is crossings_table(frame) is audit_table(frame) is None
    assert headline(frame).sentence == "The records hold no labelers of several qualities."
    assert flawed_share(frame, "final_answer", 2) is None and not between_flawed_shares("a", "b", frame)
    assert ANALYSES["labeler_quality"].figures == ("labeler_quality",)
