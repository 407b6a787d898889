"""Draw one figure from a table of records: ``python -m results.figures NAME RECORDS OUT [--n N]``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from results.figures.gallery import FIGURES, summarize_for
from results.records import read_records


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Draw a figure and return the files written."""
    parser = argparse.ArgumentParser(
        prog="python -m results.figures", description="Draw one figure from a table of records."
    )
    parser.add_argument("name", metavar="NAME", choices=FIGURES, help=", ".join(FIGURES))
    parser.add_argument("records", metavar="RECORDS", help="Parquet table of records")
    parser.add_argument(
        "out",
        metavar="OUT",
        help="where to write: a stem, or a path ending in .png or .svg; both are written",
    )
    parser.add_argument(
        "--n", type=int, metavar="N", help="N of best-of-N (default: the largest that is not a single draw)"
    )
    chosen = parser.parse_args(arguments)
    figure = FIGURES[chosen.name]
    if chosen.n is not None and not figure.takes_n:
        able = [name for name, one in FIGURES.items() if one.takes_n]
        parser.error(f"n: found {chosen.n}; allowed with the figures {', '.join(able)}")
    try:
        written = figure.make(
            summarize_for(read_records(chosen.records), [chosen.name]), chosen.out, chosen.n
        )
    except (ValueError, FileNotFoundError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    for path in written:
        print(path)
    return written


if __name__ == "__main__":
    main()
