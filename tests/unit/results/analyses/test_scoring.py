"""Comparisons of scoring strategies, on records whose differences are known."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.analyses.catalogue import analysis_of
from results.analyses.scoring import (
    MODELS,
    PAPER,
    STRATEGIES,
    _sentence,
    comparisons,
    headline,
    smaller_n,
    strategies_table,
    strategy_rows,
)
from results.figures import scoring
from results.records import plain
from results.stats.differences import contrasts
from results.stats.summaries import summarize
from results.tables.rendering import number, points, text_of
from results.vocabulary import REDUCTIONS


def test_a_strategy_and_what_it_is_compared_with() -> None:
    assert len(STRATEGIES) == 5 + 10 and set(PAPER) <= set(STRATEGIES)
    assert STRATEGIES["minimum, neutral negative"].baseline.name == "product, neutral positive"
    assert STRATEGIES["mean"].baseline.name == "product"
    assert STRATEGIES["product"].baseline == STRATEGIES["product"]


def test_every_strategy_but_the_product_is_compared_on_every_model(strategy_frame: pd.DataFrame) -> None:
    found = list(comparisons(strategy_frame, 64).itertuples())
    assert [one.arm for one in found] == ["labeler"] * 9 + ["process"] * 4 + ["process_neutral"] * 9
    (minimum,) = [one for one in found if (one.arm, one.variant) == ("labeler", "minimum, neutral positive")]
    # at 64 = 2 ** 6 a strategy adds its gain of each problem not solved at once: 0.37 against 0.2
    of_labeler = strategy_frame[strategy_frame["arm"] == "labeler"]
    once = float(of_labeler[of_labeler["n"] == 1]["value"].iloc[0])
    assert minimum.estimate == pytest.approx(0.17 * (1 - once), abs=0.01)
    assert minimum.verdict == "above zero" and minimum.p < 1e-6
    verdicts = {one.variant: one.verdict for one in found if one.arm == "process"}
    assert verdicts == {
        "minimum": "below zero",  # 0.17 against 0.2
        "mean": "below zero",
        "geometric mean": "equivalent",  # the same gain
        "last step": "below zero",
    }


def test_p_is_corrected_for_all_comparisons(strategy_frame: pd.DataFrame) -> None:
    """Holm: the smallest of 22 p is multiplied by 22, the next by 21, and none is below the one before."""
    found = list(comparisons(strategy_frame, 64).itertuples())
    pairs = [(name, one.baseline.name) for name, one in STRATEGIES.items() if one != one.baseline]
    alone = contrasts(strategy_rows(strategy_frame), "variant", pairs, "best_of_n", 64)
    by_name = {(row.arm, row.variant): row.p for row in alone.itertuples()}
    single = sorted((by_name[one.arm, one.variant], index) for index, one in enumerate(found))
    largest = 0.0
    for rank, (p, index) in enumerate(single):
        largest = max(largest, min(1.0, (22 - rank) * p))
        assert found[index].p == pytest.approx(largest)


def test_the_table(strategy_frame: pd.DataFrame) -> None:
    table = strategies_table(strategy_frame)
    assert table is not None
    assert [head.name for head in table.heads] == [
        *("model", "strategy", "best-of-16", "best-of-64", "minus product", "p", "reading"),
        *("length correlation", "paper"),
    ]
    shown = [[text_of(cell) for cell in row] for row in table.rows]
    assert len(shown) == 10 + 5 + 10 and [row[1] for row in shown[10:15]] == list(REDUCTIONS)
    assert [row[-1] for row in shown[:10]] == ["78.2", "77.6", "-", "-", "-", "77.4", "77.8", "-", "-", "-"]
    assert {row[-1] for row in shown[10:]} == {"-"}  # the paper's numbers are of its large PRM
    assert shown[0][4:7] == ["-", "-", "-"]
    pair = [("minimum", "product")]
    row = next(contrasts(strategy_frame, "variant", pair, "best_of_n", 64).itertuples())
    assert shown[11][4] == text_of(points(row.estimate, row.lower, row.upper, signed=True))
    assert "22 comparisons" in table.lead
    summary = summarize(strategy_frame)
    length = summary[(summary["metric"] == "length_correlation") & (summary["variant"] == "minimum")].iloc[0]
    assert shown[11][-2] == text_of(number(length["estimate"], 2, length["lower"], length["upper"]))
    assert length["problems"] == 53 and length["estimate"] == pytest.approx(-0.2, abs=0.02)


def test_a_table_without_lengths_or_strategies(strategy_frame: pd.DataFrame) -> None:
    table = strategies_table(strategy_frame[strategy_frame["metric"] != "length_correlation"])
    assert table is not None and {text_of(row[-2]) for row in table.rows} == {"-"}
    assert strategies_table(plain(strategy_frame)) is None
    assert headline(plain(strategy_frame)).sentence == "The records do not hold scoring strategies."


def test_the_smaller_n(strategy_frame: pd.DataFrame) -> None:
    assert smaller_n(strategy_frame) == 16  # of 1, 2, ..., 128 where 64 is compared
    assert smaller_n(strategy_frame[strategy_frame["n"].isin([1, 2, 4, 8, 16, 128])]) == 8
    assert smaller_n(strategy_frame[strategy_frame["n"] == 64]) is None


def test_the_headline(strategy_frame: pd.DataFrame) -> None:
    found = headline(strategy_frame)
    assert found.sentence.startswith(
        "With best-of-64, more test problems than the product are solved by minimum, neutral positive "
        "(labeler (large PRM)); fewer are solved by "
    )
    assert [reading.where for reading in found.readings][0] == (
        "labeler (large PRM): minimum, neutral positive, the best of the others"
    )
    assert len(found.readings) == len(MODELS) and found.readings[0].verdict == "above zero"
    lengths, students = found.further[:3], found.further[3]
    assert "-0.40 [" in lengths[1] and "(product)" in lengths[1] and "(geometric mean)" in lengths[1]
    assert "neutral negative" not in "".join(lengths)
    assert students.startswith("Students that keep neutral as a class minus those that do not")
    # The labeler gains 0.2 by the product, 0.37 by the minimum; with neutral as negative 0.1 and 0.185.
    shown = analysis_of(strategy_frame).account(strategy_frame).headline
    assert shown.sentence == f"Of 3 claims, 1 is reproduced, 2 are not reproduced. {found.sentence}"
    assert shown.readings == found.readings


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        (
            ["inconclusive"] * 2,
            "no scoring strategy is shown to solve more test problems than the product; none is shown to "
            "solve fewer of 2 comparisons, corrected after Holm; inconclusive ones could detect 7.0 points "
            "or less.",
        ),
        (
            ["below zero", "above zero", "below zero"],
            "more test problems than the product are solved by mean (process supervision); fewer are solved "
            "by 2 of 3 comparisons, corrected after Holm.",
        ),
    ],
)
def test_the_headline_in_words(verdicts: list[str], words: str) -> None:
    sizes = [
        size if verdict == "inconclusive" else np.nan
        for size, verdict in zip((0.05, 0.07, 0.06), verdicts, strict=False)
    ]
    found = pd.DataFrame({"verdict": verdicts, "detectable": sizes}).assign(arm="process", variant="mean")
    assert _sentence(found, 8) == f"With best-of-8, {words}"


def test_a_line_a_strategy_and_a_panel_a_model(strategy_frame: pd.DataFrame) -> None:
    summary = summarize(strategy_frame)
    ax: Axes = Figure().subplots()
    scoring.plot(summary, ax, "labeler")
    rows = summary[
        (summary["arm"] == "labeler")
        & (summary["metric"] == "best_of_n")
        & (summary["variant"] == "minimum, neutral negative")
    ].sort_values("n")
    drawn = [
        np.asarray(line.get_ydata(), dtype=float)
        for line in ax.lines
        if line.get_color() == REDUCTIONS["minimum"].color and line.is_dashed()
    ]
    assert len(drawn) == 1
    np.testing.assert_allclose(drawn[0], rows["estimate"])
    assert len([line for line in ax.lines if line.get_linestyle() != "None"]) == 10
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 10 and {tuple(line.get_xdata()) for line in hollow} == {(128.0,)}
    canvas = Figure()
    scoring.draw(summary, canvas)
    assert [panel.get_title() for panel in canvas.axes] == [
        *("labeler (large PRM)", "process supervision", "process supervision, neutral kept"),
    ]
    assert [text.get_text() for text in canvas.legends[0].texts] == [
        *REDUCTIONS,
        *("neutral as positive", "neutral as negative"),
    ]
    two = Figure()
    scoring.draw(summary[summary["arm"] == "process"], two)
    assert [text.get_text() for text in two.legends[0].texts] == list(REDUCTIONS)
    with pytest.raises(ValueError, match="found no scoring strategy"):
        scoring.plot(plain(summary), ax, "labeler")


def test_every_reduction_has_a_look() -> None:
    looks = REDUCTIONS.values()
    assert len({look.color for look in looks}) == len({look.marker for look in looks}) == len(looks)
