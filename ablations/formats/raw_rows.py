"""Rows of a file before they are checked: JSON Lines, one JSON array, or Parquet.

A file whose name ends in `.parquet` is Parquet; its rows count from 1. Any other is UTF-8 text, gzipped if
its name ends in `.gz`, compressed with zstd if in `.zst`; a byte order mark is skipped. Text whose first
character is `[` is one array, which is held in memory as text; all other text has one JSON value per line.
"""

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

TEXT = "UTF-8 text, gzipped if the name ends in .gz, of zstd if in .zst"
ONE_OBJECT = "one JSON object per line, or a file that is one JSON array of objects"
PARQUET = ".parquet"
_REPORT_EVERY = 100
_BATCH = 1024
"""Rows of a Parquet file held in memory at a time."""
_UTF_8, _UTF_16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
UNPARSED: Any = object()
"""Stand-in for the value of a row that is not parsed yet."""


@dataclass
class DamageError(Exception):
    """Error for a file whose rest cannot be read."""

    line: int
    """Line or row number from 1."""
    found: str
    allowed: str


@dataclass(frozen=True, kw_only=True)
class RawRow:
    """A row that is not necessarily an object."""

    line: int
    """Number of the line where it begins, or of the row in a Parquet file, from 1."""
    text: bytes
    """The line with its line break; for an array or a Parquet file, the row as one line of JSON."""
    value: Any = UNPARSED
    """Parsed value, if it is known already."""


def raw_rows(path: Path, progress: Callable[[int], object] | None) -> Iterator[RawRow]:
    """Yields the rows of a file, without blank lines.

    Args:
        path: the file to read.
        progress: called now and then with the number of bytes read so far.

    Raises:
        DamageError: the file is damaged.
    """
    if path.suffix == PARQUET:
        yield from _parquet(path, progress)
    else:
        yield from _text(path, progress)
    if progress is not None:
        progress(path.stat().st_size)


def parse_json(text: str) -> Any:
    """Parses a JSON text.

    Raises:
        ValueError: it is malformed, or an object has a key twice.
        RecursionError: it is nested too deeply.
    """
    return _DECODER.decode(text)


def decompressed(raw: IO[bytes], path: Path) -> IO[bytes]:
    """Returns a file's content, decompressed according to its name."""
    if path.suffix == ".gz":
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if path.suffix == ".zst":
        return io.BufferedReader(_Zstd(raw))
    return raw


def without_mark(start: bytes) -> bytes:
    """Removes UTF-8's byte order mark from the first bytes of a file.

    Raises:
        ValueError: the text is UTF-16.
    """
    if start.startswith(_UTF_16) or (start[:1] in (b"{", b"[") and start[1:2] == b"\0"):
        raise ValueError("UTF-16 text")
    return start.removeprefix(_UTF_8)


def _text(path: Path, progress: Callable[[int], object] | None) -> Iterator[RawRow]:
    number, seen = 0, False
    with path.open("rb") as raw:
        try:
            stream = decompressed(raw, path)
            for number, line in enumerate(stream, 1):
                if number == 1:
                    line = without_mark(line)
                if progress is not None and number % _REPORT_EVERY == 0:
                    progress(raw.tell())
                if not seen and line.lstrip().startswith(b"["):
                    yield from _array(line + stream.read(), number)
                    return
                if line.strip():
                    seen = True
                    yield RawRow(line=number, text=line)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DamageError(number + 1, str(error), TEXT) from None
        except ValueError as error:
            raise DamageError(max(number, 1), str(error), TEXT) from None


def _array(content: bytes, first: int) -> Iterator[RawRow]:
    """Yields the items of a JSON array that begins on a given line."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = first + content.count(b"\n", 0, error.start)
        raise DamageError(line, str(error), TEXT) from None
    at, line, counted = _after_space(text, text.index("[") + 1), first, 0
    ended = text[at : at + 1] == "]"
    while not ended:
        at = _after_space(text, at)
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = _DECODER.raw_decode(text, at)
            after = _after_space(text, end)
            if text[after : after + 1] not in (",", "]"):
                raise json.JSONDecodeError("Expecting ',' delimiter", text, after)
        except json.JSONDecodeError as error:
            fault_line = first + text.count("\n", 0, error.pos)
            raise DamageError(fault_line, f"malformed JSON ({error.msg})", ONE_OBJECT) from None
        except (ValueError, RecursionError) as error:
            raise DamageError(line, f"malformed JSON ({error})", ONE_OBJECT) from None
        item = text[at:end].replace("\r", " ").replace("\n", " ").encode() + b"\n"
        yield RawRow(line=line, text=item, value=value)
        ended = text[after] == "]"
        at = after if ended else after + 1
    rest = _after_space(text, at + 1)
    if rest != len(text):
        found = "malformed JSON (text after the end of the array)"
        raise DamageError(first + text.count("\n", 0, rest), found, ONE_OBJECT)


def _after_space(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\n", "\r", "\t"):
        at += 1
    return at


def _parquet(path: Path, progress: Callable[[int], object] | None) -> Iterator[RawRow]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            size, count = path.stat().st_size, file.metadata.num_rows
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist(maps_as_pydicts="strict"):
                    number += 1
                    line = json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n"
                    yield RawRow(line=number, text=line, value=row)
                if progress is not None:
                    progress(size * number // count)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamageError(number + 1, str(error).split("\n")[0], "a Parquet file") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {json.dumps(twice)} twice in one object")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


class _Zstd(io.RawIOBase):
    """Stream that decompresses zstd; pyarrow reports damage as a plain OSError, like a disk failure."""

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
