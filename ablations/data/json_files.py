"""JSON files, and the type of what they hold."""

import json
from pathlib import Path
from typing import Any

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def write_json(path: Path, value: object) -> None:
    """Writes indented JSON with sorted names, so that equal values give equal bytes."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Reads what ``write_json`` wrote; tuples come back as lists."""
    return json.loads(path.read_text(encoding="utf-8"))
