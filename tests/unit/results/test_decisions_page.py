"""The page on what embedded worlds can tell, and its sentences."""

import pytest
from matplotlib.figure import Figure

from results.analyses.decisions import agreements, decision_tables
from results.claims_page import REFERENCE
from results.decisions_page import PAGE, REAL, WORLDS, decisions_page, read_runs
from results.figures.decisions import plot
from results.records import read_records
from results.stats.differences import differences


def test_the_committed_page_is_that_of_the_committed_records() -> None:
    assert PAGE.read_text(encoding="utf-8") == decisions_page(*read_runs()), (
        "run: python -m results.decisions_page"
    )


def test_the_introduction_says_what_the_records_say() -> None:
    worlds, real = read_runs()
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


def test_the_figure_has_each_agreement_with_its_interval() -> None:
    worlds, real = read_runs()
    found = agreements({"facts": worlds["facts"]}, real, 16)
    ax = plot(found, Figure().subplots())
    drawn = [tuple(map(float, (line.get_xdata()[0], line.get_ydata()[0]))) for line in ax.lines[: len(found)]]
    assert drawn == [(one.accuracy.agreement, kind) for kind, one in enumerate(found)]
    assert [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()] == [
        one.kind for one in found
    ]
