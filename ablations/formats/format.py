"""What a file format of problems, solutions and labels is: functions on its rows, and what they can carry."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.losses import Abilities, carried
from ablations.formats.rows import ReadHooks, Where, read_rows, write_rows

Row = dict[str, Any]
Parse = Callable[[Where, Row], list[LabeledSolution]]
"""(position, row) -> its records; raises a ValueError if the row is malformed."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file format of problems, solutions and labels."""

    abilities: Abilities
    """What the format can carry."""
    keys: frozenset[str]
    """Fields that every written row has; if there is no ``recognizes``, every row."""
    fields: frozenset[str] = frozenset()
    """Further fields that are read."""
    recognizes: Callable[[Row], bool] | None = None
    """Whether a row is of the format; if None, whether it has all ``keys``."""
    parse: Parse | None = None
    """Reads a row; None: ``reader`` reads."""
    row: Callable[[LabeledSolution], Row] | None = None
    """Returns a record's row; None: ``writer`` writes, or the format is only read."""
    reader: Callable[..., Iterator[LabeledSolution]] | None = None
    """(path, ReadHooks or None, options by name) -> records, if a row alone does not decide."""
    writer: Callable[[Path, Iterable[LabeledSolution]], None] | None = None
    """(path, records), if a record alone does not decide."""
    options: frozenset[str] = frozenset()
    """Names of the reader's options."""
    tells_apart: Callable[[LabeledSolution], bool] = lambda record: True
    """Whether a record's texts can be distinguished from the format's own marks."""
    labels_are_scores_of: str | None = None
    """Labeler whose scores serve as the labels, if they are not ground truth."""
    suffix: str = ".jsonl"
    """Suffix of a file's name, before .gz or .zst if it is compressed."""

    @property
    def written(self) -> bool:
        """Whether the format can be written."""
        return self.row is not None or self.writer is not None

    def read(
        self, path: str | Path, reading: ReadHooks | None = None, /, **options: Any
    ) -> Iterator[LabeledSolution]:
        """Reads a file's records; one row is held at a time.

        Args:
            path: the file to read.
            reading: hooks called while reading.
            options: the reader's options.

        Raises:
            ValueError: a row is malformed.
        """
        if self.parse is not None:
            return read_rows(path, self.parse, reading, self.keys | self.fields)
        assert self.reader is not None
        return self.reader(path, reading, **options)

    def write(self, path: str | Path, records: Iterable[LabeledSolution]) -> None:
        """Writes records, cut down to the abilities before, atomically.

        Raises:
            ValueError: a record does not fit, or a rule of the format is broken.
        """
        held = carried(records, self.abilities, self.tells_apart)
        if self.row is not None:
            write_rows(path, map(self.row, held))
        else:
            assert self.writer is not None
            self.writer(Path(path), held)


def read_back_alike(parse: Parse, row: Callable[[LabeledSolution], Row]) -> Callable[[LabeledSolution], bool]:
    """Returns whether a record is read back from its row unchanged, as a function of the record."""

    def alike(record: LabeledSolution) -> bool:
        try:
            return parse(Where(path=Path(), line=1), row(record)) == [record]
        except ValueError:
            return False

    return alike
