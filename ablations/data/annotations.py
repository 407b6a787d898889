"""Step ratings of some solutions by an annotator, either human or of the embedded world."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

RATING_VALUES = (1, 0, -1, None)


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """Ratings of the steps of K solutions."""

    rows: npt.NDArray[np.int64]
    """[K]: row of each solution in the samples; no row twice."""
    ratings: list[list[int | None]]
    """K lists, one rating per step: 1 right, 0 neutral, -1 wrong, None unrated (as after the first error)."""

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.ratings):
            raise ValueError(f"ratings: found {len(self.ratings)} solutions; allowed: {len(self.rows)}")
        rows, counts = np.unique(self.rows, return_counts=True)
        if (counts > 1).any():
            raise ValueError(f"rows: found row {rows[counts > 1][0]} rated twice; allowed: each once")
        for row, ratings in zip(self.rows.tolist(), self.ratings, strict=True):
            for rating in ratings:
                if rating not in RATING_VALUES:
                    raise ValueError(f"ratings of row {row}: found {rating}; allowed: 1, 0, -1 or null")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def rated_steps(self) -> int:
        """Number of steps that have a rating."""
        return sum(rating is not None for ratings in self.ratings for rating in ratings)

    @property
    def right_steps(self) -> int:
        """Number of steps rated right or neutral, which counts as right."""
        return sum(rating is not None and rating >= 0 for ratings in self.ratings for rating in ratings)

    @classmethod
    def join(cls, parts: "Sequence[Annotations]") -> "Annotations":
        """Joins several annotations into one, in the order of the samples.

        Raises:
            ValueError: two of them rate the same solution.
        """
        rows = np.concatenate([np.zeros(0, np.int64), *(part.rows for part in parts)])
        ratings = [ratings for part in parts for ratings in part.ratings]
        order = np.argsort(rows, kind="stable")
        return cls(rows=rows[order], ratings=[ratings[i] for i in order])

    @staticmethod
    def file(folder: Path) -> Path:
        """Returns the path of the file in an artifact's folder."""
        return folder / "annotations.parquet"

    def write(self, folder: Path) -> None:
        """Writes a Parquet file with the columns ``row`` and ``rating``."""
        ratings = pa.array(self.ratings, type=pa.list_(pa.int8()))
        pq.write_table(pa.table({"row": pa.array(self.rows), "rating": ratings}), self.file(folder))

    @classmethod
    def read(cls, folder: Path) -> "Annotations":
        """Reads what ``write`` wrote."""
        table = pq.read_table(cls.file(folder))
        return cls(rows=table["row"].to_numpy(), ratings=table["rating"].to_pylist())
