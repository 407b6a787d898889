"""Every hostile input, and a table of what came of them: ``make hostile``, by hand.

    python -m hostile [--kinds KIND ...] [--every K] [--out TABLE.md]

Run it from the folder ``tests`` with the tree under test on PYTHONPATH. It lists the faults, one per line,
and ends with code 1 if there is one. System faults need Linux and root, for disks that are full or read-only.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ablations.commands.cli import quieten
from hostile import checkpoints, commands, rows
from hostile.inputs import Input, fault
from hostile.running import run

quieten()  # before transformers is imported, as in a command
sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))


def inputs(every: int, folder: Path) -> Iterator[Input]:
    """All of them; of the fields' values one in ``every``, chosen by a fixed seed."""
    values = rows.fuzzed()
    for name, path, value in random.Random(0).sample(values, len(values) // every):
        yield rows.one_field(name, path, value)
    for name in rows.SAMPLES:
        yield from rows.files(name)
    pools = list(commands.pools())
    yield from random.Random(0).sample(pools, len(pools) // every)
    for source in (commands.odd_pools, commands.options, commands.words, commands.places, commands.terminals):
        yield from source()
    model, prm = folder / "model", folder / "prm"
    from tiny_checkpoints import write_checkpoint

    from hostile.models import token_classifier

    write_checkpoint("qwen2", model)
    token_classifier(prm)
    for one in checkpoints.options():
        yield Input(**one.__dict__ | {"files": dict(one.files) | _files(model, prm)})
    for command in checkpoints.COMMANDS:
        if command != "scratch":
            yield from checkpoints.damaged(model, prm, command)


def _files(*folders: Path) -> dict[str, bytes]:
    return {f"{one.name}/{path.name}": path.read_bytes() for one in folders for path in one.iterdir()}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kinds", nargs="*", default=None, help="beginnings of kinds (default: all)")
    parser.add_argument("--every", type=int, default=8, help="of the fields' values one in so many")
    parser.add_argument("--out", type=Path, default=None, help="file for the table")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    tried: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        models = Path(scratch) / "models"
        models.mkdir()
        for one in inputs(args.every, models):
            if args.kinds is not None and not one.kind.startswith(tuple(args.kinds)):
                continue
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                found = fault(run(one, Path(folder)), one.check)
            tried[one.kind] += 1
            faults[one.kind] += found is not None
            if found is not None:
                print(f"{one.kind} | {one.name} | {found}", flush=True)
    lines = ["| kind | inputs | faults |", "|---|---|---|"]
    lines += [f"| {kind} | {count} | {faults[kind]} |" for kind, count in tried.items()]
    lines.append(f"| all | {tried.total()} | {faults.total()} |")
    table = "\n".join(lines)
    print(table)
    if args.out is not None:
        args.out.write_text(f"{table}\n")
    return int(faults.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
