"""Ways to score a solution from its steps, compared on each model, and whether they favor short solutions.

Every strategy is compared with the paper's, the product with neutral counted as positive; the comparisons of
all models are corrected together after Holm.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.analyses.headline import Headline, reading_of
from results.stats.differences import contrasts, corrected, differences
from results.stats.intervals import INCONCLUSIVE
from results.stats.summaries import comparison_n, rows_of, summarize
from results.tables.rendering import (
    Table,
    compared,
    heads,
    number,
    p_cell,
    points,
    read,
    text_of,
    verdict_words,
    word,
)
from results.vocabulary import REDUCTIONS, arm_words

MODELS = ("labeler", "process", "process_neutral")
"""Arms whose scores are reduced in several ways, in the order of tables and panels."""
NEUTRAL = ("positive", "negative")
"""What a neutral step can count as, if a model has three classes."""


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A variant in the records."""

    reduction: str
    """One of ``REDUCTIONS``."""
    neutral: str | None
    """One of ``NEUTRAL``; None if the model has two classes."""

    @property
    def name(self) -> str:
        """Name of the variant in the records."""
        return self.reduction if self.neutral is None else f"{self.reduction}, neutral {self.neutral}"

    @property
    def baseline(self) -> "Strategy":
        """The paper's strategy for the same model."""
        return Strategy(reduction="product", neutral=self.neutral and "positive")


STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for neutral in (None, *NEUTRAL)
    for strategy in (Strategy(reduction=reduction, neutral=neutral) for reduction in REDUCTIONS)
}
"""Variant -> strategy."""

PAPER: dict[str, float] = {
    "product, neutral positive": 0.782,
    "minimum, neutral positive": 0.776,
    "product, neutral negative": 0.774,
    "minimum, neutral negative": 0.778,
}
"""Best-of-1860 of the paper's large PRM."""


@dataclass(frozen=True, kw_only=True)
class StrategyDifference:
    """A strategy minus the product with neutral as positive, on one model."""

    arm: str
    """Arm of the model."""
    variant: str
    """Key of ``STRATEGIES``."""
    estimate: float
    """Difference in best-of-N, a share."""
    lower: float
    """Lower end of its 95% interval, not corrected."""
    upper: float
    """Upper end."""
    p: float
    """Two-sided p of no difference, corrected after Holm for all comparisons of a run."""
    verdict: str
    """Where the difference lies after correction: above zero, below zero, equivalent or inconclusive."""
    detectable: float
    """What the run could have detected, if inconclusive; NaN if not known."""
    seeds: int
    """Number of paired seeds; 0: the model has none."""
    problems: int
    """Number of paired problems."""


def strategy_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Selects the rows of strategies, from records or their summary from ``summarize``."""
    return frame[frame["variant"].isin(list(STRATEGIES))]


def comparisons(frame: pd.DataFrame, n: int) -> list[StrategyDifference]:
    """Compares all strategies with the product, model by model in the order of ``MODELS``.

    Args:
        frame: records of one experiment, scale and dataset.
        n: N of best-of-N.
    """
    pairs = [(name, one.baseline.name) for name, one in STRATEGIES.items() if one != one.baseline]
    found = corrected(contrasts(strategy_rows(frame), "variant", pairs, "best_of_n", n))
    made = [
        StrategyDifference(
            arm=row.arm,
            variant=row.variant,
            estimate=row.estimate,
            lower=row.lower,
            upper=row.upper,
            p=row.p,
            verdict=row.verdict,
            detectable=row.detectable,
            seeds=row.seeds,
            problems=row.problems,
        )
        for row in rows_of(found)
    ]
    return sorted(made, key=lambda one: MODELS.index(one.arm))


def smaller_n(frame: pd.DataFrame) -> int | None:
    """Returns the N closest to 16 that is below that of the comparison; None if there is none."""
    found, largest = frame[frame["metric"] == "best_of_n"]["n"].dropna().unique(), comparison_n(frame)
    below = sorted(int(n) for n in found if n < largest)
    return min(below, key=lambda n: abs(n - 16), default=None)


def strategies_table(frame: pd.DataFrame) -> Table | None:
    """Tabulates best-of-N, difference from the product and length correlation of each model's strategies."""
    summary = summarize(strategy_rows(frame))
    if not (summary["metric"] == "best_of_n").any():
        return None
    n, smaller = comparison_n(summary), smaller_n(summary)
    ns = [one for one in (smaller, n) if one is not None]
    against = {(one.arm, one.variant): one for one in comparisons(frame, n)}
    rows = []
    for arm, variant, group in _by_model(summary):
        best = {int(row.n): row for row in rows_of(group[group["metric"] == "best_of_n"])}
        cells = [word(arm_words(arm), arm=arm), word(variant)]
        cells += [points(best[one].estimate, best[one].lower, best[one].upper) for one in ns]
        one = against.get((arm, variant))
        if one is None:
            cells += [points(np.nan), number(np.nan), word("–")]
        else:
            cells.append(points(one.estimate, one.lower, one.upper, signed=True))
            cells += [p_cell(one.p), read(one)]
        length = group[group["metric"] == "length_correlation"]
        lengths = [number(row.estimate, 2, row.lower, row.upper) for row in rows_of(length)]
        cells += lengths or [number(np.nan)]
        cells.append(points(PAPER.get(variant, np.nan) if arm == "labeler" else np.nan))
        rows.append(tuple(cells))
    return Table(
        id="strategies",
        title="Scoring strategies",
        lead=(
            "Test problems solved, per cent, and points above the product (with neutral as positive, where "
            f"the model has three classes) in best-of-{n}, paired by problem and seed, with 95% intervals; p "
            f"and reading are corrected after Holm for {len(against)} comparisons. Length correlation: rank "
            "correlation of score and number of steps among equally right solutions of a problem; below zero "
            "short ones are favored. Students that keep neutral take the learning rate of process "
            "supervision. Paper: its large PRM, best of 1860."
        ),
        heads=heads(
            *("model", "strategy", *(f"best-of-{one}" for one in ns), "minus product", "p", "reading"),
            *("length correlation", "paper"),
            text=("model", "strategy", "reading"),
        ),
        rows=tuple(rows),
    )


