"""Seconds of each kind of step in runs, from the stores that they filled.

    make run
    python tests/benchmarks/stages.py --out results/reference/stages.json now=runs/store

A name that the file has already is replaced; the others stay. `python -m results.speed_page` makes the table.
"""

import argparse
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any


def read_stages(store: Path) -> dict[str, Any]:
    """Sums the seconds of each kind of step over all workers, and measures the time from first to last."""
    tasks = [json.loads(path.read_text(encoding="utf-8")) for path in (store / "timings").glob("*.json")]
    if not tasks:
        raise ValueError(f"store {store}: found no timings; allowed: the store of a finished run")
    seconds: Counter[str] = Counter()
    for task in tasks:
        seconds[task["step"]] += task["seconds"]
    ends = [datetime.fromisoformat(task["finished"]).timestamp() for task in tasks]
    begins = [end - task["seconds"] for end, task in zip(ends, tasks, strict=True)]
    return {"elapsed": max(ends) - min(begins), "seconds": dict(seconds.most_common())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("runs", nargs="+", help="NAME=STORE, the store of a finished run")
    arguments = parser.parse_args()
    stages = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.is_file() else {}
    for run in arguments.runs:
        name, store = run.split("=", 1)
        stages[name] = read_stages(Path(store))
    arguments.out.write_text(json.dumps(stages, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
