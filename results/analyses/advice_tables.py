"""Advice in words, tables, numbers for programs, and the lines of its figure."""

from typing import Any

import numpy as np
import pandas as pd

from results.analyses.advice import Advice, Needed, Rival
from results.analyses.headline import capital
from results.analyses.purchases import NEXT, BreakEven, Purchase
from results.stats.intervals import LEVEL, MARGIN, Estimate
from results.stats.scaling import REACH
from results.tables.rendering import (
    MISSING,
    Cell,
    Table,
    heads,
    number,
    points,
    points_interval,
    share_cell,
    whole,
    word,
)
from results.vocabulary import ARMS, PURCHASES

_POINTS = 60
"""Points of a line of the figure."""


def verdict_text(advice: Advice) -> str:
    """Say what to buy, or what the pilot cannot tell and which pilot could."""
    nothing = [f"Nothing is known of {one.option.words}: {reason}." for one, reason in advice.unknown]
    if not advice.purchases:
        first = "This pilot cannot tell what to buy: no option has a price and a curve."
        return "\n".join([first, *nothing]) + "\n" + _left_out(advice)
    best = advice.purchases[0]
    open_rivals = [rival for rival in advice.rivals if not rival.decided]
    others = [rival.purchase for rival in open_rivals] + [purchase for purchase, _ in advice.unknown]
    undecided = f"This pilot cannot tell {best.option.words} from "
    undecided += ", or from ".join(purchase.option.words for purchase in others) + "."
    if advice.decided:
        first = f"Buy {best.option.words}."
    elif not others:
        first = f"This pilot cannot tell what to buy: there is only {best.option.words}."
    elif advice.decided_arm:
        first = f"Buy {ARMS[best.option.arm].words}. {undecided}"
    else:
        first = undecided
    lines = [first, _describe(best, advice.n), *(_undecided(rival, best) for rival in open_rivals), *nothing]
    decided = [rival for rival in advice.rivals if rival.decided]
    for words, as_good in (
        ("It solves more than", False),
        (f"As good to within {100 * MARGIN:g} points", True),
    ):
        if same := [rival.purchase.option.words for rival in decided if rival.as_good == as_good]:
            lines.append(f"{words}: {'; '.join(same)}.")
    if untested := [one.option.words for one in advice.purchases if not one.tests]:
        reason = f"the largest data scale is more than {REACH:g} times the one before"
        lines.append(f"Not back-tested, because {reason}: {'; '.join(untested)}.")
    return "\n".join(lines) + "\n" + _left_out(advice)


def _left_out(advice: Advice) -> str:
    return "".join(f"Left out: {words} ({reason}).\n" for words, reason in advice.left_out.items())


def _describe(best: Purchase, n: int) -> str:
    expected = best.expected
    share = f"{100 * expected.estimate:.1f}% {points_interval(expected.lower, expected.upper, signed=False)}"
    text = f"{_labels(best)} cost {best.spent:,.2f}; expected best-of-{n}: {share}."
    if best.beyond:
        text += (
            f" The budget buys more, but the pilot reaches no further ({REACH:g} times its largest scale)."
        )
    return text


def _labels(purchase: Purchase) -> str:
    """Describe the labels of a purchase: ``2,000 step labels on 435 solutions``."""
    kind = PURCHASES[str(purchase.option.buys)]
    return f"{purchase.labels:,.0f} {kind}s on {purchase.solutions:,.0f} solutions"


def _undecided(rival: Rival, best: Purchase) -> str:
    """Say what is known of a difference, and which pilot could tell its sign."""
    found, needed = rival.difference, rival.needed
    assert needed is not None
    interval = points_interval(found.lower, found.upper)
    text = f"Minus {rival.purchase.option.words}: {100 * found.estimate:+.1f} points {interval}"
    if rival.purchase.beyond:
        ratio = rival.purchase.bought / float(rival.purchase.option.curve.labels[-1])
        text += f" with as many as the pilot reaches; the budget buys {ratio:,.0f} times its largest scale"
    return f"{text}. {_pilot(needed, best)}"


def _pilot(needed: Needed, best: Purchase) -> str:
    """Say which pilot could tell the sign of a difference."""
    seeds, problems = best.option.curve.value.shape[1:]
    ways = []
    if needed.seeds is None or needed.seeds > seeds:
        if needed.seeds is not None:
            ways.append(f"{needed.seeds:,} seeds (now {seeds})")
        if needed.problems is not None:
            ways.append(f"{needed.problems:,} test problems (now {problems})")
        if not ways and needed.both is not None:
            ways.append(f"{needed.both[0]:,} seeds and {needed.both[1]:,} test problems")
    parts = [" or ".join(ways)] if ways else []
    for words, scale in needed.scales.items():
        known = np.isfinite(scale)
        parts.append(f"data scale {scale:,.0f} for {words}" if known else f"a price of {words} above 0")
    if not parts:
        return "If the difference is as estimated, it is too small for any pilot."
    return f"A pilot could, if the difference is as estimated, with {'; '.join(parts)}."


