"""Model card of a reward model: what it was trained on, how good it is and how to score with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from results.records import plain
from results.stats.intervals import Estimate
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
    """Name of the model."""
    arm: str
    """Its supervision, in words."""
    supervision: str
    """Sentence on what it learned from."""
    of_steps: bool
    """Whether it scores a solution by the product over its steps; otherwise as an outcome."""
    classes: tuple[str, ...]
    """Names of its classes, in order."""
    data: tuple[tuple[str, str], ...]
    """Facts about the data and who labeled it, by name."""
    training: tuple[tuple[str, str], ...]
    """Facts about the training, by name."""
    records: pd.DataFrame | None
    """Records of its run; None if no run contains it."""
    cell: str | None
    """Its cell in the records."""
    folds: int
    """Number of models that make up the cell."""
    aurocs: Mapping[str, Estimate]
    """Metric -> its estimate with an interval, where the records have none."""
    problem: str
    """Problem of the code sample."""
    steps: tuple[str, ...]
    """Solution steps of the code sample."""
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
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=False,  # the output is not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["python"] = repr
    return environment.get_template("model_card.md.j2").render(
        card=card,
        metadata=yaml.safe_dump(_metadata(card), sort_keys=False, allow_unicode=True),
        metrics=_metrics(card),
        dataset=_dataset(card),
    )


def _metadata(card: Card) -> dict[str, Any]:
    kind = "process-reward-model" if card.of_steps else "outcome-reward-model"
    found: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "token-classification"}
    found |= {} if card.license is None else {"license": card.license}
    found["tags"] = ["reward-model", kind]
    results = _results(card)
    if results:
        result = {
            "task": {"type": "token-classification", "name": "Reward modeling"},
            "dataset": {"type": _dataset(card), "name": _dataset(card)},
            "metrics": results,
        }
        found["model-index"] = [{"name": card.name, "results": [result]}]
    return found


def _results(card: Card) -> list[dict[str, Any]]:
    """Return what the hub shows: best-of-N at the largest N that is an expectation, and AUROCs."""
    if card.records is None:
        return []
    summary = summarize(_own(card))
    found = []
    best = summary[summary["metric"] == "best_of_n"]
    if len(best):
        n = comparison_n(summary)
        value = float(at_n(best, n)["estimate"].iloc[0])
        found.append({"type": f"best_of_{n}", "name": f"best-of-{n}", "value": round(value, 4)})
    for metric, name in _AUROCS.items():
        for row in rows_of(summary[summary["metric"] == metric]):
            found.append({"type": metric, "name": name, "value": round(float(row.estimate), 4)})
    return found


def _dataset(card: Card) -> str | None:
    return None if card.records is None else str(card.records["dataset"].iloc[0])


def _own(card: Card) -> pd.DataFrame:
    """Return the records of this model, or of the models of all folds."""
    assert card.records is not None
    return plain(card.records[card.records["cell"] == card.cell])


def _metrics(card: Card) -> dict[str, Any] | None:
    """Return heads and rows of the metrics table; None without records or without best-of-N in them."""
    if card.records is None:
        return None
    own, frame = _own(card), plain(card.records)
    first = own.iloc[0]
    alike = frame[(frame["arm"] == first["arm"]) & (frame["data_scale"] == first["data_scale"])]
    alike = alike[alike["acquisition"] == first["acquisition"]]
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
    for metric, shown in _AUROCS.items():
        found = [_auroc(summary, metric) for summary in columns.values()]
        if metric in card.aurocs:
            own_auroc = card.aurocs[metric]
            found[0] = number(own_auroc.estimate, 3, own_auroc.lower, own_auroc.upper)
        if any(cell.value for cell in found):
            rows.append((shown, found))
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
    row = next(rows_of(rows), None)
    return points(float("nan")) if row is None else points(row.estimate, row.lower, row.upper)


def _auroc(summary: pd.DataFrame, metric: str) -> Cell:
    row = next(rows_of(summary[summary["metric"] == metric]), None)
    return number(float("nan")) if row is None else number(row.estimate, 3, row.lower, row.upper)


def facts_of(pairs: Sequence[tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return named facts as text, leaving out those that are None."""
    return tuple((name, str(value)) for name, value in pairs if value is not None)
