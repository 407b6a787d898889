"""The report of a run: one HTML file with everything inside, nothing fetched when it is opened."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from results.acquisitions import LABELS, comparisons, ratio_interval, several_acquisitions, words
from results.data_efficiency import Efficiency
from results.examples import read_examples
from results.figures.gallery import FIGURES
from results.figures.style import PALETTE
from results.headline import Headline, headline
from results.schema import ARMS, STUDENT_ARMS, arm_words, check_same_solutions, read_records
from results.statistics import comparison_n, differences, rows_of, summarise
from results.tables import compared_pairs, few_ns, interval_text, points_interval, result_rows

_TEMPLATES = Path(__file__).parent / "templates"

READING = (
    "Best-of-N is the expected share of test problems solved when the best-scored of N solutions is "
    "submitted, over all "
    "subsets of the solutions drawn; ties are shared. An N marked * is a single draw of all solutions, "
    "not an expectation.",
    "Intervals hold 95%: a bootstrap over test problems of the seeds' means, combined with a t-corrected "
    "term for seeds. "
    "Where there is one seed they speak of that seed alone.",
    "Differences are paired by problem and seed. Above or below zero: the interval lies wholly on that "
    "side. Cannot be told: "
    "it holds zero, or there is none.",
)
"""What every report says of its numbers."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of a table."""

    value: str
    """What it is sorted by; empty where missing."""
    shown: str
    """What is read."""
    text: bool = False
    """Whether it is sorted as text."""
    arm: str = ""
    """Arm whose colour stands before it."""
    interval: str = ""
    """Interval behind it."""
    verdict: bool = False
    """Whether it is a verdict."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The head of a column."""

    name: str
    """What is read."""
    text: bool = False
    """Whether the column is sorted as text."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A sortable table."""

    id: str
    """For links."""
    title: str
    """Heading."""
    lead: str
    """A sentence above it."""
    heads: tuple[Head, ...]
    """One a column."""
    rows: tuple[tuple[Cell, ...], ...]
    """Cells, one a head."""


def _word(shown: str, *, arm: str = "", verdict: bool = False) -> Cell:
    return Cell(value=shown, shown=shown, text=True, arm=arm, verdict=verdict)


def _whole(value: Any) -> Cell:
    missing = pd.isna(value)
    return Cell(
        value="" if missing else str(int(value)),
        shown="–" if missing else f"{int(value):,}".replace(",", "\u202f"),
    )


def _share(value: float) -> Cell:
    return (
        Cell(value="", shown="–") if value != value else Cell(value=repr(float(value)), shown=f"{value:.3f}")
    )


def _estimate(estimate: float, lower: float, upper: float, *, signed: bool = False) -> Cell:
    if estimate != estimate:
        return Cell(value="", shown="–")
    number = interval_text(estimate, float("nan"), float("nan"), signed=signed)
    interval = points_interval(lower, upper, signed=signed) if lower == lower else ""
    return Cell(value=repr(float(estimate)), shown=number, interval=interval)


def results_section(summary: pd.DataFrame) -> Table:
    """Every arm and data scale, best-of-N at a few N, and the AUROCs."""
    ns = few_ns(summary)
    best = summary[(summary["metric"] == "best_of_n") & summary["single_draw"]]
    drawn = {int(n) for n in best["n"].dropna()}
    heads = (
        Head(name="arm", text=True),
        Head(name="labelled"),
        *(Head(name=f"best-of-{n}{'*' if n in drawn else ''}") for n in ns),
        Head(name="solution AUROC"),
        Head(name="step AUROC"),
        Head(name="seeds"),
    )
    rows = tuple(
        (
            _word(arm_words(row["arm"], row["acquisition"]), arm=row["arm"]),
            _whole(row["data_scale"]),
            *(
                _estimate(row[f"best_of_{n}"], row[f"best_of_{n}_lower"], row[f"best_of_{n}_upper"])
                for n in ns
            ),
            _share(row["solution_auroc"]),
            _share(row["step_auroc"]),
            _whole(row["seeds"] or pd.NA),
        )
        for row in result_rows(summary, ns).to_dict("records")
    )
    lead = (
        "Test problems solved, per cent, with 95% intervals; labelled: training solutions labelled a problem."
    )
    return Table(id="results", title="All arms", lead=lead, heads=heads, rows=rows)


