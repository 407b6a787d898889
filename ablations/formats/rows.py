"""Rows in all formats: read from any container, with errors by line and field, and written atomically.

`raw_rows` says which files are read; output is JSON Lines, compressed according to the file's name. An error
is a `ValueError` of the form `FILE:LINE: field NAME: found X; allowed: Y`.
"""

import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import pyarrow as pa

from ablations.formats.raw_rows import (
    ONE_OBJECT,
    TEXT,
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
_Found = TypeVar("_Found")


@dataclass(frozen=True, kw_only=True)
class Where:
    path: Path
    """File."""
    line: int
    """Line number from 1."""


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
    parse: Callable[[Where, dict[str, Any]], Iterable[_Found]],
    reading: ReadHooks | None = None,
    known: frozenset[str] | None = None,
) -> Iterator[_Found]:
    """Yields what a parser finds in the rows of a file; one row is held at a time.

    Args:
        path: the file to read.
        parse: (position, row) -> what it finds; a row that it rejects counts as not read at all.
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
                where = Where(path=path, line=raw.line)
                row = _row(where, raw)
                found = list(parse(where, row))
            except ValueError:
                if reading.aside is None:
                    raise
                reading.aside(raw.text)
                continue
            if reading.unread is not None and known is not None:
                reading.unread(set(_unread(row, "", known)))
            yield from found
    except DamageError as damage:
        where = Where(path=path, line=damage.line)
        raise fault(where, "(line)", damage.found, damage.allowed, quoted=False) from None


def _unread(row: dict[str, Any], of: str, known: frozenset[str]) -> Iterator[str]:
    """Yields the names of nonempty fields that are not known; those of array items count as one."""
    for name, value in row.items():
        at = of + name
        if at in known or value is None or value is False or value in ("", [], {}):
            continue
        inner = f"{at}[]." if isinstance(value, list) else f"{at}."
        if not any(one.startswith(inner) for one in known):
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


def _row(where: Where, raw: RawRow) -> dict[str, Any]:
    row = raw.value
    if not raw.parsed:
        try:
            row = parse_json(raw.text.decode())
        except UnicodeDecodeError as error:
            raise fault(where, "(line)", str(error), TEXT, quoted=False) from None
        except (ValueError, RecursionError) as error:
            raise fault(where, "(line)", f"malformed JSON ({error})", ONE_OBJECT, quoted=False) from None
    check(where, "(line)", row, isinstance(row, dict), ONE_OBJECT)
    return row


def fault(where: Where, field: str, found: Any, allowed: str, *, quoted: bool = True) -> ValueError:
    """Builds the error for a field; what was found is shown as JSON if ``quoted``."""
    text = str(found)
    if found is MISSING:
        text = "nothing"
    elif quoted:
        text = _shown(found)
    if len(text) > SHOWN:
        text = f"{text[: SHOWN - 3]}..."
    return ValueError(f"{where.path}:{where.line}: field {field}: found {text}; allowed: {allowed}")


def _shown(found: Any) -> str:
    try:
        return json.dumps(found, default=str)  # Parquet has dates and the like
    except RecursionError:
        return "a value that is nested too deep"


def check(where: Where, field: str, found: Any, good: Any, allowed: str) -> None:
    """Raises the error for a field unless it is good."""
    if not good:
        raise fault(where, field, found, allowed)


def check_text(where: Where, field: str, text: str) -> None:
    """Raises the error for a text that no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can spell half a character
        raise fault(where, field, "a lone surrogate", "Unicode text", quoted=False) from None


def string(where: Where, row: dict[str, Any], name: str, of: str = "", *, filled: bool = False) -> str:
    """Reads a field that is a string, not empty if ``filled``; ``of`` is its row's place in the line."""
    value = row.get(name, MISSING)
    allowed = "a string, not empty" if filled else "a string"
    check(where, of + name, value, isinstance(value, str) and (value or not filled), allowed)
    check_text(where, of + name, value)
    return value


