"""Problems that two files share, in any formats, compared by letters and digits."""

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
    keep_all = {name: True for name in form.options if name.startswith("keep_")}
    return (record.problem for record in form.read(path, **keep_all))


def held_out_problems(paths: Iterable[Path]) -> dict[str, Path]:
    """Maps the letters and digits of each problem in given files to the first file that holds it."""
    problems: dict[str, Path] = {}
    for path in paths:
        for problem in every_problem(path):
            problems.setdefault(letters_and_digits(problem), path)
    return problems
