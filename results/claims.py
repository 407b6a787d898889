"""The claims of an experiment, fixed before any run, and what the records say of them.

A claim is that one arm solves more test problems than another at each of some data scales. It has one p: the
largest over its data scales, so that it holds only where every one of them does (an intersection-union test
needs no correction for their number); where some difference lies below zero, the smallest such p times the
number of data scales, against the claim. The p values of a family are corrected after Holm. A claim is

* reproduced, if its p is below ``ALPHA`` and all differences lie above zero;
* not reproduced, if its p is below ``ALPHA`` and a difference lies below zero, or if some difference is
  equivalent (``MARGIN``) and the claim is not reproduced;
* inconclusive otherwise, with what the run could have detected where the claim is weakest.

Whatever else a report of the experiment shows is descriptive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from results.arms import is_plain
from results.differences import REFERENCE_METRIC, differences, holm
from results.intervals import ALPHA, INCONCLUSIVE, Estimate, is_equivalent
from results.records import plain
from results.statistics import expected_ns, rows_of
from results.tabular import Table, could_detect, heads, p_cell, points, reading, whole, word

PRIMARY_N = 64
"""N of best-of-N in claims that do not name another; a run that measures only smaller N uses its largest."""

TABLE = "claims"
"""Id of the table of claims."""

DESCRIPTIVE = "Descriptive: not part of the claims, p and verdicts are not corrected for their number."
"""Said of everything else that a report shows."""

REPRODUCED, NOT_REPRODUCED, NO_RECORDS = "reproduced", "not reproduced", "no records"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One arm solves more test problems than another."""

    text: str
    """The claim, in words that do not name N."""
    arm: str
    """What is said to be better."""
    against: str
    """What it is compared with."""
    scales: int | None
    """How many data scales, the largest first; None: every one. Ignored between arms that have none."""
    metric: str = "best_of_n"
    """Of arms that are scorers."""
    n: int = PRIMARY_N
    """N of best-of-N."""


CLAIMS: dict[str, tuple[Claim, ...]] = {
    "supervision": (
        Claim(
            text="process beats final-answer outcome at every data scale",
            arm="process",
            against="final_answer",
            scales=None,
        ),
        Claim(
            text="process beats PRM-derived outcome at every data scale",
            arm="process",
            against="prm_outcome",
            scales=None,
        ),
        Claim(
            text="PRM-derived outcome beats final-answer outcome at the two largest data scales",
            arm="prm_outcome",
            against="final_answer",
            scales=2,
        ),
        Claim(
            text="PRM-derived outcome beats pass@1 at the largest data scale",
            arm="prm_outcome",
            against="random",
            scales=1,
        ),
        Claim(
            text="final-answer outcome beats pass@1 at the largest data scale",
            arm="final_answer",
            against="random",
            scales=1,
        ),
        Claim(
            text="PRM-derived outcome beats majority voting at the largest data scale",
            arm="prm_outcome",
            against="majority",
            scales=1,
            n=16,
        ),
        Claim(
            text="PRM-derived outcome beats majority voting at the largest data scale",
            arm="prm_outcome",
            against="majority",
            scales=1,
        ),
        Claim(
            text="the labeler beats majority voting",
            arm="labeler",
            against="majority",
            scales=None,
        ),
    ),
}
"""Experiment -> its family of claims, in the order of its table."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim and what the records say of it."""

    claim: Claim
    """What was tested."""
    n: int
    """N at which it was tested."""
    rows: tuple[Any, ...]
    """Its differences, a row of ``differences`` per data scale in ascending order; empty without records."""
    p: float
    """Two-sided, corrected after Holm for the family; NaN where it cannot be computed."""
    comparisons: int
    """Claims of the family."""

    @property
    def weakest(self) -> Any:
        """The row that decides: the smallest p of differences below zero, else the largest p."""
        below = [row for row in self.rows if row.estimate <= 0]
        if below:
            return min(below, key=lambda row: np.inf if np.isnan(row.p) else row.p)
        return max(self.rows, key=lambda row: np.inf if np.isnan(row.p) else row.p)

    @property
    def verdict(self) -> str:
        """reproduced, not reproduced, inconclusive, or no records."""
        if not self.rows:
            return NO_RECORDS
        if self.p < ALPHA:
            return REPRODUCED if self.weakest.estimate > 0 else NOT_REPRODUCED
        small = any(is_equivalent(row.lower, row.upper, row.problems) for row in self.rows)
        return NOT_REPRODUCED if small else INCONCLUSIVE

    @property
    def words(self) -> str:
        """The verdict; whether it is of one seed; if inconclusive, what could be detected."""
        if not self.rows:
            return self.verdict
        notes = ["one seed"] if self.weakest.seeds == 1 else []
        if self.verdict == INCONCLUSIVE:
            found: Estimate = self.weakest.found
            notes.append(could_detect(found.detectable(self.comparisons), found.problems))
        return f"{self.verdict} ({', '.join(notes)})" if notes else self.verdict


