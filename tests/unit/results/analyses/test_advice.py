"""Advice on made pilots whose best purchase is known."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from results.analyses.advice import MOST_MISSED, Advice, advise
from results.analyses.advice_tables import (
    advice_numbers,
    back_test_table,
    money_frame,
    purchases_table,
    verdict_text,
)
from results.analyses.pilot import Option, Pilot
from results.figures.advice import draw
from results.stats.data_efficiency import Curve
from results.tables.rendering import as_text

PRICES = {"step_label": 0.1, "judged_solution": 0.5, "answer_check": 0.1, "rollout": 0.0}
"""A solution with 5 step labels costs 0.5, and so does a judged one; one with a checked answer costs 0.1."""
SCALES = (1, 2, 4, 8)
RISE = np.array([0.4, 0.5, 0.6, 0.7])
"""0.1 per doubling: as a line in log labels."""


def option(
    arm: str,
    mean: np.ndarray,
    noise: float = 0.0,
    seeds: int = 4,
    scales: tuple[int, ...] = SCALES,
    acquisition: str = "uniform",
) -> Option:
    """100 problems labeled; 50 test problems, whose difficulty all options share."""
    shared = np.random.default_rng(0).uniform(-0.1, 0.1, 50)
    rng = np.random.default_rng([seeds, *arm.encode(), *acquisition.encode()])
    of_seeds = noise * rng.standard_normal((len(scales), seeds, 1))
    residual = noise * rng.standard_normal((len(scales), seeds, 50))
    return Option(
        arm=arm,
        acquisition=acquisition,
        scales=scales,
        curve=Curve(
            labels=100.0 * np.array(scales),
            seeds=np.arange(seeds),
            value=mean[:, None, None] + shared - shared.mean() + of_seeds + residual,
        ),
        labels=5.0 if arm == "process" else 1.0,
        candidates=16,
    )


def advice(*options: Option, budget: float = 200.0, **prices: float) -> Advice:
    pilot = Pilot(n=64, options=options, left_out={}, ceiling_P=np.ones(50))
    return advise(pilot, PRICES | prices, budget)


def test_a_clear_choice() -> None:
    """200 buys 400 solutions of either kind: 0.6 and 0.4."""
    found = advice(option("process", RISE, 0.01), option("prm_outcome", RISE - 0.2, 0.01))
    best, other = found.purchases
    assert found.decided and found.decided_arm == "process"
    assert (best.solutions, best.labels, best.spent) == pytest.approx((400, 2000, 200))
    assert best.expected.estimate == pytest.approx(0.6, abs=0.02)
    assert best.expected.lower < 0.6 < best.expected.upper
    assert other.expected.estimate == pytest.approx(0.4, abs=0.02)
    assert found.rivals[0].difference.lower > 0 and found.rivals[0].needed is None
    text = verdict_text(found)
    assert text.startswith("Buy process supervision, uniform.\n2,000 step labels on 400 solutions cost")
    assert "cost 200.00; expected best-of-64: " in text
    assert "It solves more than: PRM-derived outcome, uniform." in text


def test_the_cheaper_label_wins_where_it_buys_enough() -> None:
    """60 buys 600 checked answers, but only 120 solutions with step labels."""
    found = advice(option("process", RISE, 0.01), option("final_answer", RISE, 0.01), budget=60)
    assert found.decided and found.purchases[0].option.arm == "final_answer"


def test_fewer_labels_than_piloted_are_no_better_than_piloted() -> None:
    """40 buys 400 checked answers, which solve 0.6, but 80 solutions with step labels, of which the smallest
    scale has 100 and solves 0.4: worse. With 0.3 more it may be better."""
    answers = option("final_answer", RISE, 0.01)
    worse = advice(option("process", RISE, 0.01), answers, option("prm_outcome", RISE, 0.01), budget=40)
    reason = "the budget buys 80 solutions, the smallest data scale has 100"
    assert worse.left_out == {
        "process supervision, uniform": reason,
        "PRM-derived outcome, uniform": reason,
    }
    assert "there is only final-answer outcome, uniform." in verdict_text(worse)
    maybe = advice(option("process", RISE + 0.3, 0.01), answers, budget=40)
    assert [one.option.arm for one, _ in maybe.unknown] == ["process"] and not maybe.left_out
    assert verdict_text(maybe).startswith(
        "This pilot cannot tell final-answer outcome, uniform from process supervision, uniform."
    )
    assert f"Nothing is known of process supervision, uniform: {reason}." in verdict_text(maybe)


def test_equal_options_are_as_good() -> None:
    found = advice(option("process", RISE, 0.002), option("prm_outcome", RISE, 0.002))
    assert found.decided and found.rivals[0].as_good
    assert "As good to within 3 points: " in verdict_text(found)


def test_noise_hides_a_difference_and_more_seeds_show_it() -> None:
    """5 points under noise of 0.08 between seeds: 4 seeds cannot tell; as many as it asks for can."""

    def at(seeds: int) -> Advice:
        return advice(option("process", RISE, 0.08, seeds), option("prm_outcome", RISE - 0.05, 0.08, seeds))

    few = at(4)
    needed = few.rivals[0].needed
    assert not few.decided and few.decided_arm is None and needed is not None
    assert needed.seeds is not None and 4 < needed.seeds < 1000 and needed.scales == {}
    assert f"{needed.seeds:,} seeds (now 4)" in verdict_text(few)
    assert verdict_text(few).startswith("This pilot cannot tell ")
    assert at(400).decided


def test_no_pilot_tells_equal_options_apart() -> None:
    """The same values twice, with the seeds in another order: there is no difference to detect."""
    one = option("process", RISE, 0.3)
    value = one.curve.value[:, ::-1]
    other = replace(one, arm="prm_outcome", labels=1.0, curve=replace(one.curve, value=value))
    found = advice(one, other)
    assert not found.decided
    assert "it is too small for any pilot." in verdict_text(found)


def test_acquisitions_that_tie_leave_the_arm_decided() -> None:
    """Candidates of both cost nothing here; the outcome is far below."""
    found = advice(
        option("process", RISE, 0.08),
        option("process", RISE, 0.08, acquisition="uniform_distinct"),
        option("prm_outcome", RISE - 0.4, 0.01),
    )
    assert not found.decided and found.decided_arm == "process"
    assert verdict_text(found).startswith("Buy process supervision. This pilot cannot tell ")


def test_nothing_is_said_beyond_the_reach() -> None:
    """The largest scale has 800: up to 3200. 400 buys 4000 answers at 0.1: 5 times as many."""
    found = advice(option("process", RISE + 0.2, 0.01), option("final_answer", RISE - 0.2, 0.01), budget=400)
    best, other = found.purchases
    assert (other.bought, other.reach, other.solutions, other.beyond) == (4000, 3200, 3200, True)
    assert other.spent == pytest.approx(320) and math.isnan(other.gain.estimate)
    assert best.option.arm == "process" and not best.beyond
    needed = found.rivals[0].needed
    assert not found.decided and needed is not None
    assert needed.scales == {"final-answer outcome, uniform": 10}  # 4000 / 4 solutions of 100 problems
    assert "the budget buys 5 times its largest scale" in verdict_text(found)
    # The best one may be read at 3200 of 4000 solutions, while 400 buys 800 of the other.
    both = option("process", RISE + 0.2, 0.01), option("prm_outcome", RISE - 0.2, 0.01)
    short = advice(*both, budget=400, step_label=0.02)
    assert short.decided and short.purchases[0].beyond and "reaches no further" in verdict_text(short)
    # What it reaches decides nothing if the other is as good: 3200 solutions of 100 problems would.
    same = option("process", RISE + 0.2, 0.1), option("prm_outcome", RISE + 0.2, 0.1)
    unclear = advice(*same, budget=400, step_label=0.02).rivals[0].needed
    assert unclear is not None and unclear.scales["process supervision, uniform"] == pytest.approx(32)
    free = advice(both[0], option("final_answer", RISE - 0.3, 0.01), answer_check=0.0)
    assert "with a price of final-answer outcome, uniform above 0." in verdict_text(free)


def test_break_even_prices_by_hand() -> None:
    """The outcome solves 0.5 with 200 solutions; process supervision needs 200 for that: 100 / 200 = 0.5 per
    solution, 0.1 per step label. Of the outcome, 100 buys 0.6 where 400 solutions are 0.25 each."""
    found = advice(option("process", RISE, 0.001), option("prm_outcome", RISE, 0.001), budget=100)
    for one, limit in zip(found.purchases, found.break_even, strict=True):
        assert limit is not None
        expected = 0.1 if one.option.arm == "process" else 0.5
        assert limit.estimate == pytest.approx(expected, rel=0.05) and limit.lower < expected < limit.upper
    # Without noise the flat outcome solves 0.6: as 400 solutions of process supervision, 0.25 each.
    flat = advice(option("process", RISE, 0.001), option("prm_outcome", 0 * RISE + 0.6, 0.001), budget=100)
    limits = {one.option.arm: limit for one, limit in zip(flat.purchases, flat.break_even, strict=True)}
    assert limits["process"].estimate == pytest.approx(0.05, rel=0.1)
    # The outcome does as well at its smallest number, 100: at 1 each or more.
    assert limits["prm_outcome"].estimate == limits["prm_outcome"].most == pytest.approx(1)


def test_a_price_that_is_never_reached_is_bounded() -> None:
    """Process supervision stays at 0.3: even 3200 solutions for 100 (0.00625 a step) are too few."""
    found = advice(option("process", 0 * RISE + 0.3, 0.001), option("prm_outcome", RISE, 0.001), budget=100)
    limits = {one.option.arm: limit for one, limit in zip(found.purchases, found.break_even, strict=True)}
    assert limits["process"].estimate == limits["process"].least == pytest.approx(0.00625)
    assert "<0.00625 [<0.00625, <0.00625]" in as_text(purchases_table(found))


def test_the_next_labels_by_hand() -> None:
    """From 400 solutions, 1000 step labels are 200 more: 0.1 log2(600 / 400) = 5.85 points for 100."""
    (best, _) = advice(option("process", RISE, 0.001), option("prm_outcome", RISE - 0.3, 0.001)).purchases
    assert best.gain.estimate == pytest.approx(0.0585, abs=0.006)
    assert best.gain_per_money == pytest.approx(best.gain.estimate / 100)


def test_a_miss_in_the_back_test_widens_or_refuses() -> None:
    """The last point leaves the curve of the first three."""

    def with_last(value: float) -> Advice:
        mean = np.array([0.4, 0.4, 0.4, value])
        return advice(option("process", mean, 0.004), option("prm_outcome", RISE - 0.3, 0.004))

    kept, off = with_last(0.4), with_last(0.46)
    assert kept.purchases[0].widening == 1
    (wide,) = (one for one in off.purchases if one.option.arm == "process")
    miss = max(test.miss for test in wide.tests)
    assert wide.widening == miss and 1 < miss < MOST_MISSED
    draws = wide.scaling.at(wide.solutions)
    assert wide.draws.std() == pytest.approx(miss * draws.std(), rel=1e-6)
    assert wide.draws.mean() == pytest.approx(draws.mean())
    refused = with_last(0.6)
    assert [one.option.arm for one, _ in refused.unknown] == ["process"] and not refused.decided
    assert "back-test misses by far" in verdict_text(refused)


def test_scales_too_far_apart_are_not_tested() -> None:
    far = option("process", RISE, 0.01, scales=(1, 2, 4, 32))
    found = advice(far, option("prm_outcome", RISE - 0.2, 0.01))
    assert found.purchases[0].tests == ()
    assert "Not back-tested, because the largest data scale is more than 4 times" in verdict_text(found)
    assert len(back_test_table(found).rows) == 2


def test_nothing_to_advise_on() -> None:
    found = advise(Pilot(n=64, options=(), left_out={"a": "1 data scales"}, ceiling_P=np.ones(6)), PRICES, 1)
    assert not found.decided
    first, second = verdict_text(found).splitlines()
    assert first == "This pilot cannot tell what to buy: no option has a price and a curve."
    assert second == "Left out: a (1 data scales)."
    assert advice_numbers(found)["purchases"] == []


def test_numbers_for_programs_are_json() -> None:
    found = advice(option("process", RISE, 0.01), option("final_answer", RISE, 0.01), answer_check=0.0)
    numbers = json.loads(json.dumps(advice_numbers(found), allow_nan=False))
    assert {one["arm"] for one in numbers["purchases"]} == {"process", "final_answer"}
    (free,) = (one for one in numbers["purchases"] if one["arm"] == "final_answer")
    assert free["budget_buys_solutions"] is None and free["beyond_reach"] is True
    assert free["back_tests"][0].keys() >= {"predicted", "lower", "upper", "observed", "inside", "miss"}


def test_the_figure_shows_the_purchases(tmp_path: Path) -> None:
    found = advice(
        option("process", RISE, 0.01), option("process", RISE + 0.1, 0.01, acquisition="uniform_distinct")
    )
    frame = money_frame(found)
    line = frame[(frame["acquisition"] == "uniform") & (frame["kind"] != "point")]
    assert line["money"].min() == pytest.approx(50) and line["money"].max() == pytest.approx(1600)
    assert (line["lower"] <= line["estimate"]).all() and (line["estimate"] <= line["upper"]).all()
    points = frame[(frame["acquisition"] == "uniform") & (frame["kind"] == "point")]
    assert points["estimate"].tolist() == pytest.approx(found.purchases[1].option.curve.mean.tolist())
    assert [path.name for path in draw(found, tmp_path / "drawn")] == ["drawn.png", "drawn.svg"]
    drawn = (tmp_path / "drawn.svg").read_text()
    assert draw(found, tmp_path / "again") and drawn == (tmp_path / "again.svg").read_text()
