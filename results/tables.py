"""The plain-text tables of a run, for the command line, and the rows that they share with the report."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.acquisitions import (
    LABELS,
    Comparison,
    comparisons,
    ratio_interval,
    words,
)
from results.data_efficiency import Efficiency
from results.schema import ARMS, STUDENT_ARMS, arm_words
from results.statistics import comparison_n, differences, rows_of, summarise

PAIRS: tuple[tuple[str, str], ...] = (
    ("process", "final_answer"),
    ("process", "prm_outcome"),
    ("prm_outcome", "final_answer"),
    ("process", "majority"),
    ("prm_outcome", "majority"),
    ("final_answer", "majority"),
    ("process", "random"),
    ("prm_outcome", "random"),
    ("final_answer", "random"),
    ("labeler", "majority"),
    ("labeler", "random"),
)
"""The differences that are always shown: first arm minus second arm."""

_CURVES = ("best_of_n", "majority", "pass_at_n", "random")


def compared_pairs(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Those of ``PAIRS`` whose two arms are in the records."""
    arms = set(frame["arm"])
    return [pair for pair in PAIRS if arms.issuperset(pair)]


def few_ns(summary: pd.DataFrame) -> list[int]:
    """A few N for a table: about 4, about 16, the largest that is not a single draw, and the single draw."""
    found = sorted({int(n) for n in summary[summary["metric"] == "best_of_n"]["n"].dropna()})
    if not found:
        return []
    near = [min(found, key=lambda n: abs(n - wanted)) for wanted in (4, 16)]
    return sorted({*near, comparison_n(summary), found[-1]})


def result_rows(summary: pd.DataFrame, ns: Sequence[int] | None = None) -> pd.DataFrame:
    """One row an (arm, acquisition, data scale), in the order of ``ARMS``.

    Args:
        summary: from ``results.statistics.summarise``.
        ns: N of best-of-N; ``few_ns`` if None.

    Returns:
        Columns arm, acquisition, data_scale, seeds, problems; for each N of ns ``best_of_N``,
        ``best_of_N_lower``,
        ``best_of_N_upper``; solution_auroc, step_auroc. NaN where there is no number. pass@1 stands in every
        N.
    """
    ns = few_ns(summary) if ns is None else ns
    rows = []
    for (arm, acquisition, data_scale), group in summary.groupby(
        ["arm", "acquisition", "data_scale"], dropna=False, sort=False
    ):
        curve = group[group["metric"].isin(_CURVES)]
        row: dict[str, object] = {
            "arm": arm,
            "acquisition": acquisition,
            "data_scale": data_scale,
            "seeds": int(group["seeds"].max()),
            "problems": int(group["problems"].max()),
        }
        for n in ns:
            at = curve if arm == "random" else curve[(curve["n"] == n).fillna(False).astype(bool)]
            for name, column in (("", "estimate"), ("_lower", "lower"), ("_upper", "upper")):
                row[f"best_of_{n}{name}"] = float(at[column].iloc[0]) if len(at) else float("nan")
        for metric in ("solution_auroc", "step_auroc"):
            at = group[group["metric"] == metric]
            row[metric] = float(at["estimate"].iloc[0]) if len(at) else float("nan")
        rows.append(row)
    out = pd.DataFrame(rows).astype({"data_scale": "Int64"}) if rows else pd.DataFrame()
    return (
        out
        if out.empty
        else out.sort_values(
            "arm", key=lambda arm: arm.map(list(ARMS).index), kind="stable", ignore_index=True
        )
    )


def results_table(summary: pd.DataFrame, ns: Sequence[int] | None = None) -> str:
    """The printed table of results: one line an arm and data scale; shares with their 95% intervals.

    Args:
        summary: from ``results.statistics.summarise``.
        ns: N of best-of-N; a few if None.
    """
    ns = few_ns(summary) if ns is None else list(ns)
    drawn = {
        int(n) for n in summary[summary["single_draw"] & (summary["metric"] == "best_of_n")]["n"].dropna()
    }
    head = [
        "arm",
        "labelled",
        "seeds",
        *(f"best-of-{n}{'*' if n in drawn else ''}" for n in ns),
        "solution AUROC",
        "step AUROC",
    ]
    lines = []
    for row in result_rows(summary, ns).to_dict("records"):
        cells = [
            interval_text(row[f"best_of_{n}"], row[f"best_of_{n}_lower"], row[f"best_of_{n}_upper"])
            for n in ns
        ]
        lines.append(
            [
                arm_words(row["arm"], row["acquisition"]),
                _whole(row["data_scale"]),
                _whole(row["seeds"] or pd.NA),
                *cells,
                _share(row["solution_auroc"]),
                _share(row["step_auroc"]),
            ]
        )
    foot = (
        "* a single draw of all solutions, not an expectation over subsets\n"
        if drawn.intersection(ns)
        else ""
    )
    return _align(head, lines, left=1) + foot


