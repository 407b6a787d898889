"""The page on what embedded worlds can tell, and its sentences."""

import pytest

from results.analyses.decisions import decision_tables
from results.claims_page import REFERENCE
from results.decisions_page import PAGE, REAL, WORLDS, decisions_page
from results.records import read_records
from results.stats.differences import differences


def test_the_committed_page_is_that_of_the_committed_records() -> None:
    assert PAGE.read_text(encoding="utf-8") == decisions_page(), "run: python -m results.decisions_page"


def test_the_introduction_says_what_the_records_say() -> None:
    worlds = {name: read_records(REFERENCE / folder / "records.parquet") for name, folder in WORLDS.items()}
    real = {name: read_records(REFERENCE / folder / "records.parquet") for name, folder in REAL.items()}
    readings = {(row[0].value, row[2].value): row[-1].value for row in decision_tables(worlds, real)[0].rows}
    supervision, student, labeler = dict.fromkeys(kind for _, kind in readings)
    for world in WORLDS:
        assert readings[world, supervision] in ("misleads", "cannot tell")
        assert readings[world, student] == "cannot tell"
        assert readings[world, labeler] == "predicts it"
        ahead = differences(worlds[world], [("process", "final_answer")], n=16)
        assert (ahead["estimate"] > 0).all()
    behind = differences(real["GSM8K"], [("process", "final_answer")], n=16)
    assert (behind["estimate"] < 0).all()
    assert behind["verdict"].iloc[-1] == "below zero"


def test_runs_must_share_n() -> None:
    frame = read_records(REFERENCE / REAL["GSM8K"] / "records.parquet")
    with pytest.raises(ValueError, match="n: found 7 of best-of-N in all runs; allowed: 1, 2, 4, 8, 16"):
        decision_tables({"a": frame}, {"b": frame}, 7)