def differences_section(frame: pd.DataFrame, n: int) -> Table:
    """All paired differences in best-of-N."""
    heads = (
        Head(name="arm", text=True),
        Head(name="minus", text=True),
        Head(name="labelled"),
        Head(name="points"),
        Head(name="reading", text=True),
        Head(name="seeds"),
    )
    rows = tuple(
        (
            _word(arm_words(row.arm, row.acquisition), arm=row.arm),
            _word(ARMS[row.against], arm=row.against),
            _whole(row.data_scale),
            _estimate(row.estimate, row.lower, row.upper, signed=True),
            _word(row.verdict, verdict=True),
            _whole(row.seeds or pd.NA),
        )
        for row in rows_of(differences(frame, compared_pairs(frame), "best_of_n", n))
    )
    return Table(
        id="differences",
        title=f"Differences in best-of-{n}",
        heads=heads,
        rows=rows,
        lead="Percentage points, paired by problem and seed, with 95% intervals.",
    )


def efficiency_section(frame: pd.DataFrame) -> Table:
    """How many times fewer labels each way of choosing them needs."""
    heads = (
        Head(name="acquisition", text=True),
        Head(name="against", text=True),
        Head(name="counted in", text=True),
        Head(name="shift"),
        Head(name="fit R²"),
        Head(name="ratio of slopes"),
        Head(name="role", text=True),
        Head(name="p"),
        Head(name="reading", text=True),
    )
    rows = tuple(
        (
            _word(words(one.acquisition)),
            _word(words(one.baseline)),
            _word(LABELS[one.counted]),
            _ratio(one.shift),
            _share(one.shift.fit),
            _ratio(one.slope),
            _word(one.role),
            _share(one.p),
            _word(one.verdict, verdict=True),
        )
        for one in comparisons(frame)
    )
    return Table(
        id="efficiency",
        title="Data efficiency",
        heads=heads,
        rows=rows,
        lead=(
            "How many times fewer labels reach the same best-of-N. Shift: horizontal distance of the fitted "
            "curves. Ratio of slopes: the paper's, descriptive. The p of others is corrected after Holm."
        ),
    )


def _ratio(found: Efficiency) -> Cell:
    if not found.estimate > 0:
        return Cell(value="", shown="–")
    return Cell(value=repr(found.estimate), shown=f"{found.estimate:.2f}", interval=ratio_interval(found))


def solutions_section(frame: pd.DataFrame) -> Table:
    """What the arms were given: hash and distinct solutions for each data scale and seed."""
    students = frame[frame["arm"].isin(list(STUDENT_ARMS)) & frame["solutions_hash"].notna()]
    heads = (
        Head(name="arm", text=True),
        Head(name="labelled"),
        Head(name="seed"),
        Head(name="solutions"),
        Head(name="distinct solutions"),
        Head(name="labelled steps"),
        Head(name="hash", text=True),
    )
    cells = students.drop_duplicates(["arm", "acquisition", "data_scale", "seed"])
    rows = tuple(
        (
            _word(arm_words(row.arm, row.acquisition), arm=row.arm),
            _whole(row.data_scale),
            _whole(row.seed),
            _whole(row.labelled_solutions),
            _whole(row.distinct_solutions),
            _whole(row.labelled_steps),
            _word(row.solutions_hash[:12]),
        )
        for row in rows_of(cells)
    )
    return Table(
        id="solutions",
        title="Training solutions",
        heads=heads,
        rows=rows,
        lead="What each reward model was trained on; equal hashes are equal solutions, in the same order.",
    )