def differences_table(frame: pd.DataFrame) -> str:
    """The printed table of paired differences.

    Args:
        frame: from ``results.statistics.differences``.
    """
    lines = [
        [
            f"{arm_words(row.arm, row.acquisition)} - {ARMS[row.against]}",
            _whole(row.data_scale),
            _whole(row.seeds or pd.NA),
            interval_text(row.estimate, row.lower, row.upper, signed=True),
            row.verdict,
        ]
        for row in rows_of(frame)
    ]
    return _align(["difference", "labelled", "seeds", "first - second", "reading"], lines, left=1)


def efficiency_table(found: Sequence[Comparison]) -> str:
    """The printed table of data efficiencies.

    Args:
        found: from ``results.acquisitions.comparisons``.
    """
    lines = [
        [
            f"{words(one.acquisition)} against {words(one.baseline)}",
            LABELS[one.counted],
            ratio_text(one.shift),
            _share(one.shift.fit),
            ratio_text(one.slope),
            one.role,
            _share(one.p),
            one.verdict,
        ]
        for one in found
    ]
    head = ["acquisition", "counted in", "shift", "fit R2", "ratio of slopes", "role", "p", "reading"]
    return _align(head, lines, left=2)


def ratio_text(found: Efficiency) -> str:
    """A ratio with its interval, or why it cannot be told."""
    return f"{found.estimate:.2f} {ratio_interval(found)}" if found.estimate > 0 else found.reason


def format_run(frame: pd.DataFrame) -> str:
    """All that a run prints: results, then paired differences in best-of-N.

    Differences from majority voting and pass@1 are printed for the largest data scale alone; the report has
    all.

    Args:
        frame: records of one experiment, scale and dataset.
    """
    summary = summarise(frame)
    if not (summary["metric"] == "best_of_n").any():
        return results_table(summary)
    n = comparison_n(frame)
    compared = differences(frame, compared_pairs(frame), "best_of_n", n)
    with_reference = ~compared["against"].isin(list(STUDENT_ARMS))
    below_largest = (compared["data_scale"] < compared["data_scale"].max()).fillna(False).astype(bool)
    compared = compared[~(with_reference & below_largest)]
    heading = f"Paired differences in best-of-{n}, 95% intervals"
    labeler = labeler_sentence(summary)
    text = f"{results_table(summary)}\n{heading}\n{differences_table(compared)}"
    if compared_acquisitions := comparisons(frame, n):
        text += f"\nTimes fewer labels for the same best-of-{n}, 95% intervals\n"
        text += efficiency_table(compared_acquisitions)
    return f"{text}\n{labeler}" if labeler else text


def labeler_sentence(frame: pd.DataFrame) -> str:
    """How well the labeler finds wrong steps in what it labels; empty where nobody knows which are wrong.

    Args:
        frame: records, or what ``summarise`` made of them.
    """
    found = frame[frame["metric"] == "pool_step_auroc"]
    if found.empty:
        return ""
    value = float(found["estimate" if "estimate" in found else "value"].iloc[0])
    return f"Step AUROC of the labeler on the students' training solutions: {value:.3f}."


def interval_text(estimate: float, lower: float, upper: float, *, signed: bool = False) -> str:
    """An estimate with its interval, in per cent (points where signed): ``81.7 [77.2, 86.0]``."""
    if estimate != estimate:
        return "-"
    sign = "+" if signed else ""
    known = lower == lower and upper == upper
    return _number(estimate, sign) + (f" {points_interval(lower, upper, signed=signed)}" if known else "")


def points_interval(lower: float, upper: float, *, signed: bool = True) -> str:
    """An interval in per cent: ``[+1.2, +3.4]``; a dash where it is unknown."""
    sign = "+" if signed else ""
    return f"[{_number(lower, sign)}, {_number(upper, sign)}]" if lower == lower and upper == upper else "-"


def _number(share: float, sign: str) -> str:
    return f"{100 * share + 0.0:{sign}.1f}"


def _share(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"


def _whole(value: Any) -> str:
    return "-" if pd.isna(value) else str(value)


def _align(head: Sequence[str], lines: Sequence[Sequence[str]], left: int) -> str:
    """Columns padded to their widest cell, the first ``left`` of them flush left, a rule under the head."""
    widths = [max(len(row[i]) for row in (head, *lines)) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = (
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), "  ".join("-" * w for w in widths), *(line(row) for row in lines)]) + "\n"