def purchases_table(advice: Advice) -> Table:
    """Tabulate what the budget buys of each option and what to expect of it."""
    return Table(
        id="purchases",
        title=f"What {advice.budget:,.10g} buys",
        lead=(
            f"Expected best-of-{advice.n} in percent, with {LEVEL:.0%} intervals over seeds, problems and "
            "shapes of the curve. Times pilot: solutions in multiples of the largest piloted number, at most "
            f"{REACH:g}. Next {NEXT}: points gained by {NEXT} labels more, and per unit of money. "
            "Break-even: the price of a label at which the option ties with the best one of other labels, "
            "below (<) or above (>) what the pilot shows."
        ),
        heads=heads(
            *("option", "labels", "solutions", "times pilot", "cost", f"best-of-{advice.n}"),
            *(f"next {NEXT}", "per money", "price", "break-even"),
            text=("option",),
        ),
        rows=tuple(
            (
                word(one.option.words, arm=one.option.arm),
                whole(round(one.labels)),
                whole(round(one.solutions)),
                number(one.solutions / float(one.option.curve.labels[-1]), 2),
                number(one.spent, 2),
                share_cell(one.expected),
                share_cell(one.gain, signed=True),
                MISSING if np.isnan(one.gain_per_money) else number(100 * one.gain_per_money),
                _price_cell(one.price.label),
                _break_even_cell(limit),
            )
            for one, limit in zip(advice.purchases, advice.break_even, strict=True)
        ),
    )


def _break_even_cell(found: BreakEven | None) -> Cell:
    """Make a cell of a price, whose ends may be the smallest or largest that can be seen."""
    if found is None:
        return MISSING

    def shown(price: float) -> str:
        sign = "<" if price <= found.least * (1 + 1e-9) else ">" if price >= found.most * (1 - 1e-9) else ""
        return f"{sign}{price:.3g}"

    return Cell(
        value=repr(found.estimate),
        shown=shown(found.estimate),
        interval=f"[{shown(found.lower)}, {shown(found.upper)}]",
    )


def _price_cell(price: float) -> Cell:
    return MISSING if np.isnan(price) else Cell(value=repr(price), shown=f"{price:.3g}")


def back_test_table(advice: Advice) -> Table:
    """Tabulate how well the smaller data scales predict the largest one."""
    tests = [(one, test) for one in advice.purchases for test in one.tests]
    return Table(
        id="back-tests",
        title="Back-tests on this pilot",
        lead=(
            "The largest data scale, predicted from the smaller ones; twice, each time on one half of the "
            "test problems from the other half. A miss is the error in multiples of the distance to the "
            "interval's end; if the larger one exceeds 1, the intervals of the option are widened by it."
        ),
        heads=heads("option", "solutions", "predicted", "observed", "miss", text=("option",)),
        rows=tuple(
            (
                word(one.option.words, arm=one.option.arm),
                whole(round(test.labels)),
                points(test.predicted, test.lower, test.upper),
                points(test.observed),
                number(test.miss, 2),
            )
            for one, test in tests
        ),
    )


def advice_numbers(advice: Advice) -> dict[str, Any]:
    """Return the advice as JSON: shares from 0 to 1, money as given; null where something is unknown."""
    purchases = [
        {
            "arm": one.option.arm,
            "acquisition": one.option.acquisition,
            "label": one.option.buys,
            "labels": one.labels,
            "solutions": one.solutions,
            "budget_buys_solutions": _known(one.bought),
            "beyond_reach": one.beyond,
            "cost": one.spent,
            "best_of_n": _estimate(one.expected),
            "widened_by": one.widening,
            f"next_{NEXT}_labels": _estimate(one.gain),
            "points_per_money": _known(100 * one.gain_per_money),
            "break_even_price": None if limit is None else vars(limit),
            "back_tests": [vars(test) | {"inside": test.inside, "miss": test.miss} for test in one.tests],
        }
        for one, limit in zip(advice.purchases, advice.break_even, strict=True)
    ]
    rivals = [
        {
            "arm": rival.purchase.option.arm,
            "acquisition": rival.purchase.option.acquisition,
            "best_minus_this": _estimate(rival.difference),
            "decided": rival.decided,
            "needed": None
            if rival.needed is None
            else vars(rival.needed) | {"scales": {k: _known(v) for k, v in rival.needed.scales.items()}},
        }
        for rival in advice.rivals
    ]
    return {
        "n": advice.n,
        "budget": advice.budget,
        "decided": advice.decided,
        "decided_arm": advice.decided_arm,
        "purchases": purchases,
        "rivals": rivals,
        "unknown": {one.option.words: reason for one, reason in advice.unknown},
        "left_out": advice.left_out,
        "text": verdict_text(advice),
    }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _estimate(found: Estimate) -> dict[str, float | None]:
    return {name: _known(getattr(found, name)) for name in ("estimate", "lower", "upper")}


def money_frame(advice: Advice) -> pd.DataFrame:
    """Return the lines of the figure: each option's best-of-N against money.

    Returns:
        Columns arm, acquisition, words, money, estimate, lower, upper and kind: "curve" within the piloted
        numbers of labels, "beyond" outside them, or "point" for what was measured, without an interval.
    """
    rows = []
    for one in advice.purchases:
        piloted, curve = one.option.curve.labels, one.option.curve
        name = {
            "arm": one.option.arm,
            "acquisition": one.option.acquisition,
            "words": capital(one.option.words),
        }
        solutions_X = np.unique(np.concatenate([np.geomspace(piloted[0], one.reach, _POINTS), piloted]))
        draws_BX = one.at(solutions_X)
        lower, upper = np.quantile(draws_BX, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        for i, solutions in enumerate(solutions_X):
            kinds = ["curve"] * int(solutions <= piloted[-1]) + ["beyond"] * int(solutions >= piloted[-1])
            at = {"money": one.price.money(solutions), "lower": lower[i], "upper": upper[i]}
            rows += [name | at | {"estimate": draws_BX[:, i].mean(), "kind": kind} for kind in kinds]
        rows += [
            name | {"money": one.price.money(labels), "estimate": mean, "kind": "point"}
            for labels, mean in zip(curve.labels, curve.mean, strict=True)
        ]
    return pd.DataFrame(rows)
