"""Model card of a reward model: what it was trained on, how good it is and how to score with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from results.records import plain
from results.stats.intervals import NAN, Estimate
from results.stats.summaries import at_n, comparison_n, rows_of, summarize
from results.tables.rendering import Cell, number, points, text_of
from results.tables.shared import few_ns

_TEMPLATES = Path(__file__).parent / "templates"
_REFERENCES = {"labeler": "labeler", "majority": "majority voting", "random": "pass@1"}
_AUROCS = {"solution_auroc": "solution AUROC within problems", "step_auroc": "step AUROC"}


@dataclass(frozen=True, kw_only=True)
class Card:
    """Contents of a model card."""

    name: str
    arm: str
    """Its supervision, in words."""
    supervision: str
    """Sentence on what it learned from."""
    of_steps: bool
    """Whether it scores a solution by the product over its steps; otherwise as an outcome."""
    classes: tuple[str, ...]
    data: tuple[tuple[str, str], ...]
    training: tuple[tuple[str, str], ...]
    """Names and values of facts."""
    records: pd.DataFrame | None
    """Records of its run; None if no run contains it."""
    cell: str | None
    """Its cell in the records."""
    folds: int
    """Number of models that make up the cell."""
    aurocs: Mapping[str, Estimate]
    """Metric -> its estimate with an interval, where the records have none."""
    problem: str
    steps: tuple[str, ...]
    """Problem and solution of the code sample."""
    chat_template: bool
    """Whether it reads problems through its tokenizer's chat template."""
    license: str | None
    """License, as the hub names it."""
    address: str
    """Address of its artifact."""
    revision: str
    """Revision of the code that wrote the card."""
    pooled: bool = False
    """Whether an outcome is scored by the mean of all tokens' logits; otherwise at the last token."""


def model_card(card: Card) -> str:
    """Return the card as Markdown, with the YAML front matter that the hub reads."""
    return render(
        "model_card.md.j2",
        card=card,
        metadata=yaml.safe_dump(_metadata(card), sort_keys=False, allow_unicode=True),
        metrics=_metrics(card),
        dataset=_dataset(card),
    )


def render(template: str, **values: Any) -> str:
    """Fill one of the templates of cards."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=False,  # the output is not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["python"] = repr
    return environment.get_template(template).render(**values)


def _metadata(card: Card) -> dict[str, Any]:
    kind = "process-reward-model" if card.of_steps else "outcome-reward-model"
    metadata: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "token-classification"}
    if card.license is not None:
        metadata["license"] = card.license
    metadata["tags"] = ["reward-model", kind]
    metrics = _hub_metrics(card)
    if metrics:
        result = {
            "task": {"type": "token-classification", "name": "Reward modeling"},
            "dataset": {"type": _dataset(card), "name": _dataset(card)},
            "metrics": metrics,
        }
        metadata["model-index"] = [{"name": card.name, "results": [result]}]
    return metadata


def _hub_metrics(card: Card) -> list[dict[str, Any]]:
    """Return what the hub shows: best-of-N at the largest N that is an expectation, and AUROCs."""
    if card.records is None:
        return []
    summary = summarize(_cell_records(card))
    metrics = []
    best = summary[summary["metric"] == "best_of_n"]
    if len(best):
        n = comparison_n(summary)
        value = float(at_n(best, n)["estimate"].iloc[0])
        metrics.append({"type": f"best_of_{n}", "name": f"best-of-{n}", "value": round(value, 4)})
    for metric, name in _AUROCS.items():
        for row in rows_of(summary[summary["metric"] == metric]):
            metrics.append({"type": metric, "name": name, "value": round(float(row.estimate), 4)})
    return metrics


def _dataset(card: Card) -> str | None:
    return None if card.records is None else str(card.records["dataset"].iloc[0])


def _cell_records(card: Card) -> pd.DataFrame:
    """Return the records of this model, or of the models of all folds."""
    assert card.records is not None
    return plain(card.records[card.records["cell"] == card.cell])


def _metrics(card: Card) -> dict[str, Any] | None:
    """Return heads and rows of the metrics table; None without records or without best-of-N in them."""
    if card.records is None:
        return None
    own, frame = _cell_records(card), plain(card.records)
    alike = frame
    for column in ("arm", "data_scale", "acquisition"):
        alike = alike[alike[column] == own[column].iloc[0]]
    seeds = int(alike["seed"].nunique())
    columns = {"this model": summarize(own)}
    if seeds > 1:
        columns[f"mean of {seeds} seeds"] = summarize(alike)
    for arm, name in _REFERENCES.items():
        if (frame["arm"] == arm).any():
            columns[name] = summarize(frame[frame["arm"] == arm])
    ns = few_ns(columns["this model"])
    if not ns:
        return None
    rows = [(f"best-of-{n}", [_best_of(summary, name, n) for name, summary in columns.items()]) for n in ns]
    for metric, name in _AUROCS.items():
        found = [next(rows_of(summary[summary["metric"] == metric]), None) for summary in columns.values()]
        found[0] = card.aurocs.get(metric, found[0])
        cells = [_cell(row, partial(number, digits=3)) for row in found]
        if any(cell.value for cell in cells):
            rows.append((name, cells))
    return {
        "heads": ["", *columns],
        "rows": [[name, *map(text_of, cells)] for name, cells in rows],
        "problems": int(columns["this model"]["problems"].max()),
        "solutions": max(ns),
    }


def _best_of(summary: pd.DataFrame, name: str, n: int) -> Cell:
    """Return a column's entry in the best-of-N row; for pass@1 it is the same in every row."""
    metric = {"majority voting": "majority", "pass@1": "random"}.get(name, "best_of_n")
    rows = at_n(summary[summary["metric"] == metric], 1 if metric == "random" else n)
    return _cell(next(rows_of(rows), None), points)


def _cell(row: Any, make: Callable[..., Cell]) -> Cell:
    return number(NAN) if row is None else make(row.estimate, lower=row.lower, upper=row.upper)


def facts_of(pairs: Sequence[tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return named facts as text, without those that are None."""
    return tuple((name, str(value)) for name, value in pairs if value is not None)
