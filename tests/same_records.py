"""Shows that a change to the code changes no result: everything at scale smoke, before and after.

    PYTHONPATH=.:tests/helpers python tests/same_records.py make FOLDER
    PYTHONPATH=.:tests/helpers python tests/same_records.py compare FOLDER OTHER

`make` runs every experiment, two of them on a pool as well, and the commands of `docs/how-to/own-data.md`;
run it in the checkout of each revision. `compare` ends with 1 if records, pools, weights or printed tables
differ; the revision that records name and the keys of artifacts do not count.
"""

import gzip
import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors.numpy import load_file

ON_POOLS = ("supervision", "active_learning")


def make(folder: Path) -> None:
    """Runs everything; each run in a process of its own, as a user's is."""
    from sums_pool import arguments, write_sums
    from ten_minutes import OWN_DATA, PAPERS_WAY, write_files

    from ablations.experiments import EXPERIMENTS

    folder.mkdir(parents=True)
    for name in EXPERIMENTS:
        _run(
            folder / name,
            ["run", name, "--scale=smoke", "--workers=1", f"--store={folder / 'store'}", "--out=out"],
        )
    write_sums(folder / "sums.jsonl.gz")
    pool = Path("..", "sums.jsonl.gz")
    for name in ON_POOLS:
        place = folder / f"{name}-pool"
        _run(place, arguments("run", pool, "sharp", Path(), experiment=name, vocabulary=300, max_length=128))
    for name, block in (("own_data", OWN_DATA), ("papers_way", PAPERS_WAY)):
        (folder / name).mkdir()
        write_files(folder / name)
        for argv in block:
            _run(folder / name, argv)


def _run(folder: Path, argv: list[str]) -> None:
    """Runs `ablations ARGV` in a folder; what it prints is kept there, command by command."""
    folder.mkdir(exist_ok=True)
    print(folder.name, *argv, flush=True)
    with open(folder / f"{argv[0]}.txt", "a") as printed:
        subprocess.run([sys.executable, "-m", "ablations", *argv], cwd=folder, stdout=printed, check=True)


def compare(folder: Path, other: Path) -> int:
    """Prints every file that differs; how many they are."""
    mine, theirs = (
        {
            path.relative_to(place)
            for path in place.rglob("*")
            if path.is_file() and "store" not in path.parts and _read(path) is not None
        }
        for place in (folder, other)
    )
    for path in sorted(mine ^ theirs):
        print(f"{path}: only in {folder if path in mine else other}")
    differ = [path for path in sorted(mine & theirs) if _read(folder / path) != _read(other / path)]
    for path in differ:
        print(f"{path}: differs")
    print(f"{len(mine & theirs) - len(differ)} files are the same, {len(differ)} differ")
    return len(differ) + len(mine ^ theirs)


def _read(path: Path) -> object:
    """What of a file is to be the same; None if nothing is."""
    if path.name == "records.parquet":
        table = pq.read_table(path).drop(["revision"])
        config = pc.replace_substring_regex(table["config"], r'"name": "/[^"]*/', '"name": "')
        config = pc.replace_substring_regex(config, r'"choice": "[^"]*"', '"choice": ""')
        table = table.set_column(table.column_names.index("config"), "config", config)  # wherever it ran
        cell = table["cell"].combine_chunks().dictionary_encode().indices  # numbers in order of appearance
        return table.set_column(table.column_names.index("cell"), "cell", cell)
    if path.name.endswith(".jsonl.gz"):
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".safetensors":
        return {name: weights.tobytes() for name, weights in load_file(path).items()}
    if path.name in ("table.txt", "evaluate.txt"):
        return path.read_text()
    return None


if __name__ == "__main__":
    command, *places = sys.argv[1:]
    if command == "make":
        make(Path(places[0]).absolute())
    else:
        sys.exit(bool(compare(Path(places[0]), Path(places[1]))))
