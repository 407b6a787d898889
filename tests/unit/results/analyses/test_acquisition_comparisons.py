"""Comparisons of acquisitions, on records whose efficiencies are known."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ablations.acquisition.strategies import ACQUISITION_STRATEGIES
from results.analyses.acquisition_comparisons import AcquisitionEfficiency, comparisons, curves, gains
from results.analyses.active_learning import (
    efficiency_power_table,
    efficiency_table,
    gains_table,
    headline,
)
from results.figures.active_learning import plot as by_labels
from results.figures.best_of_n_by_n import plot as by_n
from results.figures.best_of_n_by_scale import plot as by_scale
from results.figures.lines import common_scale
from results.records import Record
from results.stats.data_efficiency import Efficiency
from results.stats.summaries import summarize
from results.tables.rendering import text_of
from results.tables.shared import differences_table
from results.vocabulary import ACQUISITIONS, ARMS

PROBLEMS, SEEDS, BUDGETS = 50, 3, (1, 2, 4, 8, 16)
GAIN = {"uniform": 1.0, "uniform_distinct": 1.2, "convincing_wrong_answers": 2.6, "uncertainty": 1.2}


@pytest.fixture(scope="module")
def frame(records_frame) -> pd.DataFrame:
    """Best-of-16 rises by 0.08 with each e-fold of labels; one label is worth GAIN of `uniform`'s."""
    rng = np.random.default_rng(0)
    rows = []
    for acquisition, gain in GAIN.items():
        for budget in BUDGETS:
            for seed in range(SEEDS):
                mean = 0.35 + 0.08 * np.log(gain * budget) + rng.normal(0, 0.004)
                value = np.clip(mean + rng.normal(0, 0.05, PROBLEMS), 0, 1)
                rows.append(
                    Record(
                        experiment="active_learning",
                        scale="small",
                        dataset="dropped",
                        arm="process",
                        metric="best_of_n",
                        value=float(value.mean()),
                        problem_values=tuple(value),
                        n=16,
                        config="{}",
                        revision="r",
                        cell=f"{acquisition}-{budget}-{seed}",
                        acquisition=acquisition,
                        data_scale=budget,
                        seed=seed,
                        solutions_hash="a",
                        labelled_solutions=100 * budget,
                        labelled_steps=400 * budget + seed,
                    )
                )
    return records_frame(rows)


def test_curves_stand_in_order_of_their_labels(frame):
    found = curves(frame)
    assert list(found) == sorted(GAIN)
    assert found["uniform"].labels.tolist() == [100, 200, 400, 800, 1600]
    assert found["uniform"].value.shape == (len(BUDGETS), SEEDS, PROBLEMS)
    assert curves(frame, "labelled_steps")["uniform"].labels.tolist() == [
        401,
        801,
        1601,
        3201,
        6401,
    ]  # mean seed: 1


def test_the_hypothesis_comes_first_then_the_paper_then_the_others(frame):
    found = comparisons(frame)
    assert [one.role for one in found] == 2 * (["hypothesis", "paper"] + ["other"] * 3)
    assert [one.counted for one in found] == ["labelled_solutions"] * 5 + ["labelled_steps"] * 5
    first, paper = found[:2]
    assert (first.acquisition, first.baseline) == ("convincing_wrong_answers", "uniform_distinct")
    assert first.efficiency.estimate == pytest.approx(2.6 / 1.2, rel=0.15)
    assert first.verdict == "fewer labels" and first.paper == "excluded"
    assert paper.baseline == "uniform" and paper.efficiency.estimate == pytest.approx(2.6, rel=0.15)
    assert paper.paper == "possible"
    same = [one for one in found if (one.acquisition, one.baseline) == ("uncertainty", "uniform_distinct")]
    assert {one.verdict for one in same} == {"inconclusive"}
    assert all("could detect 1." in one.words for one in same)


