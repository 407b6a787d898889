"""Problems that two files share, whatever their formats, compared by letters and digits."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ablations.formats.catalogue import recognized
from ablations.formats.questions import letters_and_digits


def every_problem(path: str | Path) -> Iterator[str]:
    """Returns the problem of every record of a file, including those that a reader drops by default.

    Raises:
        ValueError: the file is of no known format, or malformed.
    """
    form = recognized(path)
    kept = {name: True for name in form.options if name.startswith("keep_")}
    return (record.problem for record in form.read(path, **kept))


def held_out_problems(paths: Iterable[Path]) -> dict[str, Path]:
    """Maps the letters and digits of each problem in some files to the first file that holds it."""
    found: dict[str, Path] = {}
    for path in paths:
        for problem in every_problem(path):
            found.setdefault(letters_and_digits(problem), path)
    return found
