"""Best-of-N by quintiles of the generator's pass rate, in words and tables (the paper's Figure 6)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from results.analyses.headline import CORRECTED, Headline, called, could_detect_most, reading_of
from results.stats.differences import contrasts, corrected, with_estimates
from results.stats.intervals import EQUIVALENT, INCONCLUSIVE, Estimate, from_terms, mean_interval
from results.stats.summaries import comparison_n, rows_of, summarize
from results.tables.rendering import (
    HOLM,
    MISSING,
    Table,
    arm_cell,
    compared,
    heads,
    share_cell,
    tested,
    text_of,
    word,
)
from results.tables.shared import solved_cells, solved_rows
from results.vocabulary import arm_words

PAIRS = (("large_prm", "large_orm"), ("large_prm", "majority"))
"""Differences to show: first arm minus second arm."""
SHOWN = ("random", "large_prm", "large_orm", "labeler", "majority", "oracle")
"""Arms of the table, in order."""


def of_quintiles(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of single quintiles, from records or their summary."""
    return frame[(frame["variant"] == "quintile").fillna(False).astype(bool)]


def quintile_words(level: float) -> str:
    """Name a quintile in words."""
    ends = {1: " (easiest)", 5: " (hardest)"}
    return f"{int(level)}{ends.get(int(level), '')}"


