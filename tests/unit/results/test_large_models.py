"""Tables and words of the large models, on records whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from results.analyses.catalogue import analysis_of, difficulty, large_scale, orm_superset
from results.figures import difficulty as difficulty_figure
from results.figures import large_scale as large_scale_figure
from results.records import Record, plain
from results.stats.crossed import Term
from results.stats.differences import holm
from results.stats.intervals import Estimate, from_terms
from results.stats.summaries import summarize
from results.tables.rendering import Table, p_cell, text_of
from results.vocabulary import TRAINING_SETS


@pytest.fixture(scope="module")
def frame(large_rows, records_frame) -> pd.DataFrame:
    return records_frame(large_rows)


@pytest.fixture(scope="module")
def superset(superset_rows, records_frame) -> pd.DataFrame:
    return records_frame(superset_rows)


def shown(table: Table) -> list[list[str]]:
    return [[text_of(cell) for cell in row] for row in table.rows]


def value_at(frame: pd.DataFrame, arm: str, metric: str, n: int) -> float:
    rows = plain(frame)
    return float(rows[(rows["arm"] == arm) & (rows["metric"] == metric) & (rows["n"] == n)]["value"].iloc[0])


def test_differences_at_a_few_n(frame):
    rows = shown(large_scale.differences_table(frame))
    assert len(rows) == len(large_scale.PAIRS) * 4 and {row[2] for row in rows} == {"4", "16", "64", "128"}
    (row,) = [row for row in rows if row[:3] == ["large PRM, collected data", "large ORM", "16"]]
    wanted = value_at(frame, "large_prm", "best_of_n", 16) - value_at(frame, "large_orm", "best_of_n", 16)
    assert float(row[3].split()[0]) == pytest.approx(100 * wanted, abs=0.051) and row[5] == "above zero"


def test_the_differences_of_a_table_are_corrected_together(frame):
    """Holm over all rows: the least p by their number, the next by one less, none below the one before."""
    for found, table in (
        (large_scale.between_models(frame), large_scale.differences_table(frame)),
        (difficulty.within(frame, 64), difficulty.differences_table(frame)),
    ):
        single = [one.p for one in found["found"]]
        assert list(found["p"]) == holm(single) and min(found["p"]) == pytest.approx(len(found) * min(single))
        assert sorted(row[4] for row in shown(table)) == sorted(text_of(p_cell(p)) for p in found["p"])
        assert "corrected after Holm" in table.lead
    for table in (large_scale.votes_table(frame), difficulty.gains_table(frame)):
        assert "not corrected for their number" in table.lead


def test_votes_against_best_of_n_and_majority(frame):
    rows = shown(large_scale.votes_table(frame))
    for arm, name in (("large_prm", "large PRM, collected data"), ("large_orm", "large ORM")):
        voted = value_at(frame, arm, "weighted_vote", 16)
        for against, other in (
            ("best-of-N", value_at(frame, arm, "best_of_n", 16)),
            ("majority voting", value_at(frame, "majority", "majority", 16)),
        ):
            (row,) = [row for row in rows if row[:3] == [name, against, "16"]]
            assert float(row[3].split()[0]) == pytest.approx(100 * (voted - other), abs=0.051)
            assert row[4] == ("below zero" if against == "best-of-N" else "above zero")
    assert large_scale.votes_table(frame[frame["metric"] != "weighted_vote"]) is None


def test_the_data_beside_the_papers(frame):
    rows = shown(large_scale.generations_table(frame))
    assert rows[0] == ["both phases", "14400", "70000", "20.0", "14.2", "70.0", "73.1"]
    assert rows[1] == ["phase 1", "14400", "70000", "40.0", "85.1", "60.0", "58.6"]
    assert rows[2] == ["phase 2", "14400", "70000", "0.0", "13.2", "80.0", "74.1"]
    assert rows[3] == ["generation 0", "14400", "70000", "40.0", "-", "60.0", "-"]
    assert large_scale.generations_table(frame[frame["metric"] == "best_of_n"]) is None


def test_labels_of_the_large_models(frame):
    rows = shown(large_scale.labels_table(frame))
    assert {row[0] for row in rows} == {"large PRM, collected data", "large ORM", "labeler (large PRM)"}
    assert {tuple(row[1:]) for row in rows} == {("14400", "70000")}


def test_the_large_models_in_words(frame):
    found = large_scale.headline(frame)
    assert found.sentence.startswith(
        "With best-of-64, the large PRM solves more test problems than the large ORM; "
        "the large PRM solves more test problems than majority voting; "
        "the large ORM solves more test problems than majority voting; "
    )
    assert "(the paper with best-of-1860: 78.2, 72.4, 69.6)" in found.sentence
    assert [reading.where for reading in found.readings][0] == "large PRM, collected data minus large ORM"
    assert len(found.readings) == 4 and len(found.further) == 1 + 6
    few = frame[frame["arm"].isin(["large_prm", "random"])]
    assert "do not hold two of the large models" in large_scale.headline(few).sentence


def test_collected_solutions_make_a_worse_orm(superset):
    """0.9 of the uniform ones' value on every problem; both together are the same as the uniform ones."""
    rows = shown(orm_superset.differences_table(superset))
    first = [row for row in rows if row[2] == "16"]
    assert [row[:2] for row in first[:3]] == [
        ["the large PRM's collected solutions", "uniform solutions"],
        ["both together", "uniform solutions"],
        ["both together", "the large PRM's collected solutions"],
    ]
    uniform = float(superset[(superset["acquisition"] == "uniform") & (superset["n"] == 16)]["value"].iloc[0])
    assert float(first[0][3].split()[0]) == pytest.approx(-10 * uniform, abs=0.051)
    assert [row[4] for row in first[:3]] == ["below zero", "inconclusive (no interval)", "above zero"]
    assert [row[:2] for row in first[3:]] == [
        [entry.words, against]
        for entry in TRAINING_SETS.values()
        for against in ("majority voting", "pass@1")
    ]
    assert (
        "solves fewer test problems than one on as many uniform" in orm_superset.headline(superset).sentence
    )
    alone = superset[superset["acquisition"] != "uniform"]
    assert "do not hold" in orm_superset.headline(alone).sentence


