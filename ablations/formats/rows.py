"""Rows of JSON Lines as all formats share them: compressed by name, faults by line and field, written whole.

A file whose name ends in `.gz` is gzipped, in `.zst` compressed with zstd; any other is plain. Blank lines
are skipped. A fault is a `ValueError` of the form `FILE:LINE: field NAME: found X; allowed: Y`.
"""

import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import pyarrow as pa

from results.writing import replacing

MISSING: Any = object()
"""What a field that is not there is found as."""
SHOWN = 80
"""Characters of a value that a fault shows."""
_TOLD_EVERY = 100
_TEXT = "UTF-8 text, gzipped if the name ends in .gz, of zstd if in .zst"
_Found = TypeVar("_Found")


@dataclass(frozen=True, kw_only=True)
class Where:
    path: Path
    """File."""
    line: int
    """Line number from 1."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is done beside reading a file."""

    aside: Callable[[bytes], object] | None = None
    """Given each line that is malformed, untouched; None: the first one is an error."""
    dropped: Callable[[str], object] | None = None
    """Given the kind of each row that an option of the reader drops."""
    progress: Callable[[int], object] | None = None
    """Given the number of bytes of the file that have been read, now and then."""


def read_rows(
    path: str | Path,
    parse: Callable[[Where, dict[str, Any]], Iterable[_Found]],
    reading: Reading | None = None,
) -> Iterator[_Found]:
    """What a parser finds in the rows of a file; one row is held at a time.

    Args:
        path: of the file.
        parse: takes a row and where it stands; a row that it refuses counts as not read at all.
        reading: what is done beside it.

    Raises:
        ValueError: the file is damaged, or a row is malformed and not set aside.
    """
    reading = reading or Reading()
    for where, line in _lines(Path(path), reading.progress):
        try:
            found = list(parse(where, _row(where, line)))
        except ValueError:
            if reading.aside is None:
                raise
            reading.aside(line)
            continue
        yield from found


def read_text(path: str | Path) -> str:
    """All of a file of plain text.

    Raises:
        ValueError: it is damaged.
    """
    with Path(path).open("rb") as raw:
        try:
            return _plain(raw, Path(path)).read().decode()
        except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: found {error}; allowed: {_TEXT}") from None


