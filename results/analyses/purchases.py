"""What a budget buys of one option, what to expect of it, and what its labels may cost."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from results.analyses.pilot import Option, Price
from results.stats.intervals import NAN, Estimate
from results.stats.scaling import REACH, Array, BackTest, Scaling, summarize_draws

NEXT = 1000
"""Labels whose marginal value is shown."""
_GRID = 400
"""Numbers of labels at which break-even prices are computed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Purchase:
    """What a budget buys of one option, and what to expect of it."""

    option: Option
    price: Price
    scaling: Scaling
    tests: tuple[BackTest, ...]
    """Back-tests at the largest data scale; empty if it is out of reach of the smaller ones."""
    ceiling: float
    """Mean pass@N."""
    bought: float
    """Labeled solutions that the budget buys."""

    @property
    def reach(self) -> float:
        """Most labeled solutions at which the curve is read."""
        return REACH * float(self.option.curve.labels[-1])

    @property
    def solutions(self) -> float:
        """Labeled solutions to buy: no more than the pilot reaches."""
        return min(self.bought, self.reach)

    @property
    def labels(self) -> float:
        """Labels to buy, in the unit that has a price."""
        return self.solutions * self.option.labels

    @property
    def beyond(self) -> bool:
        """Whether the budget buys more than the pilot reaches."""
        return self.bought > self.reach

    @property
    def spent(self) -> float:
        """Money that they cost."""
        return float(self.price.money(self.solutions))

    @property
    def widening(self) -> float:
        """Factor by which the intervals are widened: that of the back-test that missed most, at least 1."""
        return max((1.0, *(test.miss for test in self.tests)))

    def at(self, solutions: Array | float) -> Array:
        """Return draws of best-of-N at numbers of labeled solutions, widened: [B] or [B, X]."""
        draws = self.scaling.at(solutions)
        mean = draws.mean(axis=0)
        return np.clip(mean + self.widening * (draws - mean), 0, self.ceiling)

    @cached_property
    def draws(self) -> Array:
        """Draws [B] of the expected best-of-N."""
        return self.at(self.solutions)

    @property
    def expected(self) -> Estimate:
        """Expected best-of-N."""
        return summarize_draws(self.draws)

    @property
    def gain(self) -> Estimate:
        """Gain in best-of-N by the next ``NEXT`` labels; NaN if they are out of reach."""
        more = self.solutions + NEXT / self.option.labels
        if more > self.reach:
            return Estimate(estimate=NAN)
        return summarize_draws(self.at(more) - self.draws)

    @property
    def gain_per_money(self) -> float:
        """That gain divided by the price of these labels; NaN if out of reach, or if they are free."""
        price = self.price.each * NEXT / self.option.labels
        return self.gain.estimate / price if price > 0 else NAN

    def break_even(self, other: "Purchase", budget: float) -> "BreakEven":
        """Return the price of a label at which it does as well as another purchase, whose prices stay.

        Args:
            other: the other purchase.
            budget: money to spend.
        """
        least = float(self.option.curve.labels[0])
        solutions_X = np.geomspace(least, self.reach, _GRID)
        reached_BX = self.at(solutions_X) >= other.draws[:, None]
        # A draw that never reaches the other needs as many as the last; the interval's end says "at most".
        first_B = np.where(reached_BX.any(axis=1), reached_BX.argmax(axis=1), _GRID - 1)
        labels = self.option.labels
        rest = self.price.each - self.price.label * labels
        price_X = np.maximum(((budget - self.price.fixed) / solutions_X - rest) / labels, 0.0)
        found = summarize_draws(price_X[first_B])
        return BreakEven(
            estimate=float(np.median(price_X[first_B])),
            lower=found.lower,
            upper=found.upper,
            least=float(price_X[-1]),
            most=float(price_X[0]),
        )


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """A price with its 95% interval, known only between two ends."""

    estimate: float
    lower: float
    upper: float
    least: float
    """The price at which the budget buys as many labels as the pilot reaches; a lower one is not seen."""
    most: float
    """The price at which the budget buys the smallest piloted number; a higher one is not seen."""
