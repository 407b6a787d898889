"""Class probabilities of the steps of solutions, in the solutions' row order.

Shape letters: R solutions in all, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ablations.data.ragged import Ragged

ROW_GROUP = 65_536


@dataclass(frozen=True, kw_only=True)
class StepScores:
    """Class probabilities of the steps of R solutions, in the solutions' row order."""

    prob: Ragged
    """float64 [total steps, C], classes (negative, positive) or (negative, neutral, positive); they
    sum to 1 per step. All classes of a step that the model could not read, or did not judge, are NaN."""
    last: npt.NDArray[np.float64]
    """float64 [R]: P(the solution is correct) at its last token; NaN if steps are unread."""

    def __post_init__(self) -> None:
        values = self.prob.values
        if values.ndim != 2 or values.shape[1] not in (2, 3) or values.dtype != np.float64:
            found = f"{values.dtype} {values.shape}"
            raise ValueError(f"prob: found {found}; allowed: float64 [total steps, 2 or 3]")
        if self.last.shape != (len(self.prob),) or self.last.dtype != np.float64:
            found = f"{self.last.dtype} {self.last.shape}"
            raise ValueError(f"last: found {found}; allowed: float64 ({len(self.prob)},), one per solution")
        last = self.last
        if len(values) and np.isnan(values[:, 0]).any():  # no copies if every step was read, as is usual
            unscored = self.unscored
            if not np.isnan(last[unscored]).all():
                raise ValueError("last: found a number for a solution with unread steps; allowed: NaN")
            last, values = last[~unscored], values[~np.isnan(values).all(axis=1)]
        for name, array in (("prob", values), ("last", last)):
            # min and max are NaN if any entry is, and a comparison with NaN is False.
            if array.size and not (array.min() >= 0 and array.max() <= 1):
                found = f"{array.min()} to {array.max()}"
                raise ValueError(f"{name}: found {found}; allowed: probabilities in [0, 1]")
        if values.size and (worst := float(np.abs(values.sum(axis=1) - 1).max())) > 1e-3:
            raise ValueError(f"prob: found a step whose classes sum to 1 +- {worst:.3g}; allowed: a sum of 1")

    @classmethod
    def from_positive(cls, positive: Ragged) -> "StepScores":
        """Builds two classes from P(the step is right), floats in [0, 1]; `last` is the last step's, or 0.

        A solution's last steps may be NaN, without a score.
        """
        values = positive.values.astype(np.float64, copy=False)
        last = np.zeros(len(positive))
        filled = positive.lengths > 0
        last[filled] = values[positive.offsets[1:][filled] - 1]
        both = np.stack([1 - values, values], axis=1)
        return cls(prob=Ragged(values=both, offsets=positive.offsets), last=last)

    @classmethod
    def of_solutions(cls, score: npt.NDArray[np.floating], lengths: npt.NDArray[np.integer]) -> "StepScores":
        """Builds scores of whole solutions: that of the last step is the solution's, those before it are 1.

        So the product, the minimum and the last step of a solution are all its score.

        Args:
            score: float [R]: P(the solution is right) if all are in [0, 1]; otherwise its logit.
            lengths: [R], one step or more per solution.
        """
        positive = np.ones(int(lengths.sum()))
        probabilities = len(score) == 0 or (score.min() >= 0 and score.max() <= 1)
        positive[np.cumsum(lengths) - 1] = score if probabilities else np.exp(-np.logaddexp(0, -score))
        return cls.from_positive(Ragged.from_lengths(positive, lengths))

    def __len__(self) -> int:
        return len(self.prob)

    @property
    def unscored(self) -> npt.NDArray[np.bool_]:
        """bool [R]: which solutions have steps that the model could not read."""
        unread = Ragged(values=np.isnan(self.prob.values[:, 0]), offsets=self.prob.offsets)
        return unread.reduce(np.logical_or, 0.0) > 0

    @property
    def n_classes(self) -> int:
        """Number of classes, 2 or 3."""
        return self.prob.values.shape[1]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in order."""
        return ("negative", "positive") if self.n_classes == 2 else ("negative", "neutral", "positive")

    def take(self, idx: Sequence[int] | npt.NDArray[np.integer]) -> "StepScores":
        """Returns the scores of chosen solutions, in the given order."""
        chosen = np.asarray(idx, dtype=np.int64).reshape(-1)
        return StepScores(prob=self.prob.take(chosen), last=self.last[chosen])

    @staticmethod
    def file(folder: Path) -> Path:
        """Returns the path of the file in an artifact's folder."""
        return folder / "scores.parquet"

    def write(self, folder: Path) -> None:
        """Writes a Parquet file: one list column per class, and `last`."""
        columns = {
            name: Ragged(values=self.prob.values[:, c], offsets=self.prob.offsets).to_arrow()
            for c, name in enumerate(self.classes)
        }
        table = pa.table({**columns, "last": pa.array(self.last)})
        pq.write_table(table, self.file(folder), row_group_size=ROW_GROUP, compression="zstd")

    @classmethod
    def read(cls, folder: Path) -> "StepScores":
        """Reads what `write` wrote.

        Raises:
            ValueError: the file has other columns or unequal lengths.
        """
        path = cls.file(folder)
        names = pq.read_schema(path).names
        if names not in (["negative", "positive", "last"], ["negative", "neutral", "positive", "last"]):
            raise ValueError(f"{path}: columns: found {names}; allowed: negative, [neutral,] positive, last")
        last = pq.read_table(path, columns=["last"]).column("last").to_numpy()
        values: npt.NDArray[np.float64] = np.zeros((0, len(names) - 1))
        for c, name in enumerate(names[:-1]):  # one class at a time, to avoid a second copy of all of them
            part = Ragged.from_arrow(pq.read_table(path, columns=[name]).column(name))
            if c == 0:
                offsets, values = part.offsets, np.empty((len(part.values), len(names) - 1))
            elif not np.array_equal(part.offsets, offsets):
                raise ValueError(f"{path}: {name}: found other lengths than in {names[0]}; allowed: the same")
            values[:, c] = part.values
        return cls(prob=Ragged(values=values, offsets=offsets), last=last)