def test_quintiles_in_tables(frame):
    rows = shown(difficulty.quintiles_table(frame))
    assert [row[0] for row in rows] == ["1 (easiest)", "2", "3", "4", "5 (hardest)"]
    assert {row[1] for row in rows} == {"12"}
    pass_P = np.linspace(0.9, 0.02, 60)
    assert float(rows[4][2].split()[0]) == pytest.approx(100 * pass_P[48:].mean(), abs=0.051)
    compared = shown(difficulty.differences_table(frame))
    assert [row[:3] for row in compared[:1]] == [["1 (easiest)", "large PRM, collected data", "large ORM"]]
    assert len(compared) == 10


def test_what_more_samples_bring(frame):
    found = difficulty.gains(frame, "large_prm", 64)
    assert [one.level for one in found] == [1, 2, 3, 4, 5] and found[-1].hardest is None
    gain = [one.gain.estimate for one in found]
    assert gain == sorted(gain)  # an easy problem has little to gain
    assert found[0].hardest.estimate == pytest.approx(gain[4] - gain[0])
    assert found[0].hardest.verdict == "above zero"
    sentence = difficulty.headline(frame).sentence
    assert "help the large PRM most in quintile 5 (hardest)" in sentence
    assert "more test problems than the large ORM in" in sentence
    assert len(difficulty.gains_table(frame).rows) == 10


def test_quintiles_are_counted_against_the_orm_and_against_voting():
    verdicts = {
        "large_orm": ["above zero"] * 4 + ["inconclusive"],
        "majority": ["below zero", "inconclusive", *["above zero"] * 3],
    }
    rows = [
        {"against": arm, "verdict": verdict, "detectable": 0.123 if verdict == "inconclusive" else np.nan}
        for arm, told in verdicts.items()
        for verdict in told
    ]
    could = "1 is inconclusive (could detect 12.3 points or less)"
    assert difficulty._counted(pd.DataFrame(rows)) == [
        f"more test problems than the large ORM in 4 of 5 quintiles of difficulty and fewer in 0; {could}",
        f"more test problems than majority voting in 3 of 5 quintiles of difficulty and fewer in 1; {could}",
    ]
    assert len(difficulty._counted(pd.DataFrame(rows[:5]))) == 1