def test_the_primary_test_is_the_mean_gain_at_preset_budgets(frame):
    """Of budgets 1, 2, 4, 8, 16 those at 2 and 4 are preset: 0.08 log(2.6 / 1.2) = 6.2 points at each."""
    found = gains(frame)
    assert found["role"].tolist() == ["hypothesis", "paper", "other", "other", "other"]
    assert set(found["budgets"]) == {"2, 4"} and set(found["seeds"]) == {SEEDS}
    first = found.iloc[0]
    assert first["estimate"] == pytest.approx(0.08 * np.log(2.6 / 1.2), abs=0.008)
    one, other = (
        frame[(frame["acquisition"] == name) & frame["data_scale"].isin([2, 4])]["value"].mean()
        for name in ("convincing_wrong_answers", "uniform_distinct")
    )
    assert first["estimate"] == pytest.approx(one - other)
    assert first["p"] < 0.05 and first["verdict"] == "above zero"
    same = found[(found["acquisition"] == "uncertainty") & (found["against"] == "uniform_distinct")]
    assert same["verdict"].tolist() in (["inconclusive"], ["equivalent"])


def test_a_gain_needs_a_preset_budget_and_a_seed_in_common(frame):
    late = frame[frame["data_scale"].isin([1, 8, 16])]
    assert gains(late).empty and gains_table(late).rows == ()
    assert headline(late).sentence.startswith("The records do not hold")
    judged = frame["acquisition"] == "convincing_wrong_answers"
    apart = frame.assign(seed=frame["seed"].where(~judged, frame["seed"] + 10))
    assert "convincing_wrong_answers" not in set(gains(apart)["acquisition"])
    near = frame.assign(seed=frame["seed"].where(~judged, frame["seed"] + 1))
    assert gains(near)["seeds"].iloc[0] == SEEDS - 1


def test_an_acquisition_with_a_single_point_has_no_efficiency(frame):
    few = frame[(frame["acquisition"] != "uncertainty") | (frame["data_scale"] == 8)]
    assert "uncertainty" not in {one.acquisition for one in comparisons(few)}
    assert "uncertainty" in {one.acquisition for one in comparisons(frame)}
    two = frame[frame["data_scale"].isin([2, 8])]
    shown = [text_of(row[-1]) for row in efficiency_table(two).rows]
    assert set(shown) == {"inconclusive (too few points: 2 and 2, needed 2 each and 6 in all)"}


def test_what_a_planned_run_can_detect(frame):
    """More seeds detect smaller gains and efficiencies."""
    (own, paper), (more, _) = (efficiency_power_table(frame, seeds=seeds).rows for seeds in (None, 12))
    assert [cell.shown for cell in own[:4]] == ["convincing wrong answers", "uniform distinct", "3", "50"]
    assert 0 < float(more[4].value) < float(own[4].value) < 0.05
    assert 1 < float(more[5].value) < float(own[5].value) < 1.5
    assert paper[1].shown == "uniform"


def test_the_headline_states_the_gain_and_both_counts(frame):
    found = headline(frame)
    assert found.sentence == (
        "With best-of-16 and as many labels, choosing convincing wrong answers solves more test problems "
        "than choosing uniform distinct."
    )
    (further,) = found.further
    assert further.startswith("Choosing convincing wrong answers needs 2.")
    assert "times fewer labels than uniform distinct" in further
    assert further.endswith("excludes the paper's 2.6.")
    assert [one.where for one in found.readings] == [
        "minus uniform distinct, mean over 2, 4 per problem",
        "minus uniform, mean over 2, 4 per problem",
        "against uniform distinct, solutions labeled",
        "against uniform, solutions labeled",
        "against uniform distinct, steps labeled",
        "against uniform, steps labeled",
    ]


def test_every_acquisition_meets_the_reference_lines_at_its_largest_budget(frame):
    """Uniform at 16 as well as uncertainty at 2, which has no other."""
    lines = frame[(frame["acquisition"] == "uniform") & (frame["data_scale"] == 1) & (frame["seed"] == 0)]
    lines = lines.assign(
        arm="majority", metric="majority", acquisition=None, data_scale=None, seed=None, cell=None
    )
    few = frame[(frame["acquisition"] == "uniform") | (frame["data_scale"] == 2)]
    shown = [[text_of(cell) for cell in row] for row in differences_table(pd.concat([few, lines])).rows]
    assert sorted((row[0], row[2]) for row in shown) == [
        ("process supervision", "16"),
        *(
            (f"process supervision, {name.replace('_', ' ')}", "2")
            for name in sorted(GAIN)
            if name != "uniform"
        ),
    ]


