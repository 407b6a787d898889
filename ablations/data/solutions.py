"""Problems and their solutions, as an Arrow table.

Shape letters: R solutions in all, P problems, M solutions per problem.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

IntArray = npt.NDArray[np.int64]

SCHEMA = pa.schema(
    [
        pa.field("problem_id", pa.large_string(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        # 64-bit offsets: a million long solutions exceed the 2 GiB of text that 32-bit offsets address.
        pa.field("steps", pa.large_list(pa.field("item", pa.large_string(), nullable=False)), nullable=False),
        pa.field("answer", pa.large_string(), nullable=True),
        pa.field("finished", pa.bool_(), nullable=False),
        pa.field("final_correct", pa.bool_(), nullable=False),
    ]
)
ROW_GROUP = 65_536


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One problem."""

    problem_id: str
    text: str
    answer: str
    """Reference final answer."""


@dataclass(frozen=True, kw_only=True)
class Solution:
    """One sampled solution; a row of `Solutions`."""

    problem_id: str
    sample: int
    """Its number among the solutions of its problem, from 0."""
    steps: tuple[str, ...]
    """Texts of the steps, without separators."""
    answer: str | None
    """Final answer; None if there is none."""
    finished: bool
    """Whether it is complete; an unfinished solution can never be chosen."""
    final_correct: bool

    def __post_init__(self) -> None:
        if self.sample < 0:
            raise ValueError(f"sample: found {self.sample}; allowed: an integer >= 0")
        if self.final_correct and not self.finished:
            raise ValueError("final_correct: found True in an unfinished solution; allowed: False")


