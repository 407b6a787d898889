"""Rows of different lengths in one flat array."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True, kw_only=True, eq=False)
class Ragged:
    """R rows of different lengths over one array."""

    values: npt.NDArray
    """[total, ...]: the rows one after the other."""
    offsets: npt.NDArray[np.int64]
    """int64 [R+1]: row i is values[offsets[i]:offsets[i+1]]."""

    def __post_init__(self) -> None:
        offsets = self.offsets
        if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) == 0:
            raise ValueError(f"offsets: found {offsets.dtype} {offsets.shape}; allowed: int64 [R+1]")
        if offsets[0] != 0 or offsets[-1] != len(self.values) or (np.diff(offsets) < 0).any():
            raise ValueError(
                f"offsets: found {offsets[0]} to {offsets[-1]}; "
                f"allowed: never falling, from 0 to the number of values ({len(self.values)})"
            )

    @classmethod
    def from_rows(cls, rows: Sequence[npt.ArrayLike], dtype: npt.DTypeLike = np.float64) -> "Ragged":
        """Builds from single rows; empty rows are allowed."""
        arrays = [np.asarray(row, dtype=dtype) for row in rows]
        filled = [row for row in arrays if len(row)]
        values = np.concatenate(filled) if filled else np.zeros(0, dtype)
        return cls.from_lengths(values, np.array([len(row) for row in arrays], dtype=np.int64))

    @classmethod
    def from_lengths(cls, values: npt.NDArray, lengths: npt.NDArray[np.integer]) -> "Ragged":
        """Cuts a flat array into rows of the given lengths."""
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(values=values, offsets=offsets)

    @classmethod
    def concatenate(cls, parts: "Sequence[Ragged]") -> "Ragged":
        """Concatenates the rows of one or more arrays."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls.from_lengths(np.concatenate([part.values for part in parts]), lengths)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """int64 [R]: number of values in each row."""
        return np.diff(self.offsets)

    @property
    def row_index(self) -> npt.NDArray[np.int64]:
        """int64 [total]: the row of each value."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def row(self, i: int) -> npt.NDArray:
        """Returns row i as a view; negative numbers count from the end."""
        i = range(len(self))[i]
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    def take(self, idx: Sequence[int] | npt.NDArray[np.integer]) -> "Ragged":
        """Returns chosen rows in the given order; consecutive rows are a view of the values.

        Raises:
            ValueError: a number is outside 0..R-1.
        """
        chosen = np.asarray(idx, dtype=np.int64).reshape(-1)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= len(self)):
            raise ValueError(f"idx: found {chosen.min()} to {chosen.max()}; allowed: 0 to {len(self) - 1}")
        if chosen.size and chosen[-1] - chosen[0] == len(chosen) - 1 and (np.diff(chosen) == 1).all():
            offsets = self.offsets[chosen[0] : chosen[-1] + 2]
            return Ragged(values=self.values[offsets[0] : offsets[-1]], offsets=offsets - offsets[0])
        lengths = self.lengths[chosen]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        gather = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], lengths)
        return Ragged(values=self.values[gather], offsets=offsets)

    def up_to_first(self, flag: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Marks each row's values up to its first flagged one, inclusive; all if none is flagged.

        Both ``flag`` and the result are bool [total].
        """
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(flag)])  # flags before each flat position
        return before[:-1] == np.repeat(before[self.offsets[:-1]], self.lengths)

    def reduce(self, ufunc: np.ufunc, empty: float) -> npt.NDArray:
        """Folds each row of one-dimensional values with a binary ufunc such as np.add: float64 [R].

        ``empty`` is the result for a row without values; `ufunc.reduceat` would give the next row's first.
        """
        result = np.full(len(self), empty, np.float64)
        filled = self.lengths > 0
        if filled.any():  # starts of non-empty rows rise strictly, as `reduceat` needs
            result[filled] = ufunc.reduceat(self.values, self.offsets[:-1][filled])
        return result

    def to_arrow(self) -> pa.LargeListArray:
        """Returns a list array over the same memory; the values must be one-dimensional."""
        values = np.ascontiguousarray(self.values)
        return pa.LargeListArray.from_arrays(pa.array(self.offsets), pa.array(values))

    @classmethod
    def from_arrow(cls, column: pa.Array | pa.ChunkedArray) -> "Ragged":
        """Builds from a list array of numbers without nulls; no copy if it is one chunk.

        Raises:
            ValueError: a row or a value is null.
        """
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        flat = array.flatten()
        if array.null_count or flat.null_count:
            raise ValueError(f"list column: found {array.null_count + flat.null_count} nulls; allowed: none")
        offsets = array.offsets.to_numpy().astype(np.int64, copy=False)
        return cls(values=flat.to_numpy(), offsets=offsets - offsets[0])
