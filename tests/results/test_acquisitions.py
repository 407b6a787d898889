"""Comparisons of acquisitions, on records whose efficiencies are known."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ablations.acquisition import ACQUISITIONS
from results.acquisitions import Comparison, comparisons, curves, headline
from results.data_efficiency import Efficiency
from results.figures.best_of_n_by_n import plot as by_n
from results.figures.best_of_n_by_scale import plot as by_scale
from results.figures.data_efficiency import plot as by_labels
from results.figures.lines import common_scale
from results.figures.style import ACQUISITION_MARKERS, ACQUISITION_PALETTE, PALETTE
from results.records import Record
from results.statistics import summarise
from results.tables import differences_table
from results.tabular import text_of

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
    assert [one.role for one in found] == ["hypothesis", "paper"] + ["other"] * 8
    first, paper = found[:2]
    assert first.counted == paper.counted == "labelled_solutions"
    assert (first.acquisition, first.baseline) == ("convincing_wrong_answers", "uniform_distinct")
    assert first.shift.estimate == pytest.approx(2.6 / 1.2, rel=0.15) and first.verdict == "fewer labels"
    assert paper.baseline == "uniform" and paper.shift.estimate == pytest.approx(2.6, rel=0.15)
    assert paper.slope.estimate == pytest.approx(1, rel=0.15)  # parallel lines: the slopes tell nothing
    same = [one for one in found if (one.acquisition, one.baseline) == ("uncertainty", "uniform_distinct")]
    assert {one.verdict for one in same} == {"cannot be told"}


def test_the_headline_tells_both_counts(frame):
    found = headline(frame)
    assert found.sentence.startswith("With best-of-16, convincing wrong answers need 2.")
    assert [one.where for one in found.readings] == [
        "against uniform distinct, solutions labelled",
        "against uniform, solutions labelled",
        "against uniform distinct, steps labelled",
        "against uniform, steps labelled",
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
    plot(summarise(frame), ax)
    drawn = {to_hex(line.get_color()).upper() for line in ax.lines if line.get_linestyle() == "-"}
    assert drawn == {ACQUISITION_PALETTE[name].upper() for name in GAIN}


def test_every_acquisition_has_a_look():
    assert set(ACQUISITIONS) <= set(ACQUISITION_PALETTE) == set(ACQUISITION_MARKERS)
    assert len(set(ACQUISITION_PALETTE.values())) == len(set(ACQUISITION_MARKERS.values()))


def test_an_acquisition_without_a_look_is_drawn_all_the_same(frame):
    """In its arm's colour, and dashed."""
    new = frame.assign(acquisition=frame["acquisition"].replace("uncertainty", "of_tomorrow"))
    ax = Figure().subplots()
    by_labels(summarise(new), ax)
    assert "of tomorrow" in {text.get_text() for text in ax.texts}
    (dashed,) = [line for line in ax.lines if line.is_dashed()]
    assert dashed.get_color() == PALETTE["process"] and len(dashed.get_xdata()) == len(BUDGETS)


def test_the_scale_that_all_have(frame):
    assert common_scale(frame) == 16
    side = frame[(frame["acquisition"] != "uncertainty") | (frame["data_scale"] == 4)]
    assert common_scale(side) == 4
    none = frame[frame["acquisition"].eq("uncertainty") == frame["data_scale"].eq(1)]
    assert common_scale(none) == 16 and common_scale(frame[:0]) is None


@pytest.mark.parametrize(
    ("role", "p", "lower", "upper", "verdict"),
    [
        ("hypothesis", 0.01, 1.1, 3, "fewer labels"),
        ("paper", 0.01, 0.3, 0.9, "more labels"),
        ("hypothesis", 0.2, 0.9, 2, "cannot be told"),
        ("other", 0.06, 1.1, 3, "cannot be told"),  # its corrected p decides too
        ("other", 0.04, 1.1, 3, "fewer labels"),
        ("other", float("nan"), float("nan"), float("nan"), "cannot be told"),
    ],
)
def test_verdicts(role, p, lower, upper, verdict):
    found = Efficiency(estimate=1.5, lower=lower, upper=upper, fit=1.0)
    made = Comparison(
        acquisition="a", baseline="b", counted="labelled_steps", shift=found, slope=found, role=role, p=p
    )
    assert made.verdict == verdict


def test_p_agrees_with_the_interval():
    """log 2 = 0.693, the lower end at 1: exactly 1.96 standard errors from no gain, p = 0.05."""
    assert Efficiency(estimate=2, lower=1, upper=4, fit=1).p == pytest.approx(0.05)
    assert Efficiency(estimate=0.5, lower=0.25, upper=1, fit=1).p == pytest.approx(0.05)
    assert np.isnan(Efficiency(estimate=float("nan"), lower=1, upper=1, fit=1).p)