class Solutions:
    """Solutions in columns, one row per solution, the rows of one problem contiguous.

    From a Parquet file, each column is read when it is first needed, and only the chosen rows are kept.
    """

    def __init__(self, table: pa.Table) -> None:
        """Wraps a table with the columns of `SCHEMA`; string and list widths may differ.

        Raises:
            ValueError: a column is missing, has another type or nulls, or a problem's rows are separated.
        """
        _check_columns(table.schema)
        for name in SCHEMA.names:
            if name != "answer" and table.column(name).null_count:
                raise ValueError(f"{name}: found {table.column(name).null_count} nulls; allowed: none")
        table = table.select(SCHEMA.names).cast(SCHEMA)
        self._loaded: dict[str, pa.ChunkedArray] = {name: table.column(name) for name in SCHEMA.names}
        self._source: Path | None = None
        self._rows: IntArray | None = None
        self._length: int = table.num_rows
        assert len(self.problem_index) == self._length  # computing it checks the grouping

    @classmethod
    def from_rows(cls, rows: Iterable[Solution]) -> "Solutions":
        """Builds the table from single solutions, grouped by problem."""
        rows = list(rows)
        columns = {name: [getattr(row, name) for row in rows] for name in SCHEMA.names}
        return cls(pa.table(columns, schema=SCHEMA))

    @classmethod
    def read(cls, path: str | Path) -> "Solutions":
        """Opens a Parquet file; its columns are read on demand.

        Raises:
            ValueError: a column of `SCHEMA` is missing or has another type.
        """
        metadata = pq.read_metadata(path)
        _check_columns(pq.read_schema(path), where=f"{path}: ")
        return cls._lazy(Path(path), None, metadata.num_rows, {})

    @classmethod
    def _lazy(
        cls, source: Path | None, rows: IntArray | None, length: int, loaded: dict[str, pa.ChunkedArray]
    ) -> "Solutions":
        new = cls.__new__(cls)
        new._loaded, new._source, new._rows, new._length = loaded, source, rows, length
        return new

    def write(self, path: str | Path) -> None:
        """Writes a Parquet file."""
        self.write_parts(path, [self])

    @staticmethod
    def write_parts(path: str | Path, parts: Iterable["Solutions"]) -> None:
        """Writes tables one after the other into one Parquet file, holding one part at a time."""
        with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
            for part in parts:
                writer.write_table(part.table, row_group_size=ROW_GROUP)

    def __len__(self) -> int:
        return self._length

    def row(self, i: int) -> Solution:
        """Returns one solution by its row number."""
        fields = {name: self.column(name)[i].as_py() for name in SCHEMA.names}
        return Solution(**{**fields, "steps": tuple(fields["steps"])})

    def column(self, name: str) -> pa.ChunkedArray:
        """Returns one column, read from the file at the first call."""
        if name not in self._loaded:
            assert self._source is not None
            self._loaded[name] = _read_rows(self._source, name, self._rows)
        return self._loaded[name]

    @property
    def table(self) -> pa.Table:
        """All columns."""
        return pa.table([self.column(name) for name in SCHEMA.names], schema=SCHEMA)

    def take(self, idx: Sequence[int] | npt.NDArray[np.integer]) -> "Solutions":
        """Returns chosen rows, 0..R-1, in the given order; rows may repeat.

        Raises:
            ValueError: a number is out of range, or a problem's rows would no longer be contiguous.
        """
        chosen = np.asarray(idx, dtype=np.int64).reshape(-1)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= len(self)):
            raise ValueError(f"idx: found {chosen.min()} to {chosen.max()}; allowed: 0 to {len(self) - 1}")
        _first_appearance(self.problem_index[chosen])
        rows = None
        if self._source is not None:
            rows = chosen if self._rows is None else self._rows[chosen]
        loaded = {name: column.take(pa.array(chosen)) for name, column in self._loaded.items()}
        return self._lazy(self._source, rows, len(chosen), loaded)

    @property
    def sample(self) -> npt.NDArray[np.int32]:
        """int32 [R]: number of each solution among those of its problem."""
        return self.column("sample").to_numpy()

    @property
    def finished(self) -> npt.NDArray[np.bool_]:
        """bool [R]: whether each solution is complete."""
        return self.column("finished").to_numpy()

    @property
    def final_correct(self) -> npt.NDArray[np.bool_]:
        """bool [R]: whether each final answer is right."""
        return self.column("final_correct").to_numpy()

    @cached_property
    def answer_code(self) -> npt.NDArray[np.int32]:
        """int32 [R]: equal answer texts have equal codes; -1 = no answer, or a blank one."""
        encoded = self.column("answer").combine_chunks().dictionary_encode()
        code = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        blank = [i for i, answer in enumerate(encoded.dictionary.to_pylist()) if not answer.strip()]
        code[np.isin(code, blank)] = -1
        return code

    @cached_property
    def n_steps(self) -> npt.NDArray[np.int32]:
        """int32 [R]: number of steps, counted without keeping the texts."""
        counts = [pc.list_value_length(batch.column("steps")) for batch in self._batches(["steps"])]
        return np.concatenate([np.zeros(0), *(count.to_numpy() for count in counts)]).astype(np.int32)

    @cached_property
    def _problems(self) -> tuple[npt.NDArray[np.int32], list[str]]:
        encoded = self.column("problem_id").combine_chunks().dictionary_encode()
        index, order = _first_appearance(encoded.indices.to_numpy())
        return index, encoded.dictionary.take(pa.array(order)).to_pylist()

    @property
    def problem_index(self) -> npt.NDArray[np.int32]:
        """int32 [R]: 0..P-1, problems numbered in order of first appearance."""
        return self._problems[0]

    @property
    def problem_ids(self) -> list[str]:
        """Ids of the P problems, in order of first appearance."""
        return self._problems[1]

    def per_problem(self, values_R: npt.NDArray) -> npt.NDArray:
        """Folds values of the rows, [R, ...], into one row per problem, [P, M, ...].

        Raises:
            ValueError: there is not one value per row, or the problems have unequal numbers of solutions.
        """
        counts = self.counts
        if len(values_R) != len(self):
            raise ValueError(f"values: found {len(values_R)} rows; allowed: {len(self)}, one per solution")
        if len(counts) == 0 or counts.min() != counts.max():
            found = f"{counts.min()} to {counts.max()}" if len(counts) else "none"
            raise ValueError(f"solutions per problem: found {found}; allowed: the same number for each")
        return values_R.reshape(len(counts), int(counts[0]), *values_R.shape[1:])

    @property
    def counts(self) -> IntArray:
        """int64 [P]: number of solutions per problem."""
        return np.bincount(self.problem_index).astype(np.int64)

    def content_hash(self) -> str:
        """Hashes problem ids and step texts in row order, regardless of chunks and file: sha256 in hex."""
        # Separate streams of lengths and texts, so that no two different tables give the same bytes.
        streams = [hashlib.sha256() for _ in range(5)]
        for batch in self._batches(["problem_id", "steps"]):
            ids, texts = _text_bytes(batch.column("problem_id")), _text_bytes(batch.column("steps").flatten())
            counts = pc.list_value_length(batch.column("steps")).to_numpy().astype("<i8")
            for stream, part in zip(streams, (*ids, counts, *texts), strict=True):
                stream.update(part)
        return hashlib.sha256(b"".join(stream.digest() for stream in streams)).hexdigest()

    def distinct(self) -> int:
        """Returns the number of distinct pairs of problem and steps."""
        digests: set[bytes] = set()  # not the texts, which may not fit in memory
        for batch in self._batches(["problem_id", "steps"]):
            for solution in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                digests.add(hashlib.blake2b(repr(solution).encode(), digest_size=16).digest())
        return len(digests)

    def _batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        """Yields row batches of some columns, straight from the file where nothing is loaded or chosen."""
        if self._source is not None and self._rows is None and not all(n in self._loaded for n in names):
            with pq.ParquetFile(self._source) as file:
                schema = pa.schema([SCHEMA.field(name) for name in names])
                for batch in file.iter_batches(batch_size=ROW_GROUP, columns=names):
                    yield from pa.table(batch).select(names).cast(schema).to_batches()
        else:
            table = pa.table({name: self.column(name) for name in names})
            yield from table.to_batches(max_chunksize=ROW_GROUP)


