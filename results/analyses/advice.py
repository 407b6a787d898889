"""Advice on what to buy: a purchase of each option, their differences, and what a pilot cannot tell.

A purchase spends the budget on one option: one kind of supervision with one acquisition. Its best-of-N is
read from a scaling curve (``results.stats.scaling``) at the number of solutions that the money buys. No curve
is read beyond ``REACH`` times its largest piloted number of labels: if the budget buys more, only the money
for that many is spent, and nothing is said about the rest.

Before its curve is trusted, the pilot's largest data scale is predicted from the smaller ones, on each half
of the problems from the other half. If an interval misses, all intervals of the option are widened by the
same factor; beyond ``MOST_MISSED`` nothing is said about the option.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from results.analyses.pilot import Option, Pilot
from results.analyses.purchases import BreakEven, Purchase
from results.stats.intervals import ALPHA, Estimate, is_equivalent, mean_interval, subtract_shares
from results.stats.power import POWER, power, problems_needed, seeds_needed
from results.stats.scaling import REACH, Array, BackTest, back_test, fit_scalings, summarize_draws

MOST_MISSED = 3.0
"""Largest error of a back-test, in multiples of the distance to the interval's end, that only widens."""
_NEAR = 1.5
"""Ratio of labels up to which a piloted data scale is near a purchase."""
_MOST_TIMES = 100
"""Largest multiple of the pilot that is considered."""


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What a pilot would need to tell two purchases apart, if the difference is as estimated."""

    seeds: int | None
    """Seeds, on as many problems; None if no number would do."""
    problems: int | None
    """Problems, with as many seeds; None if no number would do."""
    both: tuple[int, int] | None
    """Seeds and problems, in the pilot's proportion; None if no number would do."""
    scales: dict[str, float]
    """Words of an option -> data scale that is missing; infinite if its labels are free."""


