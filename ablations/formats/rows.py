"""Rows in all formats: read from any container, with errors by line and field, and written atomically.

`raw_rows` lists the containers; output is JSON Lines, compressed according to the file's name. An error is a
`ValueError` of the form `FILE:LINE: field NAME: found X; allowed: Y`.
"""

import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import pyarrow as pa

from ablations.formats.raw_rows import (
    ONE_OBJECT,
    TEXT,
    UNPARSED,
    DamageError,
    RawRow,
    decompressed,
    parse_json,
    raw_rows,
    without_mark,
)
from results.writing import replacing

MISSING: Any = object()
"""Stand-in for the value of a missing field."""
SHOWN = 80
"""Maximum number of characters of a value in an error."""
_EXACT = 2**53
"""Largest whole number up to which floats are exact."""
_Parsed = TypeVar("_Parsed")


class Fields(dict[str, Any]):
    """The fields of a row, or of an object in a row; errors name the file, the line and the field.

    Lines count from 1; ``prefix`` names the fields that enclose an object, such as ``question.``.
    """

    def __init__(self, values: Mapping[str, Any], path: Path, line: int, prefix: str = "") -> None:
        super().__init__(values)
        self.path, self.line, self.prefix = path, line, prefix

    def fault(self, name: str, found: Any, allowed: str, *, quoted: bool = True) -> ValueError:
        """Builds the error for a field; what was found is shown as JSON if ``quoted``."""
        text = str(found)
        if found is MISSING:
            text = "nothing"
        elif quoted:
            try:
                text = json.dumps(found, default=str)  # Parquet has dates and the like
            except RecursionError:
                text = "a value that is nested too deep"
        if len(text) > SHOWN:
            text = f"{text[: SHOWN - 3]}..."
        return ValueError(
            f"{self.path}:{self.line}: field {self.prefix}{name}: found {text}; allowed: {allowed}"
        )

    def check(self, name: str, found: Any, good: Any, allowed: str) -> None:
        """Raises the error for a field unless it is good."""
        if not good:
            raise self.fault(name, found, allowed)

    def value(self, name: str, is_good: Callable[[Any], Any], allowed: str, default: Any = MISSING) -> Any:
        """Reads a field that must be good."""
        value = self.get(name, default)
        self.check(name, value, is_good(value), allowed)
        return value

    def check_text(self, name: str, text: str) -> None:
        """Raises the error for a text that no file can hold."""
        try:
            text.encode()
        except UnicodeEncodeError:  # JSON can spell half a character
            raise self.fault(name, "a lone surrogate", "Unicode text", quoted=False) from None

    def string(self, name: str, *, filled: bool = False) -> str:
        """Reads a string, not empty if ``filled``."""
        return self._string(name, self.get(name, MISSING), filled)

    def _string(self, name: str, value: Any, filled: bool) -> str:
        allowed = "a string, not empty" if filled else "a string"
        self.check(name, value, isinstance(value, str) and (value or not filled), allowed)
        self.check_text(name, value)
        return value

    def optional_string(self, name: str) -> str | None:
        """Reads a string; None if it is null or missing."""
        return self._optional_text(name, self.get(name), "a string or null")

    def _optional_text(self, name: str, value: Any, allowed: str) -> str | None:
        self.check(name, value, value is None or isinstance(value, str), allowed)
        if value is not None:
            self.check_text(name, value)
        return value

    def required_name(self, name: str, *, filled: bool = False) -> str:
        """Reads a string, not empty if ``filled``, or a number in place of one."""
        return self._string(name, text_or_number(self.get(name, MISSING)), filled)

    def optional_name(self, name: str) -> str | None:
        """Reads a string, or a number in place of one; None if it is null or missing."""
        return self._optional_text(name, text_or_number(self.get(name)), "a string, a number or null")

    def optional_boolean(self, name: str) -> bool | None:
        """Reads true or false; None if it is null or missing."""
        return self.value(name, lambda value: isinstance(value, bool | None), "true, false or null", None)

    def optional_integer(self, name: str) -> int | None:
        """Reads an integer; None if it is null or missing."""
        value = self.get(name)
        self.check(name, value, value is None or integer(value) is not None, "an integer or null")
        return integer(value)

    def optional_number(self, name: str) -> float | None:
        """Reads a finite number; None if it is null or missing."""
        value = self.get(name)
        self.check(name, value, value is None or is_finite(value), "a finite number or null")
        return None if value is None else float(value)

    def array(self, name: str, length: int | None = None) -> list[Any]:
        """Reads an array, of ``length`` items, one per step, if that is given."""
        value = self.value(name, lambda value: isinstance(value, list), "an array")
        if length is not None and len(value) != length:
            raise self.fault(name, f"{len(value)} items", f"{length}, one per step", quoted=False)
        return value

    def texts(self, name: str, *, filled: bool = True, required: bool = True) -> tuple[str, ...]:
        """Reads an array of strings: one or more if ``required``, none empty if ``filled``."""
        values = self.array(name)
        self.check(name, values, values or not required, "one string or more")
        return tuple(self._string(f"{name}[{i}]", value, filled) for i, value in enumerate(values))

    def mapping(self, name: str) -> "Fields":
        """Reads an object."""
        return self.nested(name, self.get(name, MISSING))

    def objects(self, name: str) -> "Iterator[Fields]":
        """Reads the objects of an array one by one."""
        for i, item in enumerate(self.array(name)):
            yield self.nested(f"{name}[{i}]", item)

    def nested(self, name: str, value: Any) -> "Fields":
        """Wraps an object that is somewhere within these fields."""
        self.check(name, value, isinstance(value, dict), "an object")
        return Fields(value, self.path, self.line, f"{self.prefix}{name}.")