def _check_columns(schema: pa.Schema, where: str = "") -> None:
    for field in SCHEMA:
        if field.name not in schema.names:
            raise ValueError(f"{where}{field.name}: found no such column; allowed: {', '.join(SCHEMA.names)}")
        found = schema.field(field.name).type
        if _wide(found) != _wide(field.type):
            raise ValueError(f"{where}{field.name}: found type {found}; allowed: {field.type}")


def _wide(kind: pa.DataType) -> str:
    """Returns a type's name without the width of its offsets."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{_wide(kind.value_type)}>"
    return "string" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else str(kind)


def _first_appearance(code: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int32], IntArray]:
    """Renumbers codes of contiguous groups as 0, 1, ... and returns the codes in that order."""
    start = np.concatenate([np.ones(min(len(code), 1), bool), code[1:] != code[:-1]])
    order = code[start].astype(np.int64)
    if len(np.unique(order)) != len(order):
        raise ValueError("problem_id: found separated rows of one problem; allowed: contiguous ones")
    return (np.cumsum(start) - 1).astype(np.int32), order


def _read_rows(path: Path, name: str, rows: IntArray | None) -> pa.ChunkedArray:
    """Reads a column of a Parquet file; with `rows`, holds one row group at a time plus the chosen rows."""
    kind = SCHEMA.field(name).type
    if rows is None:
        return pq.read_table(path, columns=[name]).column(name).cast(kind)
    order = np.argsort(rows, kind="stable")
    ascending = rows[order]
    chunks, start = [], 0
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            low, high = np.searchsorted(ascending, [start, stop])
            if high > low:
                column = file.read_row_group(group, columns=[name]).column(name)
                chunks.append(column.take(pa.array(ascending[low:high] - start)).cast(kind).combine_chunks())
            start = stop
    column = pa.chunked_array(chunks, type=kind)
    return column if np.array_equal(rows, ascending) else column.take(pa.array(np.argsort(order)))


def _text_bytes(array: pa.Array) -> tuple[IntArray, memoryview]:
    """Returns byte lengths of the texts of a large_string array, and all its bytes without copying them."""
    if len(array) == 0:
        return np.zeros(0, "<i8"), memoryview(b"")
    _, offsets_buffer, data = array.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    text = memoryview(data)[offsets[0] : offsets[-1]] if data is not None else memoryview(b"")
    return np.diff(offsets).astype("<i8", copy=False), text
