"""Tables and headline of active learning, from comparisons of acquisitions."""

import pandas as pd

from results.analyses.acquisition_comparisons import (
    LABELS,
    PAPER_EFFICIENCY,
    RISING_BUDGETS,
    AcquisitionEfficiency,
    comparisons,
    gains,
)
from results.analyses.headline import Headline, ShownDifference, capital, reading_of, solves
from results.stats.data_efficiency import detectable_efficiency
from results.stats.differences import contrasts
from results.stats.intervals import ALPHA
from results.stats.power import POWER, detectable
from results.stats.shifted_logistic import LEAST_FIT
from results.stats.summaries import comparison_n, rows_of
from results.tables.rendering import (
    MISSING,
    Cell,
    Table,
    compared,
    estimate_cell,
    heads,
    number,
    points,
    reading,
    tested,
    whole,
    word,
)
from results.vocabulary import PLAIN_ACQUISITION, acquisition_words


def gains_table(frame: pd.DataFrame) -> Table:
    """Tabulate the primary test: mean gain in best-of-N at equal budgets."""
    return Table(
        id="gains",
        title=f"Mean gain in best-of-{comparison_n(frame)} at equal budgets",
        lead=(
            "Percentage points under process supervision, averaged over those of the budgets "
            f"{', '.join(map(str, RISING_BUDGETS))} that both have, paired by problem and seed. The "
            "hypothesis is the primary test; the p of others is corrected after Holm."
        ),
        heads=heads(
            *("acquisition", "minus", "budgets", "points", "p", "reading", "role", "seeds"),
            text=("acquisition", "minus", "budgets", "role", "reading"),
        ),
        rows=tuple(
            (
                *_names(row.acquisition, row.against),
                word(row.budgets),
                *tested(row),
                word(row.role),
                whole(row.seeds),
            )
            for row in rows_of(gains(frame))
        ),
    )


def _names(*acquisitions: str) -> tuple[Cell, ...]:
    return tuple(word(acquisition_words(name)) for name in acquisitions)


def efficiency_table(frame: pd.DataFrame) -> Table:
    """Tabulate how many times fewer labels each acquisition needs."""
    paper = f"the paper's {PAPER_EFFICIENCY}"
    return Table(
        id="efficiency",
        title="Data efficiency",
        lead=(
            "How many times fewer labels reach the same best-of-N: the shift between two logistic curves in "
            "log labels, with 95% intervals, not corrected for their number. There is none where the curves "
            "reach no common value, do not rise, or the fit explains less than "
            f"{LEAST_FIT:.0%} of the variance."
        ),
        heads=heads(
            *("acquisition", "against", "counted in", "efficiency", "fit R²", paper, "role", "reading"),
            text=("acquisition", "against", "counted in", paper, "role", "reading"),
        ),
        rows=tuple(
            (
                *_names(one.acquisition, one.baseline),
                word(LABELS[one.counted]),
                estimate_cell(one.efficiency, 2),
                number(one.efficiency.fit),
                word(one.paper or "–"),
                word(one.role),
                reading(one.verdict, one.words),
            )
            for one in comparisons(frame)
        ),
    )


