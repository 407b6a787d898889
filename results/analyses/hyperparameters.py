"""Sensitivity of each kind of supervision to its hyperparameters: tables and headline."""

from typing import Any

import numpy as np
import pandas as pd

from results.analyses.headline import Headline, listed, reading_of
from results.analyses.sensitivity import FACTORS, best_points, curves
from results.records import plain
from results.stats.intervals import ALPHA
from results.stats.summaries import rows_of
from results.tables.rendering import (
    MISSING,
    Cell,
    Table,
    arm_cell,
    heads,
    number,
    p_cell,
    read,
    share_cell,
    whole,
    word,
)
from results.tables.shared import solutions_table
from results.vocabulary import ARMS, STUDENT_ARMS


def sensitivity_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate best-of-N at each level of each hyperparameter, and the difference from the center."""
    found = curves(frame)
    if found.empty:
        return None
    n = int(found["n"].iloc[0])
    text = ("arm", "hyperparameter", "reading")
    names = ("arm", "hyperparameter", "level", f"best-of-{n}", "from the center", "reading", "p", "seeds")
    return Table(
        id="sensitivity",
        title="Sensitivity to hyperparameters",
        lead=(
            "Validation problems solved, percent, and percentage points from the center of the sweep, "
            "paired by problem and seed, with 95% intervals. The same problems chose each checkpoint, so all "
            "numbers are slightly too high, in the same way. p is corrected after Holm for all rows."
        ),
        heads=heads(*names, text=text),
        rows=tuple(
            (
                arm_cell(row.arm),
                word(FACTORS[row.variant].name),
                _level(row.level),
                share_cell(row),
                *_from_center(row),
                p_cell(row.p),
                whole(row.seeds),
            )
            for row in rows_of(found)
        ),
    )


def best_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate each arm's best point, and the effort spent to find it."""
    text = ("arm", "changed", "reading")
    names = (
        *("arm", "changed", "to", "validation", "from the center", "reading"),
        *("points", "trainings", "updates", "solutions passed over", "further trainings"),
    )
    return Table(
        id="best",
        title="The best point of each arm, and the effort",
        lead=(
            "The highest best-of-N on validation problems among the points that all arms have: the best of "
            "several looks better than it is. Further trainings: at points that not every arm has (the "
            "labeler's threshold, which final answers do not need); no best is chosen among them."
        ),
        heads=heads(*names, text=text),
        rows=tuple(
            (
                arm_cell(best.row.arm),
                word("nothing" if best.row.center else FACTORS[best.row.variant].name),
                MISSING if best.row.center else _level(best.row.level),
                share_cell(best.row),
                *_from_center(best.row),
                *map(whole, (best.points, best.trainings, best.updates, best.solutions, best.further)),
            )
            for best in best_points(frame)
        ),
    )


def _level(level: float) -> Cell:
    """Make a cell of a level, with as many decimals as it needs."""
    decimals = np.format_float_positional(level, trim="-").partition(".")[2]
    return number(level, len(decimals))


def _from_center(row: Any) -> tuple[Cell, Cell]:
    """Make cells of the difference of a row of ``curves`` from the center, and its verdict."""
    return share_cell(_delta(row), signed=True), word("center") if row.center else read(row)


def _delta(row: Any) -> Any:
    """Return a row of ``curves`` with the difference from the center as its estimate."""
    return row._replace(estimate=row.delta, lower=row.delta_lower, upper=row.delta_upper)


def training_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate the arms' training solutions, which are the same at every point of the sweep."""
    return solutions_table(plain(frame))


def headline(frame: pd.DataFrame) -> Headline:
    """Say which arm is sensitive to which hyperparameters.

    An arm is called sensitive to a hyperparameter if some level of it differs from the center with a p below
    ``ALPHA``, corrected after Holm for all arms, hyperparameters and levels.
    """
    found = curves(frame)
    if found.empty:
        return Headline(sentence="The records hold no sweep with its center.")
    n, labeled = int(found["n"].iloc[0]), int(found["data_scale"].iloc[0])
    clauses, readings = [], []
    for arm in STUDENT_ARMS:
        rows = found[(found["arm"] == arm) & found["delta"].notna()]
        if rows.empty:
            continue
        sensitive = set(rows[rows["p"] < ALPHA]["variant"])
        names = listed([FACTORS[variant].name for variant in FACTORS if variant in sensitive])
        clauses.append(
            f"{ARMS[arm].words} is sensitive to {names or 'no hyperparameter that the sweep shows'}"
        )
        furthest = rows.loc[rows["delta"].abs().groupby(rows["variant"], sort=False).idxmax()]
        for row in rows_of(furthest):
            where = f"{ARMS[arm].words}, {FACTORS[row.variant].name} {row.level:g}"
            readings.append(reading_of(where, _delta(row)))
    sentence = (
        f"With best-of-{n} on validation problems and {labeled} labeled per problem, {'; '.join(clauses)}."
    )
    return Headline(sentence=sentence, readings=tuple(readings), further=_further(frame))


def _further(frame: pd.DataFrame) -> tuple[str, ...]:
    best = best_points(frame)
    sentences = [
        "Sensitive: at some level the difference from the center of the sweep has a p below "
        f"{ALPHA:g}, corrected after Holm for all arms, hyperparameters and levels. The readings are those "
        "furthest from the center, with intervals that are not corrected."
    ]
    for one in best:
        where = "the center" if one.row.center else f"{FACTORS[one.row.variant].name} {one.row.level:g}"
        where += " (the last level tried: the best may lie beyond)" if one.at_the_end else ""
        sentences.append(
            f"Best of {ARMS[one.row.arm].words}: {where}, {100 * one.row.estimate:.1f} percent, of "
            f"{one.points} points in {one.trainings} trainings of {one.updates} updates in all."
        )
    if len(best) > 1:
        given = {(one.points, one.trainings, one.updates, one.solutions) for one in best}
        equal = "was the same" if len(given) == 1 else "was NOT the same"
        sentences.append(f"At the points that all arms have, the effort {equal} for all of them.")
    sentences.append(
        "No test problem was read. The validation problems that judge also chose the checkpoints."
    )
    return tuple(sentences)