def claims_of(frame: pd.DataFrame) -> tuple[Claim, ...]:
    """The family of the experiment whose records these are; empty where it has none."""
    return CLAIMS.get(next(iter(frame["experiment"]), ""), ())


def findings(frame: pd.DataFrame, claims: Sequence[Claim] | None = None) -> list[Finding]:
    """What records say of each claim, in the order of the family.

    Args:
        frame: records of one experiment, scale and dataset.
        claims: the family; None: that of the experiment.
    """
    family = claims_of(frame) if claims is None else tuple(claims)
    frame = plain(frame)
    tested = [_tested(frame, claim) for claim in family]
    corrected = holm([_p(rows) for _, rows in tested])
    return [
        Finding(claim=claim, n=n, rows=rows, p=p, comparisons=len(family))
        for claim, (n, rows), p in zip(family, tested, corrected, strict=True)
    ]


def _tested(frame: pd.DataFrame, claim: Claim) -> tuple[int, tuple[Any, ...]]:
    """The N at which a claim is tested, and its differences."""
    frame = frame[frame["acquisition"].map(is_plain)]
    curve = frame[frame["metric"] == REFERENCE_METRIC.get(claim.arm, claim.metric)]
    n = tested_n(curve, claim.n)
    found = differences(frame, [(claim.arm, claim.against)], claim.metric, n).sort_values("data_scale")
    rows = tuple(rows_of(found))
    return n, rows if claim.scales is None else rows[-claim.scales :]


def tested_n(curve: pd.DataFrame, wanted: int = PRIMARY_N) -> int:
    """The largest N of a curve's records up to the one wanted; that itself where there is none."""
    return max((n for n in expected_ns(curve) if n <= wanted), default=wanted)


def _p(rows: Sequence[Any]) -> float:
    """The p of one claim, before the correction."""
    against = [row.p for row in rows if row.estimate <= 0]
    if not rows or any(np.isnan(row.p) for row in rows):
        return float("nan")
    return min(1.0, len(rows) * min(against)) if against else max(row.p for row in rows)


def claims_table(frame: pd.DataFrame) -> Table | None:
    """The family of claims and their verdicts; None where the experiment has none, or no records of any."""
    found = findings(frame)
    if not any(one.rows for one in found):
        return None
    return Table(
        id=TABLE,
        title="Claims",
        lead=(
            "Fixed before the run; everything else shown is descriptive. Points: the difference at the data "
            "scale where the claim is weakest, paired by problem and seed, with its 95% interval. Above: "
            "data scales at which the difference lies above zero, before correction. p: of the whole claim, "
            f"corrected after Holm for {len(found)} claims."
        ),
        heads=heads(
            *("claim", "best-of", "above", "weakest at", "points", "p", "verdict", "seeds"),
            text=("claim", "verdict"),
        ),
        rows=tuple(_row(one) for one in found),
    )


def _row(one: Finding) -> tuple[Any, ...]:
    name = word(one.claim.text, arm=one.claim.arm)
    if not one.rows:
        nothing = (points(float("nan")),) * 3
        return (name, whole(one.n), *nothing, p_cell(one.p), reading(NO_RECORDS), whole(pd.NA))
    row = one.weakest
    above = sum(each.verdict == "above zero" for each in one.rows)
    return (
        name,
        whole(one.n),
        word(f"{above} of {len(one.rows)}"),
        whole(row.data_scale),
        points(row.estimate, row.lower, row.upper, signed=True),
        p_cell(one.p),
        reading(one.verdict, one.words),
        whole(row.seeds or pd.NA),
    )


def counted(found: Sequence[Finding]) -> str:
    """How many claims have which verdict: a sentence."""
    verdicts = [one.verdict for one in found]
    parts = [
        f"{verdicts.count(verdict)} {'is' if verdicts.count(verdict) == 1 else 'are'} {words}"
        for verdict, words in (
            (REPRODUCED, "reproduced"),
            (NOT_REPRODUCED, "not reproduced"),
            (INCONCLUSIVE, "inconclusive"),
            (NO_RECORDS, "not in the records"),
        )
        if verdict in verdicts
    ]
    could = sorted(
        100 * size
        for one in found
        if one.verdict == INCONCLUSIVE and not np.isnan(size := one.weakest.found.detectable(one.comparisons))
    )
    power = f" (could detect {could[0]:.1f} to {could[-1]:.1f} points)" if could else ""
    return f"Of {len(found)} claims, {', '.join(parts)}{power if INCONCLUSIVE in verdicts else ''}."
