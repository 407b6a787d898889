"""Ways of choosing what is labelled, compared: data efficiency of each, from the records of a run.

The hypothesis fixed beforehand is `convincing_wrong_answers` against `uniform_distinct`: leaving duplicates
out is not counted as the selector's gain. Against `uniform` it is reported too, as the paper's comparison.
Both are counted in solutions, as the paper counts. All other comparisons, the same two counted in steps among
them, are corrected together after Holm.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from results.arms import PLAIN_ACQUISITION, acquisition_words
from results.data_efficiency import LEAST_FIT, Curve, Efficiency, shift_efficiency, slope_efficiency
from results.differences import contrasts, holm
from results.headline import Headline, Reading
from results.intervals import ALPHA
from results.statistics import at_n, comparison_n, rows_of
from results.tabular import Table, compared, heads, number, p_cell, reading, whole, word

HYPOTHESIS = ("convincing_wrong_answers", "uniform_distinct")
"""(acquisition, baseline), fixed before any run."""
PAPER = ("convincing_wrong_answers", PLAIN_ACQUISITION)
"""The paper's comparison."""
LABELS = {"labelled_solutions": "solutions labelled", "labelled_steps": "steps labelled"}
"""What labels can be counted in: column -> words."""
_ROLES = {(*HYPOTHESIS, "labelled_solutions"): "hypothesis", (*PAPER, "labelled_solutions"): "paper"}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The data efficiency of one acquisition over another."""

    acquisition: str
    """What is judged."""
    baseline: str
    """What it is compared with."""
    counted: str
    """Key of ``LABELS``."""
    shift: Efficiency
    """Primary: the horizontal shift between the curves."""
    slope: Efficiency
    """Descriptive: the paper's ratio of slopes."""
    role: str
    """hypothesis, paper, or other."""
    p: float
    """Of the shift against no gain; Holm-corrected for ``other``; NaN where it cannot be told."""

    @property
    def verdict(self) -> str:
        """Whether it needs fewer labels, more labels, or it cannot be told."""
        if self.role == "other" and not self.p < ALPHA:
            return "cannot be told"
        if self.shift.lower > 1:
            return "fewer labels"
        return "more labels" if self.shift.upper < 1 else "cannot be told"


def curves(frame: pd.DataFrame, counted: str = "labelled_solutions") -> dict[str, Curve]:
    """Best-of-N under process supervision against labels bought, a curve an acquisition.

    N is the largest that is an expectation.

    Args:
        frame: records of one experiment, scale and dataset.
        counted: key of ``LABELS``; of the seeds' numbers the mean is taken.

    Returns:
        Acquisition -> curve; only seeds that all of a curve's points have.
    """
    rows = frame[(frame["arm"] == "process") & (frame["metric"] == "best_of_n")]
    rows = at_n(rows[rows[counted].notna()], comparison_n(frame))
    found = {}
    for acquisition, of_acquisition in rows.groupby("acquisition", sort=True):
        seeds = sorted(
            set.intersection(*(set(group["seed"]) for _, group in of_acquisition.groupby("data_scale")))
        )
        known = []
        for _, group in of_acquisition.groupby("data_scale", sort=True):
            by_seed = group.set_index("seed").loc[seeds]
            value_SP = np.stack(
                [np.asarray(values, dtype=np.float64) for values in by_seed["problem_values"]]
            )
            known.append((float(by_seed[counted].mean()), value_SP))
        if seeds:
            found[str(acquisition)] = Curve(
                labels=np.array([labels for labels, _ in known]),
                seeds=np.array(seeds),
                value=np.stack([value for _, value in known]),
            )
    return found


def comparisons(frame: pd.DataFrame) -> list[Comparison]:
    """All acquisitions against `uniform_distinct` and `uniform`, in both counts of labels.

    The hypothesis comes first, then the paper's comparison, then the others.
    """
    made: list[Comparison] = []
    for counted in LABELS:
        known = curves(frame, counted)
        for baseline in ("uniform_distinct", PLAIN_ACQUISITION):
            for acquisition in known:
                if acquisition in (baseline, PLAIN_ACQUISITION) or baseline not in known:
                    continue
                pair = acquisition, baseline
                shift = shift_efficiency(known[acquisition], known[baseline])
                made.append(
                    Comparison(
                        acquisition=acquisition,
                        baseline=baseline,
                        counted=counted,
                        shift=shift,
                        slope=slope_efficiency(known[acquisition], known[baseline]),
                        role=_ROLES.get((*pair, counted), "other"),
                        p=shift.p,
                    )
                )
    others = [index for index, one in enumerate(made) if one.role == "other"]
    for index, p in zip(others, holm([made[index].p for index in others]), strict=True):
        made[index] = replace(made[index], p=p)
    return sorted(made, key=lambda one: ("hypothesis", "paper", "other").index(one.role))


