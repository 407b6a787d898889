"""Data card of a pool of solutions: what it holds, and how good the reward models are that scored it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from results.model_card import render
from results.tables.rendering import Table, as_markdown


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """Contents of a data card."""

    name: str
    file: str
    """Name of the pool's file in the folder."""
    data: tuple[tuple[str, str], ...]
    """Names and values of facts."""
    tables: Sequence[Table]
    """Tables of an evaluation of its scores."""
    license: str | None
    """License, as the hub names it."""
    sha256: str
    revision: str
    """Revision of the code that wrote the card."""


def data_card(card: DataCard) -> str:
    """Return the card as Markdown, with the YAML front matter that the hub reads."""
    metadata: dict[str, Any] = {} if card.license is None else {"license": card.license}
    metadata |= {
        "tags": ["reward-model", "process-supervision", "math"],
        "configs": [{"config_name": "default", "data_files": card.file}],
    }
    tables = [
        {"title": table.title, "lead": table.lead, "markdown": as_markdown(table)}
        for table in card.tables
        if table.printed
    ]
    return render(
        "data_card.md.j2",
        card=card,
        tables=tables,
        metadata=yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True),
    )