def optional_string(where: Where, row: dict[str, Any], name: str, of: str = "") -> str | None:
    """Reads a field that is a string, null or missing."""
    value = row.get(name)
    check(where, of + name, value, value is None or isinstance(value, str), "a string or null")
    if value is not None:
        check_text(where, of + name, value)
    return value


def text_or_number(value: Any) -> Any:
    """Converts a number to text, a whole one without a decimal point; any other value stays unchanged."""
    if not is_finite(value):
        return value
    whole = integer(value)
    return str(value if whole is None else whole)


def optional_name(where: Where, row: dict[str, Any], name: str, of: str = "") -> str | None:
    """Reads a field that is a string, a number in place of one, null or missing."""
    value = text_or_number(row.get(name))
    good = value is None or isinstance(value, str)
    check(where, of + name, value, good, "a string, a number or null")
    if value is not None:
        check_text(where, of + name, value)
    return value


def required_name(where: Where, row: dict[str, Any], name: str, of: str = "", *, filled: bool = False) -> str:
    """Reads a field that is a string, not empty if ``filled``, or a number in place of one."""
    return string(where, {name: text_or_number(row.get(name, MISSING))}, name, of, filled=filled)


def optional_boolean(where: Where, row: dict[str, Any], name: str, of: str = "") -> bool | None:
    """Reads a field that is true, false, null or missing."""
    value = row.get(name)
    check(where, of + name, value, value is None or isinstance(value, bool), "true, false or null")
    return value


def optional_integer(where: Where, row: dict[str, Any], name: str, of: str = "") -> int | None:
    """Reads a field that is an integer, null or missing."""
    value = row.get(name)
    whole = integer(value)
    check(where, of + name, value, value is None or whole is not None, "an integer or null")
    return whole


def integer(value: Any) -> int | None:
    """Returns an integer value as such, even if it is written as a float such as 1.0; None for others."""
    if type(value) is int:
        return value
    exact = isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT
    return int(value) if exact else None


def optional_number(where: Where, row: dict[str, Any], name: str, of: str = "") -> float | None:
    """Reads a field that is a finite number, null or missing."""
    value = row.get(name)
    if value is None:
        return None
    check(where, of + name, value, is_finite(value), "a finite number or null")
    return float(value)


def is_number(value: Any) -> bool:
    """Returns whether a value is a number; true and false are not, though Python counts them as integers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: Any) -> bool:
    """Returns whether a value is a number that a float can hold; NaN and infinity are not."""
    return is_number(value) and abs(value) <= sys.float_info.max


def is_probability(value: Any) -> bool:
    """Returns whether a value is a number in [0, 1]; NaN is not."""
    return is_number(value) and 0 <= value <= 1


def array(where: Where, row: dict[str, Any], name: str, of: str = "", length: int | None = None) -> list[Any]:
    """Reads a field that is an array, with ``length`` items, one per step, if that is given."""
    value = row.get(name, MISSING)
    check(where, of + name, value, isinstance(value, list), "an array")
    if length is not None and len(value) != length:
        raise fault(where, of + name, f"{len(value)} items", f"{length}, one per step", quoted=False)
    return value


def mapping(where: Where, row: dict[str, Any], name: str, of: str = "") -> dict[str, Any]:
    """Reads a field that is an object."""
    value = row.get(name, MISSING)
    check(where, of + name, value, isinstance(value, dict), "an object")
    return value


def texts(
    where: Where, row: dict[str, Any], name: str, of: str = "", *, filled: bool = True, some: bool = True
) -> tuple[str, ...]:
    """Reads a field that is an array of strings: one or more if ``some``, none empty if ``filled``."""
    values = array(where, row, name, of)
    check(where, of + name, values, values or not some, "one string or more")
    allowed = "a string, not empty" if filled else "a string"
    for i, value in enumerate(values):
        check(where, f"{of}{name}[{i}]", value, isinstance(value, str) and (value or not filled), allowed)
        check_text(where, f"{of}{name}[{i}]", value)
    return tuple(values)