def efficiency_table(frame: pd.DataFrame) -> Table:
    """How many times fewer labels each way of choosing them needs."""
    text = ("acquisition", "against", "counted in", "role", "reading")
    names = (
        *("acquisition", "against", "counted in", "shift", "fit R²"),
        *("ratio of slopes", "lines' R²", "role", "p", "reading"),
    )
    return Table(
        id="efficiency",
        title="Data efficiency",
        lead=(
            "How many times fewer labels reach the same best-of-N. Shift: horizontal distance of the fitted "
            "curves. Ratio of slopes: the paper's, descriptive. Neither is told where the curves reach no "
            f"common value, do not rise, or the fit explains less than {LEAST_FIT:.0%} of the variance. "
            "The p of others is corrected after Holm."
        ),
        heads=heads(*names, text=text),
        rows=tuple(
            (
                word(acquisition_words(one.acquisition)),
                word(acquisition_words(one.baseline)),
                word(LABELS[one.counted]),
                number(one.shift.estimate, 2, one.shift.lower, one.shift.upper),
                number(one.shift.fit),
                number(one.slope.estimate, 2, one.slope.lower, one.slope.upper),
                number(one.slope.fit),
                word(one.role),
                p_cell(one.p),
                reading(f"{one.verdict} ({one.shift.reason})" if one.shift.reason else one.verdict),
            )
            for one in comparisons(frame)
        ),
    )


def budgets_table(frame: pd.DataFrame) -> Table:
    """Differences between acquisitions at each budget."""
    n = comparison_n(frame)
    of_process = frame[frame["arm"] == "process"]
    baselines = ("uniform_distinct", PLAIN_ACQUISITION)
    known = [name for name in sorted(of_process["acquisition"].dropna().unique()) if name not in baselines]
    pairs = [(name, baseline) for baseline in baselines for name in known]
    pairs.append(baselines)
    return Table(
        id="budgets",
        title=f"Differences in best-of-{n} between acquisitions at the same budget",
        lead=(
            "Percentage points under process supervision, paired by problem and seed, with 95% intervals, "
            "not corrected for their number. A budget is all that is labelled, the selector's own included."
        ),
        heads=heads(
            *("acquisition", "minus", "budget", "points", "reading", "seeds"),
            text=("acquisition", "minus", "reading"),
        ),
        rows=tuple(
            (
                word(acquisition_words(row.acquisition)),
                word(acquisition_words(row.against)),
                whole(row.data_scale),
                *compared(row),
                whole(row.seeds),
            )
            for row in rows_of(contrasts(of_process, "acquisition", pairs, "best_of_n", n))
        ),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Which way of choosing what is labelled needs how many labels."""
    found = [one for one in comparisons(frame) if (one.acquisition, one.baseline) in (HYPOTHESIS, PAPER)]
    readings = tuple(
        Reading(
            where=f"against {acquisition_words(one.baseline)}, {LABELS[one.counted]}",
            difference=f"{one.shift.estimate:.2f} times" if one.shift.estimate > 0 else "–",
            interval=number(one.shift.estimate, 2, one.shift.lower, one.shift.upper).interval,
            verdict=one.verdict,
        )
        for one in found
    )
    if not found:
        return Headline(sentence="The records do not hold convincing wrong answers and uniform solutions.")
    first = found[0]
    told = {
        "fewer labels": f"{first.shift.estimate:.1f} times fewer labels than",
        "more labels": f"{1 / first.shift.estimate:.1f} times more labels than",
    }
    needs = told.get(first.verdict, "a number of labels that cannot be told from that of")
    sentence = (
        f"With best-of-{comparison_n(frame)}, {acquisition_words(first.acquisition)} need {needs} "
        f"{acquisition_words(first.baseline)}, counted in {LABELS[first.counted]}."
    )
    return Headline(sentence=sentence, readings=readings)
