"""Ways to score a solution from its steps, compared on each model, and whether they favor short solutions.

Every strategy is compared with the paper's, the product with neutral counted as positive; the comparisons of
all models are corrected together after Holm.
"""

from dataclasses import dataclass

import pandas as pd

from results.analyses.headline import Headline, difference_words, reading_of
from results.stats.differences import contrasts, corrected, differences
from results.stats.summaries import at_n, comparison_n, rows_of, summarize
from results.tables.rendering import (
    MISSING,
    Table,
    arm_cell,
    estimate_cell,
    heads,
    points,
    share_cell,
    tested,
    text_of,
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


def strategy_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of strategies, from records or their summary from ``summarize``."""
    return frame[frame["variant"].isin(list(STRATEGIES))]


def comparisons(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """Compare all strategies with the product, model by model in the order of ``MODELS``.

    Args:
        n: N of best-of-N.

    Returns:
        Rows of ``contrasts`` between variants, with p corrected for all of them.
    """
    pairs = [(name, one.baseline.name) for name, one in STRATEGIES.items() if one != one.baseline]
    found = corrected(contrasts(strategy_rows(frame), "variant", pairs, "best_of_n", n))
    return found.sort_values("arm", key=lambda arm: arm.map(MODELS.index), kind="stable")


def smaller_n(frame: pd.DataFrame) -> int | None:
    """Return the N closest to 16 that is below that of the comparison; None if there is none."""
    known, largest = frame[frame["metric"] == "best_of_n"]["n"].dropna().unique(), comparison_n(frame)
    below = sorted(int(n) for n in known if n < largest)
    return min(below, key=lambda n: abs(n - 16), default=None)


def strategies_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate each strategy's best-of-N, difference from the product and length correlation, per model."""
    summary = summarize(strategy_rows(frame))
    if not (summary["metric"] == "best_of_n").any():
        return None
    n, smaller = comparison_n(summary), smaller_n(summary)
    ns = [n] if smaller is None else [smaller, n]
    against = {(row.arm, row.variant): tested(row) for row in rows_of(comparisons(frame, n))}
    rows = []
    for arm in MODELS:
        for variant in STRATEGIES:
            group = summary[(summary["arm"] == arm) & (summary["variant"] == variant)]
            if group.empty:
                continue
            best = group[group["metric"] == "best_of_n"]
            length = group[group["metric"] == "length_correlation"]
            rows.append(
                (
                    arm_cell(arm),
                    word(variant),
                    *(share_cell(next(rows_of(at_n(best, n)), None)) for n in ns),
                    *against.get((arm, variant), (MISSING, MISSING, word("–"))),
                    estimate_cell(next(rows_of(length), None), 2),
                    points(PAPER.get(variant) if arm == "labeler" else None),
                )
            )
    return Table(
        id="strategies",
        title="Scoring strategies",
        lead=(
            "Test problems solved, percent, and points above the product (with neutral as positive, where "
            f"the model has three classes) in best-of-{n}, paired by problem and seed, with 95% intervals; p "
            f"and reading are corrected after Holm for {len(against)} comparisons. Length correlation: rank "
            "correlation of score and number of steps among equally right solutions of a problem; below zero "
            "short ones are favored. Students that keep neutral take the learning rate of process "
            "supervision. Paper: its large PRM, best of 1860."
        ),
        heads=heads(
            *("model", "strategy", *(f"best-of-{n}" for n in ns), "minus product", "p", "reading"),
            *("length correlation", "paper"),
            text=("model", "strategy", "reading"),
        ),
        rows=tuple(rows),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Say whether any strategy beats the product, and how the product's scores depend on length."""
    rows = strategy_rows(frame)
    if not (rows["metric"] == "best_of_n").any():
        return Headline(sentence="The records do not hold scoring strategies.")
    n = comparison_n(rows)
    found = comparisons(frame, n)
    best = found.loc[found.groupby("arm", sort=False)["estimate"].idxmax()]
    readings = tuple(
        reading_of(f"{arm_words(row.arm)}: {row.variant}, the best of the others", row)
        for row in rows_of(best)
    )
    return Headline(sentence=_sentence(found, n), readings=readings, further=_further(frame, n))


def _sentence(found: pd.DataFrame, n: int) -> str:
    """Summarize the corrected comparisons in a sentence."""
    above = [
        f"{row.variant} ({arm_words(row.arm)})" for row in rows_of(found[found["verdict"] == "above zero"])
    ]
    below = int((found["verdict"] == "below zero").sum())
    more = "no scoring strategy is shown to solve more test problems than the product"
    if above:
        more = f"more test problems than the product are solved by {'; '.join(above)}"
    fewer = f"fewer are solved by {below}" if below else "none is shown to solve fewer"
    most = found["detectable"].max()
    power = "" if pd.isna(most) else f"; inconclusive ones could detect {100 * most:.1f} points or less"
    return f"With best-of-{n}, {more}; {fewer} of {len(found)} comparisons, corrected after Holm{power}."


def _further(frame: pd.DataFrame, n: int) -> tuple[str, ...]:
    """Report length correlations of product and geometric mean, and the effect of keeping neutral."""
    summary = summarize(strategy_rows(frame))
    lengths = {
        (row.arm, row.variant): text_of(estimate_cell(row, 2))
        for row in rows_of(summary[summary["metric"] == "length_correlation"])
    }
    shown = [
        name
        for name, strategy in STRATEGIES.items()
        if strategy.reduction in ("product", "geometric mean") and strategy.neutral != "negative"
    ]
    sentences = []
    for arm in MODELS:
        parts = [f"{lengths[arm, name]} ({name})" for name in shown if (arm, name) in lengths]
        if parts:
            sentences.append(
                "Rank correlation of score and number of steps among equally right solutions of a problem, "
                f"{arm_words(arm)}: {', '.join(parts)}."
            )
    for row in rows_of(differences(frame, [("process_neutral", "process")], "best_of_n", n)):
        sentences.append(
            "Students that keep neutral as a class minus those that do not, both scored by the product: "
            f"{difference_words(row)}."
        )
    return tuple(sentences)
