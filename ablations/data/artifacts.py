"""Contents of artifacts: file names that stages share, and functions that read and write the files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solutions

PROBLEMS, SOLUTIONS, SCORES, RATINGS = (
    "problems.parquet",
    "solutions.parquet",
    "scores.parquet",
    "ratings.parquet",
)
MODEL = "model"
OPINION, ACQUIRED = "opinion.parquet", "acquired.json"
TRAINING, CHOICE = "train.json", "choice.json"
ROWS, CHOSEN = "rows.json", "chosen.json"
ANNOTATIONS, LABELER = "annotations.parquet", "labeler.json"
LEFT_OUT = "left_out.txt"
RECORDS, EXAMPLES = "records.parquet", "examples.json"


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Problems and their solutions, in the same order of problems."""

    problems: list[Problem]
    """The P problems."""
    solutions: Solutions
    """R solutions, those of each problem contiguous."""

    @classmethod
    def read(cls, folder: Path) -> "Samples":
        """Reads the two files that ``write`` makes; columns of solutions are read on demand."""
        return cls(problems=read_problems(folder), solutions=Solutions.read(folder / SOLUTIONS))

    def write(self, folder: Path) -> None:
        """Writes ``PROBLEMS`` and ``SOLUTIONS`` into an existing folder."""
        write_problems(folder, self.problems)
        self.solutions.write(folder / SOLUTIONS)

    def take_problems(self, index: Sequence[int]) -> "tuple[Samples, np.ndarray]":
        """Returns some problems with all their solutions, and the row numbers of these in ``self``."""
        of_problem = self.solutions.problem_index
        rows = np.concatenate([np.flatnonzero(of_problem == p) for p in index])
        chosen = Samples(problems=[self.problems[p] for p in index], solutions=self.solutions.take(rows))
        return chosen, rows

    def take(self, rows: npt.ArrayLike) -> "Samples":
        """Returns some solutions, with the problems that they solve."""
        chosen = np.asarray(rows, dtype=np.int64)
        held = dict.fromkeys(self.solutions.problem_index[chosen].tolist())
        return Samples(problems=[self.problems[p] for p in held], solutions=self.solutions.take(chosen))

    def prompts(self) -> list[str]:
        """Returns the prompt of each of the R solutions, as models read it."""
        texts = [prompt_of(problem.text) for problem in self.problems]
        return [texts[p] for p in self.solutions.problem_index]

    def steps(self) -> list[list[str]]:
        """Returns the steps of each of the R solutions."""
        steps: list[list[str]] = self.solutions.column("steps").to_pylist()
        return steps


def prompt_of(text: str) -> str:
    """Returns a problem as models read it."""
    return f"{text}\n"


def steps_of(completion: str) -> tuple[str, ...]:
    """Returns the steps of a completion, one per line."""
    return tuple(completion.removesuffix("\n").split("\n"))


def labelled_rows(folder: Path) -> np.ndarray:
    """Returns the rows that a draw or acquisition chose or knew to be labeled: int64, ascending."""
    facts = read_json(folder / ACQUIRED)
    return np.array(sorted([*facts["rows"], *facts.get("taken", [])]), dtype=np.int64)


def write_problems(folder: Path, problems: Sequence[Problem]) -> None:
    """Writes ``PROBLEMS``, one row per problem in the given order."""
    columns = {name: [getattr(p, name) for p in problems] for name in ("problem_id", "text", "answer")}
    pq.write_table(pa.table(columns), folder / PROBLEMS)


def read_problems(folder: Path) -> list[Problem]:
    """Reads ``PROBLEMS``, in the order written."""
    return [Problem(**row) for row in pq.read_table(folder / PROBLEMS).to_pylist()]


def write_ratings(folder: Path, ratings: Ragged) -> None:
    """Writes ``RATINGS``: int8 [total steps] of 1, 0, -1, one row per solution."""
    pq.write_table(pa.table({"rating": ratings.to_arrow()}), folder / RATINGS)


def read_ratings(folder: Path) -> Ragged:
    """Reads ``RATINGS``: int8 [total steps] of 1, 0, -1, one row per solution."""
    return Ragged.from_arrow(pq.read_table(folder / RATINGS).column("rating"))


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON with sorted names, so that equal values give equal bytes."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Reads what ``write_json`` wrote; tuples come back as lists."""
    return json.loads(path.read_text(encoding="utf-8"))