@dataclass(frozen=True, kw_only=True)
class Rival:
    """The best purchase minus another."""

    purchase: Purchase
    difference: Estimate
    """At a level corrected for the number of rivals."""
    needed: Needed | None
    """What a pilot would need; None if this one can tell."""

    @property
    def decided(self) -> bool:
        """Whether the pilot can tell: it is worse, or as good to within the margin, and within reach."""
        return self.needed is None

    @property
    def as_good(self) -> bool:
        """Whether it is shown to be as good to within the margin."""
        return self.decided and not self.difference.lower > 0


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What to buy with a budget."""

    n: int
    budget: float
    purchases: tuple[Purchase, ...]
    """Purchases of the options that have a price and a curve, best first."""
    rivals: tuple[Rival, ...]
    """The other purchases against the best one."""
    break_even: tuple[BreakEven | None, ...]
    """Of each purchase: the price of its labels at which it ties with the best one of other labels."""
    unknown: tuple[tuple[Purchase, str], ...]
    """Purchases that may be better, but of which the pilot shows too little, with the reason."""
    left_out: dict[str, str]
    """Words of the other options -> reason."""

    @property
    def decided(self) -> bool:
        """Whether the pilot can tell what to buy."""
        return bool(self.rivals) and not self.unknown and all(rival.decided for rival in self.rivals)

    @property
    def decided_arm(self) -> str | None:
        """The arm to buy, if the pilot can tell it: all purchases that may be better are of the same arm."""
        if not self.purchases or not (self.rivals or self.unknown):
            return None
        arms = {self.purchases[0].option.arm}
        arms |= {rival.purchase.option.arm for rival in self.rivals if not rival.decided}
        arms |= {purchase.option.arm for purchase, _ in self.unknown}
        return arms.pop() if len(arms) == 1 else None


def advise(
    pilot: Pilot,
    prices: Mapping[str, float],
    budget: float,
    *,
    candidates: int | None = None,
    problems: float | None = None,
) -> Advice:
    """Find what a budget buys of each option, and compare the best purchase with the others.

    Args:
        pilot: from ``read_pilot``.
        prices: key of ``PURCHASES`` -> price.
        budget: money to spend, above 0.
        candidates: solutions per problem from which acquisitions choose; None: as in the pilot.
        problems: problems whose solutions are labeled; None: as in the pilot.
    """
    left_out = dict(pilot.left_out)
    purchases: list[Purchase] = []
    unknown: list[tuple[Purchase, str]] = []
    ceiling = float(pilot.ceiling_P.mean())
    curves = [option.curve for option in pilot.options]
    for option, scaling in zip(pilot.options, fit_scalings(curves, ceiling) if curves else [], strict=True):
        price = option.price(prices, candidates, problems)
        if isinstance(price, str):
            left_out[option.words] = price
            continue
        purchase = Purchase(
            option=option,
            price=price,
            scaling=scaling,
            tests=_own_tests(option, pilot.ceiling_P),
            ceiling=ceiling,
            bought=price.solutions(budget),
        )
        least = float(option.curve.labels[0])
        if purchase.widening > MOST_MISSED:
            unknown.append((purchase, "its back-test misses by far, so no curve describes it"))
        elif purchase.bought < least:
            bought = f"the budget buys {purchase.bought:,.0f} solutions"
            unknown.append((purchase, f"{bought}, the smallest data scale has {least:,.0f}"))
        else:
            purchases.append(purchase)
    purchases.sort(key=lambda one: -one.expected.estimate)
    for purchase, reason in [*unknown] if purchases else []:
        # Fewer labels are no better: what the smallest data scale reaches may show that it is worse.
        most = summarize_draws(purchase.at(float(purchase.option.curve.labels[0]))).upper
        if purchase.widening <= MOST_MISSED and most < purchases[0].expected.lower:
            unknown.remove((purchase, reason))
            left_out[purchase.option.words] = reason
    level = 1 - ALPHA / max(len(purchases) - 1, 1)
    return Advice(
        n=pilot.n,
        budget=budget,
        purchases=tuple(purchases),
        rivals=tuple(_rival(purchases[0], other, level) for other in purchases[1:]),
        break_even=tuple(_break_even(one, purchases, budget) for one in purchases),
        unknown=tuple(unknown),
        left_out=left_out,
    )


def _own_tests(option: Option, ceiling_P: Array) -> tuple[BackTest, ...]:
    """Back-test an option on its largest data scale, if that is within reach of the smaller ones."""
    labels = option.curve.labels
    if labels[-1] > REACH * labels[-2]:
        return ()
    return back_test(option.curve, ceiling_P, len(labels) - 1, len(labels) - 1)


def _rival(best: Purchase, other: Purchase, level: float) -> Rival:
    problems = best.option.curve.value.shape[2]
    difference = summarize_draws(best.draws - other.draws, level=level, problems=problems)
    known = not other.beyond and (difference.lower > 0 or is_equivalent(difference.lower, difference.upper))
    needed = None if known else _needed(best, other, difference.estimate, 1 - level)
    return Rival(purchase=other, difference=difference, needed=needed)


def _needed(best: Purchase, other: Purchase, difference: float, alpha: float) -> Needed:
    """Plan a pilot from the variances at the data scales nearest to both purchases."""
    nearest = [np.abs(np.log(one.option.curve.labels / one.solutions)).argmin() for one in (best, other)]
    values = [one.option.curve.value[i] for one, i in zip((best, other), nearest, strict=True)]
    found = mean_interval(subtract_shares(*values)).components
    seeds, problems = values[0].shape
    more_seeds = more_problems = both = None
    if found is not None:
        more_seeds = seeds_needed(difference, found, problems, alpha)
        more_problems = problems_needed(difference, found, seeds, alpha)
        both = next(
            (
                (factor * seeds, factor * problems)
                for factor in range(2, _MOST_TIMES + 1)
                if power(difference, found.terms(factor * seeds, factor * problems), alpha) >= POWER
            ),
            None,
        )
    scales = {}
    # If noise at the nearest scales does not hide the difference, the curves from there on do.
    near = 1.0 if more_seeds is not None and more_seeds <= seeds and not other.beyond else _NEAR
    for one, i in zip((best, other), nearest, strict=True):
        ratio = one.solutions / float(one.option.curve.labels[i])
        if one is other and other.beyond:
            scales[one.option.words] = one.bought / REACH / one.option.problems
        elif not 1 / near <= ratio <= near:
            scales[one.option.words] = one.solutions / one.option.problems
    return Needed(seeds=more_seeds, problems=more_problems, both=both, scales=scales)


def _break_even(purchase: Purchase, purchases: list[Purchase], budget: float) -> BreakEven | None:
    """Return the break-even price against the best purchase of other labels; None without one."""
    others = [other for other in purchases if other.option.buys != purchase.option.buys]
    if not others or np.isnan(purchase.price.label):
        return None
    return purchase.break_even(others[0], budget)