def within(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """Estimate differences between arms in each quintile, easiest first, with p corrected for all."""
    return corrected(contrasts(of_quintiles(frame), "arm", PAIRS, "best_of_n", n))


def _n(frame: pd.DataFrame) -> int | None:
    """Return the N of the comparison; None if no quintile has a best-of-N."""
    rows = of_quintiles(frame)
    return comparison_n(rows) if (rows["metric"] == "best_of_n").any() else None


def quintiles_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate the problems solved in each quintile."""
    n = _n(frame)
    if n is None:
        return None
    solved = solved_rows(summarize(of_quintiles(frame)), SHOWN, n)
    arms = list(solved["arm"].unique())
    groups: Any = solved.groupby("level")
    return Table(
        id="quintiles",
        title=f"Problems solved by difficulty, best-of-{n}",
        lead=(
            "Quintiles of the test problems by the generator's pass rate, estimated on samples that are not "
            "judged here; percent, with 95% intervals over problems."
        ),
        heads=heads("quintile", "problems", *map(arm_words, arms), text=("quintile",)),
        rows=tuple((word(quintile_words(level)), *solved_cells(group, arms)) for level, group in groups),
    )


def differences_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate whether the gap holds in each quintile."""
    n = _n(frame)
    if n is None:
        return None
    return Table(
        id="quintile-differences",
        title=f"Differences in best-of-{n} by difficulty",
        lead=(f"Percentage points, paired by problem, with 95% intervals over problems. {HOLM}"),
        heads=heads(
            *("quintile", "arm", "minus", "points", "p", "reading"),
            text=("quintile", "arm", "minus", "reading"),
        ),
        rows=tuple(
            (word(quintile_words(row.level)), arm_cell(row.arm), arm_cell(row.against), *tested(row))
            for row in rows_of(within(frame, n))
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Gain from more samples in one quintile."""

    level: int
    """Number of the quintile."""
    gain: Estimate
    """Best-of-N minus best-of-1."""
    hardest: Estimate | None
    """The hardest quintile's gain minus this one's; None for the hardest itself."""


def gains(frame: pd.DataFrame, arm: str, n: int) -> list[Gain]:
    """Estimate best-of-n minus best-of-1 of an arm in each quintile, and the hardest's gain minus each."""
    rows = of_quintiles(frame)
    rows = rows[(rows["arm"] == arm) & (rows["metric"] == "best_of_n")]
    groups: Any = rows.groupby("level")
    found: dict[int, Estimate] = {}
    for level, group in groups:
        value = {int(row.n): np.asarray(row.problem_values) for row in rows_of(group)}
        found[int(level)] = mean_interval((value[n] - value[1])[None, :])
    hardest = max(found, default=0)
    return [
        Gain(
            level=level,
            gain=gain,
            hardest=None if level == hardest else independent_difference(found[hardest], gain),
        )
        for level, gain in found.items()
    ]


def independent_difference(one: Estimate, two: Estimate) -> Estimate:
    """Estimate the difference of estimates from different problems, whose variances add up."""
    known = one.terms and two.terms
    return from_terms(
        one.estimate - two.estimate,
        (*one.terms, *two.terms) if known else (),
        problems=min(one.problems, two.problems),
    )


def gains_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate whether more samples help most in the hardest quintile."""
    n = _n(frame)
    if n is None:
        return None
    rows = []
    for arm in ("large_prm", "large_orm"):
        for one in gains(frame, arm, n):
            difference = (MISSING, word(""))
            if one.hardest is not None:
                metric = pd.DataFrame({"metric": ["best_of_n"], "seeds": [0]})
                difference = compared(next(rows_of(with_estimates(metric, [one.hardest]))))
            gain = share_cell(one.gain, signed=True)
            rows.append((arm_cell(arm), word(quintile_words(one.level)), gain, *difference))
    return Table(
        id="gains",
        title=f"What more samples bring: best-of-{n} minus best-of-1",
        lead=(
            "Percentage points with 95% intervals over problems, not corrected for their number; and the "
            "gain of the hardest quintile minus that of each other quintile, over different problems."
        ),
        heads=heads(
            *("arm", "quintile", "gain", "hardest's gain minus it", "reading"),
            text=("arm", "quintile", "reading"),
        ),
        rows=tuple(rows),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Say whether the gaps hold in all quintiles, and whether more samples help the hardest most."""
    n = _n(frame)
    if n is None:
        return Headline(sentence="The records hold no quintiles.")
    found = within(frame, n)
    if not (found["against"] == "large_orm").any():
        return Headline(sentence="The records do not hold the large PRM and the large ORM by quintile.")
    sentence = (
        f"With best-of-{n}, the large PRM solves {'; '.join(_counted(found))}. "
        f"{_most_helped(gains(frame, 'large_prm', n), n)}"
    )
    readings = tuple(
        reading_of(
            f"quintile {quintile_words(row.level)}, {arm_words(row.arm)} minus {arm_words(row.against)}", row
        )
        for row in rows_of(found)
    )
    return Headline(sentence=sentence, readings=readings, further=(CORRECTED,))


def _counted(found: pd.DataFrame) -> list[str]:
    """Count the quintiles in which the large PRM solves more, and fewer, than each arm compared with it."""
    clauses = []
    for _, against in PAIRS:
        rows = found[found["against"] == against]
        if rows.empty:
            continue
        more, fewer, *others = (
            int((rows["verdict"] == verdict).sum())
            for verdict in ("above zero", "below zero", EQUIVALENT, INCONCLUSIVE)
        )
        parts = [
            f"{count} {'is' if count == 1 else 'are'} {verdict}"
            for verdict, count in zip((EQUIVALENT, INCONCLUSIVE), others, strict=True)
            if count
        ]
        rest = f"; {' and '.join(parts)}{could_detect_most(rows)}" if parts else ""
        clauses.append(
            f"more test problems than {called(against)} in {more} of {len(rows)} quintiles of "
            f"difficulty and fewer in {fewer}{rest}"
        )
    return clauses


def _most_helped(found: list[Gain], n: int) -> str:
    """Say in which quintile more samples help most, and how many others the hardest is shown to exceed."""
    if not found:
        return ""
    most = max(found, key=lambda one: one.gain.estimate)
    others = [one.hardest for one in found if one.hardest is not None]
    sure = sum(one.verdict == "above zero" for one in others)
    return (
        f"{n} samples instead of one help the large PRM most in quintile {quintile_words(most.level)}, by "
        f"{text_of(share_cell(most.gain, signed=True))} points; the hardest quintile's gain is shown to "
        f"exceed that of {sure} of the {len(others)} others."
    )