def test_an_independent_difference_by_hand():
    """Variances add up: 0.5 (0.03^2) minus 0.1 (0.04^2) is 0.4, with a standard error of 0.05."""
    one, two = (
        from_terms(estimate, [Term(variance=error**2, df=10**6)], problems=60)
        for estimate, error in ((0.5, 0.03), (0.1, 0.04))
    )
    found = difficulty.independent_difference(one, two)
    assert found.estimate == pytest.approx(0.4)
    assert (found.upper - found.lower) / 2 == pytest.approx(1.96 * 0.05, rel=1e-3)
    assert difficulty.independent_difference(one, Estimate(estimate=0.1, lower=-0.3, upper=0.5)).terms == ()


def test_records_that_lack_something_are_told_of(frame):
    """Without best-of-N there is no table of it, without the large ORM no word of a gap."""
    none = frame[~frame["metric"].isin(["best_of_n"])]
    assert large_scale.differences_table(none) is None
    for table in (difficulty.quintiles_table, difficulty.differences_table, difficulty.gains_table):
        assert table(none) is None
    alone = frame[frame["arm"] != "large_orm"]
    said = "The records do not hold the large PRM and the large ORM by quintile."
    assert difficulty.headline(alone).sentence == said
    assert difficulty.gains_table(alone).rows and difficulty.quintiles_table(alone).rows
    less = frame[~((frame["arm"] == "majority") & (frame["level"] == 1))]
    assert shown(difficulty.quintiles_table(less))[0].count("-") == 1


def test_records_without_quintiles(superset):
    assert difficulty.headline(superset).sentence == "The records hold no quintiles."


def test_the_figure_of_the_large_models(frame):
    ax = Figure(figsize=(7, 4)).subplots()
    large_scale_figure.plot(plain(summarize(frame)), ax)
    assert {text.get_text() for text in ax.texts} == {
        *("large PRM, collected data", "large ORM", "labeler (large PRM)", "majority voting", "pass@N"),
        *("votes weighted by PRM", "votes weighted by ORM"),
    }


def test_the_figure_of_difficulty_has_a_panel_a_quintile(frame):
    canvas = Figure(figsize=(11, 3))
    difficulty_figure.draw(summarize(frame), canvas)
    titles = [ax.get_title(loc="left") or ax.get_title() for ax in canvas.axes]
    assert titles == [f"quintile {name}" for name in ("1 (easiest)", "2", "3", "4", "5 (hardest)")]
    assert all(ax.get_ylim() == canvas.axes[0].get_ylim() for ax in canvas.axes)


@pytest.mark.parametrize(
    ("experiment", "tables"),
    [
        ("large_scale", ["results", "large-differences", "votes", "labels", "generations"]),
        ("difficulty", ["quintiles", "quintile-differences", "gains"]),
    ],
)
def test_all_tables_of_an_experiment(frame, experiment, tables):
    named = frame.assign(experiment=experiment)
    assert [table.id for table in analysis_of(named).account(named).tables] == ["claims", *tables]


def test_all_tables_of_the_superset(superset):
    named = superset.assign(experiment="orm_superset")
    tables = analysis_of(named).account(named).tables
    assert [table.id for table in tables] == ["claims", "results", "superset", "labels"]
    assert [table.lead.startswith("Descriptive: ") for table in tables] == [False, True, True, True]


def test_only_reward_models_have_weighted_votes():
    row = {"experiment": "e", "scale": "s", "dataset": "d", "config": "{}", "revision": "r"}
    with pytest.raises(
        ValueError, match="metric: found 'weighted_vote' for arm 'majority', allowed for process"
    ):
        Record(**row, arm="majority", metric="weighted_vote", n=1, value=0.5)
    with pytest.raises(ValueError, match="n: found 2, allowed null for metric 'ends_right'"):
        Record(**row, arm="large_prm", metric="ends_right", n=2, value=0.5)
