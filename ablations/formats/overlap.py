"""Which problems two files share, whatever the formats; their letters and digits are compared."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ablations.formats.catalogue import recognised
from ablations.formats.questions import letters_and_digits


def every_problem(path: str | Path) -> Iterator[str]:
    """Text of the problem of every record of a file, those that a reader drops by default too.

    Raises:
        ValueError: the file is of no known format, or malformed.
    """
    form = recognised(path)
    kept = {name: True for name in form.options if name.startswith("keep_")}
    return (record.problem for record in form.read(path, **kept))


def held_out_problems(paths: Iterable[Path]) -> dict[str, Path]:
    """Letters and digits of the problems of some files, each with the first file that holds it."""
    found: dict[str, Path] = {}
    for path in paths:
        for problem in every_problem(path):
            found.setdefault(letters_and_digits(problem), path)
    return found