def budgets_table(frame: pd.DataFrame) -> Table:
    """Tabulate differences between acquisitions at each budget."""
    n = comparison_n(frame)
    process = frame[frame["arm"] == "process"]
    baselines = ("uniform_distinct", PLAIN_ACQUISITION)
    known = [name for name in sorted(process["acquisition"].dropna().unique()) if name not in baselines]
    pairs = [(name, baseline) for baseline in baselines for name in known]
    pairs.append(baselines)
    return Table(
        id="budgets",
        title=f"Differences in best-of-{n} between acquisitions at the same budget",
        lead=(
            "Percentage points under process supervision, paired by problem and seed, with 95% intervals, "
            "not corrected for their number. A budget is all that is labeled, including for the selector."
        ),
        heads=heads(
            *("acquisition", "minus", "budget", "points", "reading", "seeds"),
            text=("acquisition", "minus", "reading"),
        ),
        rows=tuple(
            (*_names(row.acquisition, row.against), whole(row.data_scale), *compared(row), whole(row.seeds))
            for row in rows_of(contrasts(process, "acquisition", pairs, "best_of_n", n))
        ),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Say whether choosing helps at equal budgets, and how many labels it saves."""
    tests = [row for row in rows_of(gains(frame)) if row.role != "other"]
    if not tests:
        return Headline(sentence="The records do not hold convincing wrong answers and uniform solutions.")
    readings = [
        reading_of(f"minus {acquisition_words(row.against)}, mean over {row.budgets} per problem", row)
        for row in tests
    ]
    found = [one for one in comparisons(frame) if one.role != "other"]
    readings += [
        ShownDifference(
            where=f"against {acquisition_words(one.baseline)}, {LABELS[one.counted]}",
            difference=f"{one.efficiency.estimate:.2f} times" if one.efficiency.estimate > 0 else "–",
            interval=estimate_cell(one.efficiency, 2).interval,
            verdict=one.verdict,
            words=one.words,
        )
        for one in found
    ]
    first = tests[0]
    one, other = (f"choosing {acquisition_words(name)}" for name in (first.acquisition, first.against))
    sentence = f"With best-of-{comparison_n(frame)} and as many labels, {solves(one, first, other)}."
    return Headline(sentence=sentence, readings=tuple(readings), further=tuple(map(_saving, found[:1])))


def _saving(one: AcquisitionEfficiency) -> str:
    """Describe the data efficiency in a sentence."""
    if one.efficiency.reason:
        return f"How many labels this saves is not known: {one.efficiency.reason}."
    times, against = one.efficiency.estimate, acquisition_words(one.baseline)
    name = f"choosing {acquisition_words(one.acquisition)}"
    needs = {
        "fewer labels": f"{capital(name)} needs {times:.1f} times fewer labels than {against}",
        "more labels": f"{capital(name)} needs {1 / times:.1f} times more labels than {against}",
    }.get(one.verdict, f"Whether {name} needs fewer labels than {against} is {one.words}")
    if not one.paper:
        return f"{needs}."
    interval = estimate_cell(one.efficiency, 2).interval
    relation = "excludes" if one.paper == "excluded" else "contains"
    return (
        f"{needs}; the interval of the data efficiency, {interval}, {relation} the paper's "
        f"{PAPER_EFFICIENCY}."
    )


def efficiency_power_table(
    frame: pd.DataFrame, *, seeds: int | None = None, problems: int | None = None
) -> Table:
    """Tabulate what a planned run can detect, from the variances of an earlier one with the same budgets.

    Args:
        frame: records of the earlier run.
        seeds: number of seeds of the planned run; None: as in the earlier one.
        problems: number of problems of the planned run; None: as in the earlier one.
    """
    known = {(one.acquisition, one.baseline): one.efficiency for one in reversed(comparisons(frame))}
    rows = []
    for row in rows_of(gains(frame)):
        if row.role == "other" or row.found.components is None:
            continue
        planned = seeds or row.seeds, problems or row.problems
        gain = points(detectable(row.found.components.terms(*planned), ALPHA))
        efficiency = known.get((row.acquisition, row.against))
        times = MISSING
        if efficiency and efficiency.log and efficiency.log.components:
            times = number(detectable_efficiency(efficiency.log.components, *planned), 2)
        rows.append((*_names(row.acquisition, row.against), *map(whole, planned), gain, times))
    return Table(
        id="power-efficiency",
        title="Power: gain at equal budgets and data efficiency",
        lead=(
            "The smallest mean gain, in points, over the preset budgets, and the smallest data efficiency "
            f"above 1 that are detected with {POWER:.0%} power at alpha {ALPHA:g}, two-sided, not corrected."
        ),
        heads=heads(
            *("acquisition", "against", "seeds", "problems", "detects points", "detects times"),
            text=("acquisition", "against"),
        ),
        rows=tuple(rows),
    )
