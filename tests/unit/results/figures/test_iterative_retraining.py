"""Rounds of retraining, on records whose causes are known."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from results.analyses.iterative_retraining import chosen_table, headline, rounds_table, ways_table
from results.analyses.retraining_rounds import MEASURES, WORDS, difference, last_round
from results.analyses.selector_stability import causes_table, judge, rules
from results.figures import iterative_retraining as figure
from results.records import Record
from results.schema import METRICS
from results.stats.summaries import summarize
from results.tables.rendering import text_of
from results.vocabulary import FIRST, WAYS

TOTALS, SEEDS, PROBLEMS = (1, 2, 4), 3, 40
STEADY = {
    "best_of_n": (0.5, 0.6, 0.7),
    "rank_correlation": (None, 0.8, 0.8),
    "chosen_error_free": (0.4, 0.4, 0.4),
    "chosen_repeats": (0.05, 0.1, 0.1),
    "pool_calibration_error": (0.05, 0.05, 0.05),
    "pool_agreement": (0.8, 0.9, 0.95),
}
"""Metric -> its mean in each round, of all ways that nothing else is said of."""


def rounds(**changed) -> list[Record]:
    """Records of all ways: `STEADY`, and `metric=dict(way=means)` where a way is to differ.

    Metrics that have a value for each problem vary by problem with a deviation of 0.02, alike in all ways.
    """
    rng = np.random.default_rng(0)
    of_problem = rng.normal(0, 0.02, PROBLEMS)
    rows = []
    for way in WORDS:
        levels = (0,) if way == FIRST else (2,) if way == "one_shot" else (1, 2)
        for level in levels:
            for seed in range(SEEDS):
                for metric, means in STEADY.items():
                    mean = changed.get(metric, {}).get(way, means)[level]
                    if mean is None:
                        continue
                    value = mean + 0.001 * seed + rng.normal(0, 0.001)
                    values = None
                    if metric in ("best_of_n", "rank_correlation"):
                        noise = rng.normal(0, 0.01, PROBLEMS)
                        values = value + of_problem + noise - (of_problem + noise).mean()
                    rows.append(
                        Record(
                            experiment="iterative_retraining",
                            scale="small",
                            dataset="dropped",
                            arm="process",
                            metric=metric,
                            value=value,
                            problem_values=None if values is None else tuple(values),
                            n=16 if metric == "best_of_n" else None,
                            config="{}",
                            revision="r",
                            cell=f"{way}-{level}-{seed}",
                            acquisition="uniform" if level == 0 else "convincing_wrong_answers",
                            data_scale=TOTALS[level],
                            seed=seed,
                            variant=way,
                            level=float(level),
                            solutions_hash="a",
                            labelled_solutions=100 * TOTALS[level],
                            labelled_steps=400 * TOTALS[level],
                        )
                    )
    return rows


@pytest.fixture(scope="module")
def made(records_frame):
    """Changes as of `rounds` -> records."""
    return lambda **changed: records_frame(rounds(**changed))


@pytest.fixture(scope="module")
def steady(made) -> pd.DataFrame:
    return made()


def verdicts(frame: pd.DataFrame) -> dict[str, str]:
    return {one.rule.claim: one.verdict for one in judge(frame)}


def test_every_measure_is_a_metric_and_every_way_has_a_look():
    assert set(MEASURES) <= set(METRICS)
    assert (
        len({way.color for way in WAYS.values()}) == len({way.marker for way in WAYS.values()}) == len(WAYS)
    )


def test_a_difference_is_paired_by_problem_and_seed(steady):
    """Best-of-16 of round 2 less that of round 1: 0.7 - 0.6; between problems it hardly varies."""
    assert last_round(steady) == 2
    found = difference(steady, "best_of_n", ("train_on", 2), ("train_on", 1), 16)
    assert found.estimate == pytest.approx(0.1, abs=0.005) and found.upper - found.lower < 0.02
    assert found.seeds == SEEDS and found.problems == PROBLEMS and found.verdict == "above zero"
    first = difference(steady, "pool_calibration_error", ("train_on", 2), (FIRST, 0), 16)
    assert first.estimate == pytest.approx(0, abs=0.005) and first.problems == 0 and first.seeds == SEEDS
    assert difference(steady, "rank_correlation", ("train_on", 1), (FIRST, 0), 16) is None
    assert difference(steady, "best_of_n", ("one_shot", 1), ("train_on", 1), 16) is None
    assert difference(steady, "best_of_n", ("train_on", 1), ("train_on", 1), 16) is None


def test_where_nothing_moves_nothing_is_supported(steady):
    assert "supported" not in verdicts(steady).values()
    said = headline(steady).sentence
    assert "No sign of unsteadiness stands out. The evidence supports no cause" in said


def test_a_warm_start_is_told(made):
    frame = made(rank_correlation={"train_on": (None, 0.8, 0.5)})
    found = verdicts(frame)
    assert found["drift"] == found["warm start"] == "supported"
    # The uniform share keeps the order better as well, but neither balance nor calibration has moved.
    assert {found[claim] for claim in ("class balance", "near-duplicates", "calibration")} & {
        "supported"
    } == set()
    said = headline(frame).sentence
    signs = "drift, less steady than from the base, less steady than with a uniform share"
    assert f"It is unsteady ({signs}). The evidence supports warm start as a cause" in said


def test_a_warm_start_is_opposed_where_training_on_keeps_the_order_better(made):
    found = verdicts(made(rank_correlation={"from_base": (None, 0.6, 0.6)}))
    assert found["warm start"] == "opposed"


@pytest.mark.parametrize(
    ("claim", "metric", "bad", "mended"),
    [
        ("class balance", "chosen_error_free", (0.4, 0.2, 0.1), (0.4, 0.3, 0.3)),
        ("near-duplicates", "chosen_repeats", (0.05, 0.1, 0.5), (0.05, 0.1, 0.2)),
        ("calibration", "pool_calibration_error", (0.05, 0.1, 0.2), (0.05, 0.06, 0.1)),
    ],
)
def test_a_cause_has_to_grow_and_its_remedy_to_mend_it_and_the_order(claim, metric, bad, mended, made):
    unsteady = {"train_on": (None, 0.8, 0.5), "from_base": (None, 0.8, 0.5)}
    grows = {"train_on": bad, "from_base": bad, "uniform_share": mended}
    found = verdicts(made(rank_correlation=unsteady, **{metric: grows}))
    signs = ["drift", "less steady than with a uniform share"]
    assert [name for name, verdict in found.items() if verdict == "supported"] == [*signs, claim]
    # The remedy mends the balance, but not the order.
    worse = unsteady | {"uniform_share": (None, 0.8, 0.5)}
    assert verdicts(made(rank_correlation=worse, **{metric: grows}))[claim] == "inconclusive"
    # The order is kept worse with it.
    worst = unsteady | {"uniform_share": (None, 0.8, 0.3)}
    assert verdicts(made(rank_correlation=worst, **{metric: grows}))[claim] == "opposed"


def test_what_the_first_round_chose_is_no_growth(made):
    """Convincing wrong answers are less often free of errors than a uniform draw: that is their purpose."""
    unsteady = {"train_on": (None, 0.8, 0.5)}
    chosen = {way: (0.4, 0.1, 0.1) for way in WAYS} | {"uniform_share": (0.4, 0.3, 0.3)}
    found = verdicts(made(rank_correlation=unsteady, chosen_error_free=chosen))
    assert found["class balance"] == "inconclusive"


def test_a_warm_start_that_does_not_drift_is_no_cause(made):
    """The order is kept less well than from the base, but no less than in the first retraining."""
    found = verdicts(made(rank_correlation={"from_base": (None, 0.8, 0.9)}))
    assert found["less steady than from the base"] == "supported" != found["warm start"]


def test_several_causes_are_listed(made):
    bad = {"train_on": (0.05, 0.1, 0.2)}
    unsteady = {"train_on": (None, 0.8, 0.5)}
    said = headline(made(rank_correlation=unsteady, pool_calibration_error=bad, chosen_repeats=bad)).sentence
    assert "supports warm start, near-duplicates and calibration as a cause" in said


def test_a_loss_is_told_by_its_round(made):
    found = verdicts(made(best_of_n={"train_on": (0.5, 0.6, 0.4)}))
    assert found["loss in round 2"] == "supported" and found["loss in round 1"] == "opposed"


@pytest.mark.parametrize(
    ("means", "words"),
    [((0.5, 0.6, 0.8), "solves more test problems"), ((0.5, 0.6, 0.6), "solves fewer test problems")],
)
def test_the_headline_says_whether_retraining_pays(means, words, made):
    found = headline(made(best_of_n={"train_on": means}))
    assert found.sentence.startswith("With best-of-16, a selector that is trained on every round " + words)
    assert [one.where for one in found.readings] == [
        *("trained on minus all at once", "from the base minus all at once"),
        *("uniform share minus all at once", "from the base minus trained on"),
        "uniform share minus trained on",
    ]


def test_what_the_records_lack_is_not_told(steady):
    few = steady[steady["variant"].isin([FIRST, "from_base"])]
    found = headline(few)
    assert "is not compared" in found.sentence and found.readings == ()
    assert "The records do not show whether training on is unsteady." in found.sentence
    assert set(verdicts(few).values()) == {"inconclusive"}
    alone = headline(steady[steady["variant"] == FIRST])
    assert alone.sentence == "The records hold no round after the first."


def test_tables_hold_every_way_and_round(steady):
    shown = [[text_of(cell) for cell in row] for row in rounds_table(steady).rows]
    assert [row[:3] for row in shown] == [
        ["first selector", "0", "1"],
        *([WAYS[way].words, str(level), str(TOTALS[level])] for way in list(WAYS)[:3] for level in (1, 2)),
        ["all at once", "2", "4"],
    ]
    assert shown[0][3].startswith("50.") and shown[0][4] == "-" and shown[1][4].startswith("0.80")
    assert shown[0][-1] == str(SEEDS)
    chosen = [[text_of(cell) for cell in row] for row in chosen_table(steady).rows]
    assert chosen[0][3] == "-" and chosen[0][4].startswith("40.") and len(chosen) == len(shown)
    ways = [[text_of(cell) for cell in row] for row in ways_table(steady).rows]
    assert [row[0] for row in ways] == ["best-of-16"] * 5 + ["rank correlation"] * 2
    assert {row[4].partition(" (could detect ")[0] for row in ways} == {"equivalent", "inconclusive"}
    checks = sum(len(rule.checks) for rule in rules(2))
    assert len(causes_table(steady).rows) == checks == 1 + 2 + 2 + 2 + 3 * 3


def test_lines_begin_with_the_first_selector(steady):
    ax = Figure().subplots()
    summary = summarize(steady)
    assert figure.plot(summary, ax, "chosen_error_free") is ax
    lines = {bars.get_label(): bars.lines[0] for bars in ax.containers}
    assert list(lines) == [way.words for way in WAYS.values()]
    assert lines["trained on"].get_xdata()[0] == lines["from the base"].get_xdata()[0] == 1
    rows = summary[(summary["metric"] == "chosen_error_free") & summary["variant"].isin([FIRST, "train_on"])]
    expected = rows.sort_values("level")["estimate"].tolist()
    assert np.asarray(lines["trained on"].get_ydata(), dtype=float).tolist() == pytest.approx(expected)
    assert len(lines["all at once"].get_xdata()) == 1
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "4"]


def test_panels_are_drawn_for_the_measures_that_are_there(steady):
    canvas = Figure()
    figure.draw(summarize(steady[steady["metric"] != "pool_agreement"]), canvas)
    titles = [ax.get_title() or ax.get_title(loc="left") for ax in canvas.axes if ax.axison]
    assert len(titles) == 5 and titles[0] == "problems solved, best of 16"
    for ax in canvas.axes[: len(titles)]:
        ax.figure.draw_without_rendering()
        assert any(label.get_text() and label.get_visible() for label in ax.get_yticklabels())
    plain = steady.assign(variant=None, level=np.nan)
    assert not figure.FIGURE.available(summarize(plain))
