"""Rollouts: continuations of prefixes of solutions, which show whether the generator can still succeed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ablations.data.artifacts import IntArray, Samples
from ablations.data.json_files import read_json, write_json
from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores

ROLLOUTS, FACTS = "rollouts.parquet", "rollouts.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Prefixes:
    """The distinct beginnings of solutions; solutions of a problem share many of them."""

    number: Ragged
    """int64 [total steps], one row per solution: the prefix that ends with each step, 0 to F - 1."""
    text: list[str]
    """Steps of each of the F prefixes, each step with a newline."""
    problem: IntArray
    """int64 [F]: index of the problem."""

    @classmethod
    def of(cls, samples: Samples) -> Prefixes:
        """Numbers the prefixes of samples in order of first appearance."""
        number: dict[tuple[int, str], int] = {}
        rows = []
        for p, steps in zip(samples.solutions.problem_index.tolist(), samples.steps(), strict=True):
            text, row = "", []
            for step in steps:
                text += f"{step}\n"
                row.append(number.setdefault((p, text), len(number)))
            rows.append(row)
        return cls(
            number=Ragged.from_rows(rows, dtype=np.int64),
            text=[text for _, text in number],
            problem=np.array([p for p, _ in number], dtype=np.int64),
        )

    def continued(self) -> IntArray:
        """Returns the prefixes after which some solution continues, ascending."""
        last = last_steps(self.number)
        found: IntArray = np.unique(self.number.values[~last])
        return found


def last_steps(rows: Ragged) -> npt.NDArray[np.bool_]:
    """Marks the last value of each row, bool [total]."""
    marked = np.zeros(len(rows.values), dtype=bool)
    marked[rows.offsets[1:][rows.lengths > 0] - 1] = True
    return marked


@dataclass(frozen=True, kw_only=True)
class Rollouts(StepScores):
    """Scores of steps by rollouts: P(right) is the share of them that reach the right answer.

    The last step of a solution is scored by the solution's own answer.
    """

    count: int
    """Rollouts from each prefix."""
    prefix: Ragged
    """int64 [total steps]: number of the distinct prefix that was rolled out after each step; -1: none."""
    tokens: Ragged
    """int64 [total steps]: tokens sampled in all rollouts from that prefix."""

    @classmethod
    def of(
        cls, samples: Samples, prefixes: Prefixes, right: IntArray, tokens: IntArray, count: int
    ) -> Rollouts:
        """Makes the scores of samples from rollouts of their prefixes.

        Args:
            samples: the samples.
            prefixes: their prefixes.
            right: int64 [F], right rollouts from each prefix; only those in ``continued`` count.
            tokens: int64 [F], tokens sampled from each.
            count: rollouts from each.
        """
        number, last = prefixes.number, last_steps(prefixes.number)
        correct = samples.solutions.final_correct[number.row_index].astype(np.float64)
        share = np.where(last, correct, right[number.values] / count)

        def ragged(values: IntArray) -> Ragged:
            return Ragged(values=values, offsets=number.offsets)

        scores = StepScores.from_positive(Ragged(values=share, offsets=number.offsets))
        return cls(
            prob=scores.prob,
            last=scores.last,
            count=count,
            prefix=ragged(np.where(last, -1, number.values)),
            tokens=ragged(np.where(last, 0, tokens[number.values])),
        )

    def cost(self, rows: IntArray) -> tuple[int, int]:
        """Returns the rollouts that label some solutions, and the tokens sampled in them.

        What solutions have in common is rolled out once.
        """
        prefix, tokens = self.prefix.take(rows).values, self.tokens.take(rows).values
        known, first = np.unique(prefix, return_index=True)
        rolled_out = first[known >= 0]
        return self.count * len(rolled_out), int(tokens[rolled_out].sum())

    def write(self, folder: Path) -> None:
        """Writes the file of scores, ``ROLLOUTS`` and ``FACTS``."""
        super().write(folder)
        columns = {"prefix": self.prefix.to_arrow(), "tokens": self.tokens.to_arrow()}
        pq.write_table(pa.table(columns), folder / ROLLOUTS, compression="zstd")
        write_json(folder / FACTS, {"count": self.count})

    @classmethod
    def read(cls, folder: Path) -> Rollouts:
        """Reads what `write` wrote."""
        scores, table = StepScores.read(folder), pq.read_table(folder / ROLLOUTS)
        prefix, tokens = (Ragged.from_arrow(table.column(name)) for name in ("prefix", "tokens"))
        count = read_json(folder / FACTS)["count"]
        return cls(prob=scores.prob, last=scores.last, count=count, prefix=prefix, tokens=tokens)