def embed_json(data: Any) -> Markup:
    """Data as JSON that no HTML parser can mistake for markup: every ``<`` is written as an escape."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def browser_data(examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the browser of problems reads: the examples, and which arms score and choose in them."""
    solutions = [solution for problem in examples for solution in problem["solutions"]]
    scoring = {arm for s in solutions for arm in s["solution_scores"]} | {
        a for s in solutions for t in s["steps"] for a in t["scores"]
    }
    choosing = {arm for s in solutions for arm in s["chosen_by"]}
    return {
        "arms": {arm: {"name": name} for arm, name in ARMS.items()},
        "problems": list(examples),
        "scorers": [arm for arm in ARMS if arm in scoring],
        "choosers": [arm for arm in ARMS if arm in choosing],
    }


def _figure(path: Path) -> dict[str, Any]:
    """A figure as a data address; an image cannot run scripts, whatever its file holds."""
    known = FIGURES.get(path.stem)
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return {
        "name": path.stem,
        "title": known.title if known else path.stem.replace("_", " "),
        "caption": known.caption if known else "",
        "data": f"data:image/svg+xml;base64,{data}",
        "width": known.width if known else "half",
    }


def write_report(
    records_path: str | Path,
    examples_path: str | Path | None,
    out_html: str | Path,
    title: str,
    config: Mapping[str, Any],
    notes: Sequence[str] = (),
    figures: Iterable[str | Path] = (),
) -> Path:
    """Write a run's report as one HTML file that needs no network.

    Args:
        records_path: table of records of one experiment, scale and dataset.
        examples_path: ``examples.json`` for the browser of test problems, or None for a report without it.
        out_html: where to write.
        title: heading of the report.
        config: whole config of the run, shown as JSON.
        notes: sentences on deviations and on what the reader should know.
        figures: SVG files to show, in this order.

    Returns:
        The path written.

    Raises:
        ValueError: records or examples are not as documented, the arms were given different solutions, or a
        figure
            is not an SVG file.
    """
    frame = read_records(records_path)
    check_same_solutions(frame)
    paths = [Path(figure) for figure in figures]
    for path in paths:
        if path.suffix.lower() != ".svg":
            raise ValueError(f"figures: found {path}, allowed .svg files")
    summary = summarise(frame)
    has_best = bool((frame["metric"] == "best_of_n").any())
    tables = [results_section(summary)]
    found = Headline(sentence="The records hold no best-of-N.")
    if has_best:
        tables.append(differences_section(frame, comparison_n(frame)))
        found = headline(frame)
    if has_best and several_acquisitions(frame):
        tables.append(efficiency_section(frame))
    if frame["solutions_hash"].notna().any():
        tables.append(solutions_section(frame))
    data = browser_data(read_examples(examples_path)) if examples_path is not None else None
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("report.html.j2").render(
        title=title,
        facts=_facts(frame, summary),
        headline=found,
        figures=[_figure(path) for path in paths],
        tables=[table for table in tables if table.rows],
        examples_json=embed_json(data) if data and data["problems"] else None,
        scorers=data["scorers"] if data else [],
        arms={arm: {"name": name} for arm, name in ARMS.items()},
        notes=list(notes),
        reading=READING,
        config=json.dumps(config, indent=2, ensure_ascii=False, default=str),
        palette=PALETTE,
        revisions=sorted(frame["revision"].unique()),
        script=Markup(script),
        script_hash=Markup(f"sha256-{digest}"),
        css=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )
    out = Path(out_html)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    return out


def _facts(frame: pd.DataFrame, summary: pd.DataFrame) -> list[str]:
    """The line beneath the title."""
    facts = [
        f"experiment {frame[name].iloc[0]}" if name == "experiment" else f"{name} {frame[name].iloc[0]}"
        for name in ("experiment", "scale", "dataset")
        if len(frame)
    ]
    problems, seeds = summary[summary["metric"] == "best_of_n"]["problems"].max(), summary["seeds"].max()
    if pd.notna(problems) and problems:
        facts.append(f"{int(problems)} test problems")
    if pd.notna(seeds) and seeds:
        facts.append(f"{int(seeds)} seed{'s' if seeds > 1 else ''}")
    return facts
