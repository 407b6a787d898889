"""The power of a planned run: the claims of an experiment, with the variances of an earlier run.

What a run of active learning can detect is in ``results.active_learning``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from results.arms import ARMS, arm_words
from results.claims import claims_of, findings, tested_n
from results.crossed import Components
from results.differences import differences
from results.intervals import ALPHA
from results.large_scale import pairs_in
from results.power import POWER, detectable, problems_needed, seeds_needed
from results.records import plain
from results.statistics import rows_of
from results.tables import compared_pairs
from results.tabular import Cell, Table, heads, points, whole, word


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A comparison, and what an earlier run says of its variance."""

    arm: str
    """First arm."""
    against: str
    """What it is compared with."""
    acquisition: object
    """How the labeled solutions were chosen; null between arms that have none."""
    data_scale: int | None
    """Solutions labeled per problem; None between arms that have none."""
    n: int
    """N of best-of-N."""
    components: Components
    """Variances of single differences."""
    seeds: int
    """Seeds of the earlier run; 0: the arms have none."""
    problems: int
    """Problems of the earlier run."""
    family: int
    """Comparisons for which p is corrected after Holm."""


def planned(frame: pd.DataFrame) -> list[Planned]:
    """The comparisons of an experiment's claims, or all usual ones where it has none.

    Args:
        frame: records of one experiment, scale and dataset.

    Returns:
        One row per comparison, data scale and N; without those whose variance is not known.
    """
    claims = claims_of(frame)
    if claims:
        found = [row for one in findings(frame) for row in one.rows]
    else:
        frame = plain(frame)
        n = tested_n(frame[frame["metric"] == "best_of_n"])
        pairs = dict.fromkeys([*pairs_in(frame), *compared_pairs(frame)])
        found = list(rows_of(differences(frame, list(pairs), "best_of_n", n)))
    return [
        Planned(
            arm=row.arm,
            against=row.against,
            acquisition=row.acquisition,
            data_scale=None if pd.isna(row.data_scale) else int(row.data_scale),
            n=int(row.n),
            components=row.found.components,
            seeds=row.seeds,
            problems=row.problems,
            family=len(claims) or len(found),
        )
        for row in found
        if row.found.components is not None
    ]


def power_table(
    rows: Sequence[Planned],
    *,
    seeds: int | None = None,
    problems: int | None = None,
    difference: float | None = None,
    family: int | None = None,
) -> Table:
    """What a planned run can detect with 80% power.

    Args:
        rows: from ``planned``.
        seeds: of the planned run; None: those of the earlier one.
        problems: of the planned run; None: those of the earlier one.
        difference: a share; the seeds and problems that detect it are shown. None: they are not.
        family: comparisons for which p is corrected after Holm; None: as in ``rows``.

    Raises:
        ValueError: more seeds are planned than one, but the earlier run shows no variance between seeds.
    """
    alone = [row for row in rows if row.seeds == 1]
    if alone and seeds is not None:
        raise ValueError(
            f"seeds: found {seeds}, but {ARMS[alone[0].arm]} has one seed in the earlier run; allowed: a run "
            "with 2 seeds or more, which shows the variance between them"
        )
    names = ["arm", "minus", "labeled", "best-of", "sd seeds", "sd problems", "sd residual"]
    names += ["seeds", "problems", "detects"]
    wanted = [] if difference is None else ["needs seeds", "or needs problems"]
    lead = (
        f"Detects: the smallest difference, in points, that is detected with {POWER:.0%} power at alpha "
        f"{ALPHA:g}, two-sided, corrected after Holm for {family or max(row.family for row in rows)} "
        "comparisons. Standard deviations, in points, of single differences: between seeds, between "
        "problems, and of a seed on a problem."
    )
    if alone:
        lead += " With one seed the variance between seeds is not known: the run speaks of that seed only."
    if difference is not None:
        lead += (
            f" Needs: the seeds at this number of problems, or the problems at this number of seeds, that "
            f"detect {100 * difference:g} points; a dash where no number does."
        )
    return Table(
        id="power",
        title="Power",
        lead=lead,
        heads=heads(*names, *wanted, text=("arm", "minus")),
        rows=tuple(
            _row(row, seeds or row.seeds, problems or row.problems, difference, family or row.family)
            for row in rows
        ),
    )


def _row(row: Planned, seeds: int, problems: int, difference: float | None, family: int) -> tuple[Cell, ...]:
    alpha = ALPHA / family
    parts = row.components
    cells = [
        word(arm_words(row.arm, row.acquisition), arm=row.arm),
        word(ARMS[row.against], arm=row.against),
        whole(pd.NA if row.data_scale is None else row.data_scale),
        whole(row.n),
        *(points(variance**0.5) for variance in (parts.seed, parts.problem, parts.residual)),
        whole(seeds if row.seeds else pd.NA),
        whole(problems),
        points(detectable(parts.terms(seeds, problems), alpha)),
    ]
    if difference is not None:
        needed = (
            seeds_needed(difference, parts, problems, alpha),
            problems_needed(difference, parts, seeds, alpha),
        )
        cells += [whole(pd.NA if count is None else count) for count in needed]
    return tuple(cells)
