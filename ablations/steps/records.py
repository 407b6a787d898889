"""The stage that gathers the rows of cells and reference lines into the run's tidy table."""

import json
from pathlib import Path
from typing import Any

from ablations.data.artifacts import CHOSEN, ROWS, read_json
from ablations.engine.step import Context, Inputs, several
from results.records import Record, write_records


def records(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the run's tidy table. Inputs: cells, references (optional).

    Raises:
        ValueError: two arms were trained on different solutions.
    """
    rows: list[Record] = []
    seen: dict[tuple[Any, ...], str] = {}
    for folder in (*several(inputs, "references"), *several(inputs, "cells")):
        whole = json.loads(config["settings"])
        if (folder / CHOSEN).is_file():
            whole["chosen"] = read_json(folder / CHOSEN)
        for row in read_json(folder / ROWS):
            if "solutions_hash" in row:
                varied = row.get("variant"), row.get("level")
                which = row["acquisition"], row["data_scale"], row["seed"], *varied
                known = seen.setdefault(which, row["solutions_hash"])
                if known != row["solutions_hash"]:
                    raise ValueError(
                        f"solutions of {row['arm']} at data scale {row['data_scale']}, seed {row['seed']}: "
                        f"found hash {row['solutions_hash']}; allowed: {known}, that of the other arms"
                    )
                row.setdefault("cell", folder.name)  # a further evaluation already names its cell
            rows.append(
                Record(
                    experiment=config["experiment"],
                    scale=config["scale"],
                    dataset=config["dataset"],
                    config=json.dumps(whole, sort_keys=True),
                    revision=config["revision"],
                    **row,
                )
            )
    write_records(out / "records.parquet", rows)
