"""The schema fits the record and the arms, and README tells of all of it."""

import dataclasses
from collections.abc import Callable

import pyarrow as pa
import pytest
from paths import ROOT

from results.records import Record
from results.schema import COLUMNS, METRICS
from results.vocabulary import ARMS

README = ROOT / "README.md"


def columns_markdown() -> str:
    """The columns as README has them, one a line."""
    lines = ["| column | type | null | unit | meaning |", "|---|---|---|---|---|"]
    for name, column in COLUMNS.items():
        kind = "list<double>" if pa.types.is_list(column.type) else str(column.type)
        null = "yes" if column.nullable else "no"
        lines.append(f"| `{name}` | {kind} | {null} | {column.unit} | {column.meaning} |")
    return "\n".join(lines) + "\n"


def metrics_markdown() -> str:
    """The metrics as README has them, one a line."""
    lines = ["| metric | n | arms | meaning |", "|---|---|---|---|"]
    for name, metric in METRICS.items():
        lines.append(f"| `{name}` | {metric.n or 'null'} | {', '.join(metric.arms)} | {metric.meaning} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("table", [columns_markdown, metrics_markdown])
def test_the_readme_has_every_column_and_metric(table: Callable[[], str]) -> None:
    """If it does not: the line that this prints belongs there."""
    text = README.read_text(encoding="utf-8")
    assert [line for line in table().splitlines() if line not in text.splitlines()] == []
    assert table() in text


def test_columns_metrics_and_arms_fit_together() -> None:
    assert {field.name for field in dataclasses.fields(Record)} == set(COLUMNS)
    assert all(set(metric.arms) <= set(ARMS) for metric in METRICS.values())
