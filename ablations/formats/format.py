"""The type of file formats of problems, solutions and labels: functions on rows, and their abilities."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.losses import Abilities, check_fits
from ablations.formats.rows import Fields, ReadHooks, read_rows, write_rows

Row = dict[str, Any]
Parse = Callable[..., list[LabeledSolution]]
"""(row, options by name) -> its records; raises a ValueError if the row is malformed."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file format of problems, solutions and labels."""

    abilities: Abilities
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

    def matches(self, row: Row) -> bool:
        """Returns whether a row is of the format."""
        return self.recognizes(row) if self.recognizes is not None else self.keys <= row.keys()

    def read(
        self, path: str | Path, hooks: ReadHooks | None = None, /, **options: Any
    ) -> Iterator[LabeledSolution]:
        """Reads a file's records; one row is held at a time.

        Raises:
            ValueError: a row is malformed.
        """
        if self.parse is not None:
            return read_rows(path, partial(self.parse, **options), hooks, self.keys | self.fields)
        assert self.reader is not None
        return self.reader(path, hooks, **options)

    def write(self, path: str | Path, records: Iterable[LabeledSolution]) -> None:
        """Writes records, which are already cut down to the format's abilities, atomically.

        Raises:
            ValueError: a record does not fit, or a rule of the format is broken.
        """
        checked = check_fits(records, self.abilities, self.tells_apart)
        if self.row is not None:
            write_rows(path, map(self.row, checked))
        else:
            assert self.writer is not None
            self.writer(Path(path), checked)


def reads_back_unchanged(
    parse: Parse, row: Callable[[LabeledSolution], Row]
) -> Callable[[LabeledSolution], bool]:
    """Builds the check whether a record is read back from its row unchanged."""

    def unchanged(record: LabeledSolution) -> bool:
        try:
            return parse(Fields(row(record), Path(), 1)) == [record]
        except ValueError:
            return False

    return unchanged