def _by_model(summary: pd.DataFrame) -> Iterable[tuple[str, str, pd.DataFrame]]:
    """Yields arm, variant and rows of each model and strategy in the summary, in the order of both."""
    for arm in MODELS:
        for variant in STRATEGIES:
            group = summary[(summary["arm"] == arm) & (summary["variant"] == variant)]
            if len(group):
                yield arm, variant, group


def headline(frame: pd.DataFrame) -> Headline:
    """Says whether any strategy beats the product, and how the product's scores depend on length."""
    rows = strategy_rows(frame)
    if not (rows["metric"] == "best_of_n").any():
        return Headline(sentence="The records do not hold scoring strategies.")
    n = comparison_n(rows)
    found = comparisons(frame, n)
    by_model = [[one for one in found if one.arm == arm] for arm in MODELS]
    best = [max(ones, key=lambda one: one.estimate) for ones in by_model if ones]
    readings = tuple(
        reading_of(f"{arm_words(one.arm)}: {one.variant}, the best of the others", one) for one in best
    )
    return Headline(sentence=_sentence(found, n), readings=readings, further=_further(frame, n))


def _sentence(found: list[StrategyDifference], n: int) -> str:
    """Summarizes the corrected comparisons in a sentence."""
    above = [f"{one.variant} ({arm_words(one.arm)})" for one in found if one.verdict == "above zero"]
    below = sum(one.verdict == "below zero" for one in found)
    more = "no scoring strategy is shown to solve more test problems than the product"
    if above:
        more = f"more test problems than the product are solved by {'; '.join(above)}"
    fewer = f"fewer are solved by {below}" if below else "none is shown to solve fewer"
    how = f"of {len(found)} comparisons, corrected after Holm"
    least = max((one.detectable for one in found if one.verdict == INCONCLUSIVE), default=np.nan)
    power = "" if np.isnan(least) else f"; inconclusive ones could detect {100 * least:.1f} points or less"
    return f"With best-of-{n}, {more}; {fewer} {how}{power}."


def _further(frame: pd.DataFrame, n: int) -> tuple[str, ...]:
    """Reports length correlations of product and geometric mean, and the effect of keeping neutral."""
    summary = summarize(strategy_rows(frame))
    lengths = {
        (row.arm, row.variant): text_of(number(row.estimate, 2, row.lower, row.upper))
        for row in rows_of(summary[summary["metric"] == "length_correlation"])
    }
    shown = [
        name
        for name, strategy in STRATEGIES.items()
        if strategy.reduction in ("product", "geometric mean") and strategy.neutral != "negative"
    ]
    sentences = []
    for arm in MODELS:
        told = [f"{lengths[arm, name]} ({name})" for name in shown if (arm, name) in lengths]
        if told:
            sentences.append(
                "Rank correlation of score and number of steps among equally right solutions of a problem, "
                f"{arm_words(arm)}: {', '.join(told)}."
            )
    for row in rows_of(differences(frame, [("process_neutral", "process")], "best_of_n", n)):
        sentences.append(
            "Students that keep neutral as a class minus those that do not, both scored by the product: "
            f"{text_of(compared(row)[0])} points, {verdict_words(row)}."
        )
    return tuple(sentences)
