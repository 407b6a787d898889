"""Report of a run: one self-contained HTML file that fetches nothing when opened."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from results.analyses.catalogue import AnalysisResult, analysis_of
from results.examples import read_examples
from results.figures.gallery import FIGURES
from results.findings import DESCRIPTIVE
from results.findings import TABLE as CLAIMS_TABLE
from results.records import check_same_solutions, read_records
from results.stats.intervals import MARGIN
from results.stats.power import POWER
from results.stats.summaries import summarize
from results.vocabulary import ARMS
from results.writing import write_text

_TEMPLATES = Path(__file__).parent / "templates"
_ARM_NAMES = {name: {"name": arm.words} for name, arm in ARMS.items()}

READING = (
    "Best-of-N is the expected share of problems solved when the best-scored of N solutions is submitted, "
    "over all subsets of the solutions drawn; ties are shared. An N marked * is a single draw of all "
    "solutions, not an expectation.",
    "Intervals are 95% intervals: means over seeds and problems have a t interval of the crossed "
    "random-effects model, with a term for seeds and one for problems; AUROCs and ratios are resampled by "
    "problem. With one seed, they apply to that seed only.",
    "Differences are paired by problem and seed. Above or below zero: the interval lies wholly on that side. "
    f"Equivalent: it contains zero and lies wholly within {100 * MARGIN:g} points of it. Inconclusive: "
    f"neither; in parentheses is the smallest difference that the run detects with {POWER:.0%} power. Where "
    "a table corrects p after Holm, its verdicts follow that p.",
    "Seeds redraw the training solutions, their order and the new weights. They share the problems, the base "
    "model, the generator and the labeler, so intervals are conditional on these.",
)
"""Notes on how to read the numbers, shown in every report."""


def embed_json(data: Any) -> Markup:
    """Return data as JSON that no HTML parser can mistake for markup: every ``<`` is escaped."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def browser_data(examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the problem browser reads: the examples, and the arms that score and choose in them."""
    solutions = [solution for problem in examples for solution in problem["solutions"]]
    scoring = {arm for s in solutions for arm in s["solution_scores"]}
    scoring |= {arm for s in solutions for step in s["steps"] for arm in step["scores"]}
    choosing = {arm for s in solutions for arm in s["chosen_by"]}
    return {
        "arms": _ARM_NAMES,
        "problems": list(examples),
        "scorers": [arm for arm in ARMS if arm in scoring],
        "choosers": [arm for arm in ARMS if arm in choosing],
    }


def _figure(path: Path) -> dict[str, Any]:
    """Encode a figure as a data URL; an image cannot run scripts, whatever its file contains."""
    figure = FIGURES.get(path.stem)
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return {
        "name": path.stem,
        "title": figure.title if figure else path.stem.replace("_", " "),
        "caption": figure.caption if figure else "",
        "data": f"data:image/svg+xml;base64,{data}",
        "width": figure.width if figure else "half",
    }


def write_report(
    records_path: str | Path,
    examples_path: str | Path | None,
    out_html: str | Path,
    title: str,
    config: Mapping[str, Any],
    notes: Sequence[str] = (),
    figures: Iterable[str | Path] = (),
    account: AnalysisResult | None = None,
) -> Path:
    """Write a run's report as one HTML file that needs no network.

    Args:
        records_path: table of records of one experiment, scale and dataset.
        examples_path: ``examples.json`` for the browser of test problems, or None for a report without it.
        out_html: where to write.
        title: heading of the report.
        config: complete config of the run, shown as JSON.
        notes: sentences on deviations and anything else the reader should know.
        figures: SVG files to show, in this order.
        account: analysis of the records; None to compute it.

    Returns:
        The path written.

    Raises:
        ValueError: records or examples are invalid, the arms were given different solutions, or a figure is
            not an SVG file.
    """
    frame = read_records(records_path)
    check_same_solutions(frame)
    paths = [Path(figure) for figure in figures]
    for path in paths:
        if path.suffix.lower() != ".svg":
            raise ValueError(f"figures: found {path}, allowed .svg files")
    account = account or analysis_of(frame).account(frame)
    claims = [table for table in account.tables if table.id == CLAIMS_TABLE]
    data = browser_data(read_examples(examples_path)) if examples_path is not None else None
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("report.html.j2").render(
        title=title,
        facts=_facts(frame),
        headline=account.headline,
        figures=[_figure(path) for path in paths],
        claims=claims,
        tables=[table for table in account.tables if table not in claims],
        descriptive=DESCRIPTIVE if claims else "",
        examples_json=embed_json(data) if data and data["problems"] else None,
        scorers=data["scorers"] if data else [],
        arms=_ARM_NAMES,
        notes=list(notes),
        reading=READING,
        config=json.dumps(config, indent=2, ensure_ascii=False, default=str),
        palette={name: arm.color for name, arm in ARMS.items()},
        revisions=sorted(frame["revision"].unique()),
        script=Markup(script),
        script_hash=Markup(f"sha256-{digest}"),
        css=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )
    out = Path(out_html)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, page)
    return out


def _facts(frame: pd.DataFrame) -> list[str]:
    """Return the facts shown on the line below the title."""
    summary = summarize(frame)
    names = ("experiment", "scale", "dataset") if len(frame) else ()
    facts = [f"{name} {frame[name].iloc[0]}" for name in names]
    problems, seeds = summary[summary["metric"] == "best_of_n"]["problems"].max(), summary["seeds"].max()
    if pd.notna(problems) and problems:
        facts.append(f"{int(problems)} test problems")
    if pd.notna(seeds) and seeds:
        facts.append(f"{int(seeds)} seed{'s' if seeds > 1 else ''}")
    return facts