@dataclass(frozen=True, kw_only=True)
class ReadHooks:
    """Hooks called while reading a file."""

    aside: Callable[[bytes], object] | None = None
    """Called with each malformed line, unchanged; if None, the first one is an error."""
    dropped: Callable[[str], object] | None = None
    """Called with the kind of each row that an option of the reader drops."""
    unread: Callable[[Iterable[str]], object] | None = None
    """Called for each row with the names of its nonempty fields that the reader does not read."""
    progress: Callable[[int], object] | None = None
    """Called now and then with the number of bytes of the file read so far."""


def read_rows(
    path: str | Path,
    parse: Callable[[Fields], Iterable[_Parsed]],
    reading: ReadHooks | None = None,
    known: frozenset[str] | None = None,
) -> Iterator[_Parsed]:
    """Yields what a parser makes of the rows of a file; one row is held at a time.

    Args:
        path: the file to read.
        parse: row -> what it holds; a row that it rejects counts as not read at all.
        reading: hooks called while reading.
        known: names of the fields that the parser reads, such as ``samples[].steps``; a field is read with
            all that it holds. None means all fields.

    Raises:
        ValueError: the file is damaged, or a row is malformed and not set aside.
    """
    reading, path = reading or ReadHooks(), Path(path)
    try:
        for raw in raw_rows(path, reading.progress):
            try:
                row = _fields(path, raw)
                parsed = list(parse(row))
            except ValueError:
                if reading.aside is None:
                    raise
                reading.aside(raw.text)
                continue
            if reading.unread is not None and known is not None:
                reading.unread(set(_unread(row, "", known)))
            yield from parsed
    except DamageError as damage:
        position = Fields({}, path, damage.line)
        raise position.fault("(line)", damage.found, damage.allowed, quoted=False) from None


def _unread(row: dict[str, Any], prefix: str, known: frozenset[str]) -> Iterator[str]:
    """Yields the names of nonempty fields that are not known; those of array items count as one."""
    for name, value in row.items():
        at = prefix + name
        if at in known or value is None or value is False or value in ("", [], {}):
            continue
        inner = f"{at}[]." if isinstance(value, list) else f"{at}."
        if not any(field.startswith(inner) for field in known):
            yield at
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from _unread(item, inner, known)


def read_text(path: str | Path) -> str:
    """Reads a whole file of plain text.

    Raises:
        ValueError: it is damaged.
    """
    with Path(path).open("rb") as raw:
        try:
            return without_mark(decompressed(raw, Path(path)).read()).decode()
        except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
            raise ValueError(f"{path}: found {error}; allowed: {TEXT}") from None


def write_rows(path: str | Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes one row per line, atomically."""
    with whole(Path(path)) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file, compressed according to its name, that is put in place only once it is complete."""
    with replacing(path) as partial, partial.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as zipped:
                yield zipped  # type: ignore[misc]
        elif path.suffix == ".zst":
            with pa.CompressedOutputStream(pa.PythonFile(raw, "w"), "zstd") as zipped:
                yield zipped
        else:
            yield raw


def _fields(path: Path, raw: RawRow) -> Fields:
    row, position = raw.value, Fields({}, path, raw.line)
    if row is UNPARSED:
        try:
            row = parse_json(raw.text.decode())
        except UnicodeDecodeError as error:
            raise position.fault("(line)", str(error), TEXT, quoted=False) from None
        except (ValueError, RecursionError) as error:
            raise position.fault("(line)", f"malformed JSON ({error})", ONE_OBJECT, quoted=False) from None
    position.check("(line)", row, isinstance(row, dict), ONE_OBJECT)
    return Fields(row, path, raw.line)


def text_or_number(value: Any) -> Any:
    """Converts a number to text, a whole one without a decimal point; any other value stays unchanged."""
    if not is_finite(value):
        return value
    whole = integer(value)
    return str(value if whole is None else whole)


def integer(value: Any) -> int | None:
    """Returns an integer value as such, even if it is written as a float such as 1.0; None for others."""
    if type(value) is int:
        return value
    exact = isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT
    return int(value) if exact else None


def is_number(value: Any) -> bool:
    """Returns whether a value is a number; true and false are not, though Python counts them as integers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: Any) -> bool:
    """Returns whether a value is a number that a float can hold; NaN and infinity are not."""
    return is_number(value) and abs(value) <= sys.float_info.max


def is_probability(value: Any) -> bool:
    """Returns whether a value is a number in [0, 1]; NaN is not."""
    return is_number(value) and 0 <= value <= 1