@pytest.mark.parametrize("plot", [by_n, by_scale])
def test_figures_tell_acquisitions_apart(frame, plot):
    ax = Figure().subplots()
    plot(summarize(frame), ax)
    drawn = {to_hex(line.get_color()).upper() for line in ax.lines if line.get_linestyle() == "-"}
    assert drawn == {ACQUISITIONS[name].color for name in GAIN}


def test_every_acquisition_has_a_look():
    looks = ACQUISITIONS.values()
    assert set(ACQUISITION_STRATEGIES) == set(ACQUISITIONS)
    assert len({look.color for look in looks}) == len({look.marker for look in looks}) == len(looks)


def test_an_acquisition_without_a_look_is_drawn_all_the_same(frame):
    """In its arm's color, and dashed."""
    new = frame.assign(acquisition=frame["acquisition"].replace("uncertainty", "of_tomorrow"))
    ax = Figure().subplots()
    by_labels(summarize(new), ax)
    assert "of tomorrow" in {text.get_text() for text in ax.texts}
    (dashed,) = [line for line in ax.lines if line.is_dashed()]
    assert dashed.get_color() == ARMS["process"].color and len(dashed.get_xdata()) == len(BUDGETS)


def test_the_scale_that_all_have(frame):
    assert common_scale(frame) == 16
    side = frame[(frame["acquisition"] != "uncertainty") | (frame["data_scale"] == 4)]
    assert common_scale(side) == 4
    none = frame[frame["acquisition"].eq("uncertainty") == frame["data_scale"].eq(1)]
    assert common_scale(none) == 16 and common_scale(frame[:0]) is None


def test_the_figure_draws_one_curve_and_its_shift(frame):
    ax = Figure().subplots()
    by_labels(summarize(frame), ax)
    colors = [ACQUISITIONS[name].color for name in ("convincing_wrong_answers", "uniform_distinct")]
    smooth = {to_hex(line.get_color()).upper(): line for line in ax.lines if len(line.get_xdata()) == 100}
    assert sorted(smooth) == sorted(colors)
    texts = [text.get_text() for text in ax.texts]
    assert any(text.endswith("times fewer labels") for text in texts)
    # The curve passes where the baseline does with 2.6 / 1.2 times the labels.
    one, other = (smooth[color] for color in colors)
    level = float(np.interp(400, one.get_xdata(), one.get_ydata()))
    there = float(np.interp(level, other.get_ydata(), other.get_xdata()))
    assert there / 400 == pytest.approx(2.6 / 1.2, rel=0.15)


def test_the_figure_joins_points_that_cannot_be_fitted(frame):
    ax = Figure().subplots()
    by_labels(summarize(frame[frame["data_scale"].isin([2, 8])]), ax)
    assert not any("times" in text.get_text() for text in ax.texts)
    assert max(len(line.get_xdata()) for line in ax.lines) == 2


@pytest.mark.parametrize(
    ("lower", "upper", "verdict", "paper"),
    [
        (1.1, 3.0, "fewer labels", "possible"),
        (1.1, 2.5, "fewer labels", "excluded"),
        (0.3, 0.9, "more labels", "excluded"),
        (0.9, 2.0, "inconclusive", "excluded"),
        (0.5, 2.7, "inconclusive", "possible"),
        (float("nan"), float("nan"), "inconclusive", ""),
    ],
)
def test_verdicts(lower, upper, verdict, paper):
    """The paper's 2.6 is excluded only where the interval excludes it."""
    found = Efficiency(estimate=1.5, lower=lower, upper=upper, fit=1.0)
    made = AcquisitionEfficiency(
        acquisition="a", baseline="b", counted="labelled_steps", efficiency=found, role="other"
    )
    assert (made.verdict, made.paper) == (verdict, paper)