def write_rows(path: str | Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes a row a line, whole or not at all."""
    with whole(Path(path)) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, compressed by its name, that takes its place once all has gone well."""
    with replacing(path) as partial, partial.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as zipped:
                yield zipped  # type: ignore[misc]
        elif path.suffix == ".zst":
            with pa.CompressedOutputStream(pa.PythonFile(raw, "w"), "zstd") as zipped:
                yield zipped
        else:
            yield raw


def _lines(path: Path, progress: Callable[[int], object] | None) -> Iterator[tuple[Where, bytes]]:
    """The lines that are not blank, each with its end."""
    number = 0
    with path.open("rb") as raw:
        try:
            for number, line in enumerate(_plain(raw, path), 1):
                if progress is not None and number % _TOLD_EVERY == 0:
                    progress(raw.tell())
                if line.strip():
                    yield Where(path=path, line=number), line
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise fault(
                Where(path=path, line=number + 1), "(line)", str(error), _TEXT, quoted=False
            ) from None
    if progress is not None:
        progress(path.stat().st_size)


def _plain(raw: IO[bytes], path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if path.suffix == ".zst":
        return io.BufferedReader(_Zstd(raw))
    return raw


class _Zstd(io.RawIOBase):
    """Decompresses zstd; pyarrow tells damage as a plain OSError, which a disk's fault is too."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._stream = pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except OSError as error:
            if error.errno is not None:
                raise
            raise zlib.error(str(error)) from None
        buffer[: len(data)] = data
        return len(data)


def _row(where: Where, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise fault(where, "(line)", str(error), _TEXT, quoted=False) from None
    except (ValueError, RecursionError) as error:
        message = f"malformed JSON ({error})"
        raise fault(where, "(line)", message, "one JSON object", quoted=False) from None
    check(where, "(line)", row, isinstance(row, dict), "one JSON object")
    return row


def fault(where: Where, field: str, found: Any, allowed: str, *, quoted: bool = True) -> ValueError:
    """The error to raise of a field; what was found is shown as JSON unless it is words of ours."""
    text = json.dumps(found) if quoted and found is not MISSING else str(found)
    if found is MISSING:
        text = "nothing"
    if len(text) > SHOWN:
        text = f"{text[: SHOWN - 3]}..."
    return ValueError(f"{where.path}:{where.line}: field {field}: found {text}; allowed: {allowed}")


def check(where: Where, field: str, found: Any, good: Any, allowed: str) -> None:
    """Raises the fault of a field unless it is good."""
    if not good:
        raise fault(where, field, found, allowed)


def check_text(where: Where, field: str, text: str) -> None:
    """Raises the fault of a text that no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can spell half a character
        raise fault(where, field, "a lone surrogate", "Unicode text", quoted=False) from None


def string(where: Where, row: dict[str, Any], name: str, of: str = "", *, filled: bool = False) -> str:
    """A field that is a string, if so asked not an empty one; `of` is where its row stands in the line."""
    value = row.get(name, MISSING)
    allowed = "a string, not empty" if filled else "a string"
    check(where, of + name, value, isinstance(value, str) and (value or not filled), allowed)
    check_text(where, of + name, value)
    return value


def optional_string(where: Where, row: dict[str, Any], name: str, of: str = "") -> str | None:
    """A field that is a string, or null or not there."""
    value = row.get(name)
    check(where, of + name, value, value is None or isinstance(value, str), "a string or null")
    if value is not None:
        check_text(where, of + name, value)
    return value


def optional_boolean(where: Where, row: dict[str, Any], name: str, of: str = "") -> bool | None:
    """A field that is true or false, or null or not there."""
    value = row.get(name)
    check(where, of + name, value, value is None or isinstance(value, bool), "true, false or null")
    return value


def optional_integer(where: Where, row: dict[str, Any], name: str, of: str = "") -> int | None:
    """A field that is an integer, or null or not there."""
    value = row.get(name)
    check(where, of + name, value, value is None or type(value) is int, "an integer or null")
    return value


def optional_number(where: Where, row: dict[str, Any], name: str, of: str = "") -> float | None:
    """A field that is a finite number, or null or not there."""
    value = row.get(name)
    if value is None:
        return None
    finite = is_number(value) and abs(value) <= sys.float_info.max
    check(where, of + name, value, finite, "a finite number or null")
    return float(value)


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none, though Python counts them among the integers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_probability(value: Any) -> bool:
    """Whether a value is a number in [0, 1]; NaN is none."""
    return is_number(value) and 0 <= value <= 1


def array(where: Where, row: dict[str, Any], name: str, of: str = "", length: int | None = None) -> list[Any]:
    """A field that is an array, if so asked of as many items as there are steps."""
    value = row.get(name, MISSING)
    check(where, of + name, value, isinstance(value, list), "an array")
    if length is not None and len(value) != length:
        raise fault(where, of + name, f"{len(value)} items", f"{length}, one a step", quoted=False)
    return value


def mapping(where: Where, row: dict[str, Any], name: str, of: str = "") -> dict[str, Any]:
    """A field that is an object."""
    value = row.get(name, MISSING)
    check(where, of + name, value, isinstance(value, dict), "an object")
    return value


def texts(
    where: Where, row: dict[str, Any], name: str, of: str = "", *, filled: bool = True
) -> tuple[str, ...]:
    """A field that is an array of strings, unless so asked none of them empty."""
    values = array(where, row, name, of)
    allowed = "a string, not empty" if filled else "a string"
    for i, value in enumerate(values):
        check(where, f"{of}{name}[{i}]", value, isinstance(value, str) and (value or not filled), allowed)
        check_text(where, f"{of}{name}[{i}]", value)
    return tuple(values)
