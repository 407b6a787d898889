"""Artifacts, which steps produce and read: each type writes its files into a folder and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ablations.data.json_files import read_json, write_json
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solutions
from ablations.data.step_scores import StepScores

PROBLEMS, SOLUTIONS, RATINGS = "problems.parquet", "solutions.parquet", "ratings.parquet"
OPINION, CHOSEN_ROWS = "opinion.parquet", "chosen_rows.json"
LEFT_OUT = "left_out.txt"
RECORDS, EXAMPLES = "records.parquet", "examples.json"

IntArray = npt.NDArray[np.int64]
NO_ROWS: IntArray = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class ProblemSet:
    """Problems in a fixed order."""

    problems: list[Problem]

    def write(self, folder: Path) -> None:
        """Writes ``PROBLEMS``, one row per problem."""
        names = ("problem_id", "text", "answer")
        columns = {name: [getattr(problem, name) for problem in self.problems] for name in names}
        pq.write_table(pa.table(columns), folder / PROBLEMS)

    @classmethod
    def read(cls, folder: Path) -> ProblemSet:
        return cls(problems=[Problem(**row) for row in pq.read_table(folder / PROBLEMS).to_pylist()])


@dataclass(frozen=True, kw_only=True)
class Samples(ProblemSet):
    """Problems and their solutions, in the same order of problems."""

    solutions: Solutions
    """R solutions, those of each problem contiguous."""

    @classmethod
    def read(cls, folder: Path) -> Samples:
        """Reads the two files that ``write`` makes; columns of solutions are read on demand."""
        problems = ProblemSet.read(folder).problems
        return cls(problems=problems, solutions=Solutions.read(folder / SOLUTIONS))

    def write(self, folder: Path) -> None:
        super().write(folder)
        self.solutions.write(folder / SOLUTIONS)

    def take_problems(self, index: Sequence[int]) -> tuple[Samples, IntArray]:
        """Returns some problems with all their solutions, and the row numbers of these in ``self``."""
        of_problem = self.solutions.problem_index
        rows = np.concatenate([np.flatnonzero(of_problem == p) for p in index])
        chosen = Samples(problems=[self.problems[p] for p in index], solutions=self.solutions.take(rows))
        return chosen, rows

    def take(self, rows: npt.ArrayLike) -> Samples:
        """Returns some solutions, with the problems that they solve."""
        chosen = np.asarray(rows, dtype=np.int64)
        solved = dict.fromkeys(self.solutions.problem_index[chosen].tolist())
        return Samples(problems=[self.problems[p] for p in solved], solutions=self.solutions.take(chosen))

    def names(self) -> list[str]:
        """Returns a name for each of the R solutions, for display."""
        ids, numbers = self.solutions.column("problem_id").to_pylist(), self.solutions.sample.tolist()
        return [f"{problem} sample {sample}" for problem, sample in zip(ids, numbers, strict=True)]

    def prompts(self) -> list[str]:
        """Returns the prompt of each of the R solutions, as models read it."""
        texts = [prompt_of(problem.text) for problem in self.problems]
        return [texts[p] for p in self.solutions.problem_index]

    def steps(self) -> list[list[str]]:
        """Returns the steps of each of the R solutions."""
        return self.solutions.column("steps").to_pylist()


@dataclass(frozen=True, kw_only=True)
class SampleParts(Samples):
    """Samples that were written in parts, which are never in memory together."""

    parts: tuple[Path, ...]
    """Files of solutions, in order; ``solutions`` are those of the first."""

    @classmethod
    def of(cls, problems: list[Problem], parts: Sequence[Path]) -> SampleParts:
        """Returns the samples whose solutions are in some files."""
        return cls(problems=problems, solutions=Solutions.read(parts[0]), parts=tuple(parts))

    def write(self, folder: Path) -> None:
        ProblemSet.write(self, folder)
        Solutions.write_parts(folder / SOLUTIONS, (Solutions.read(path) for path in self.parts))


@dataclass(frozen=True, kw_only=True)
class PoolSamples(Samples):
    """A pool: samples with the scores of a labeler."""

    labels: StepScores
    left_out: str = ""
    """A line on ungraded solutions that were left out; empty if none were."""

    def write(self, folder: Path) -> None:
        """Writes the files of samples and scores, and ``LEFT_OUT`` if there is something to say."""
        super().write(folder)
        self.labels.write(folder)
        if self.left_out:
            (folder / LEFT_OUT).write_text(f"{self.left_out}\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> PoolSamples:
        samples, note = Samples.read(folder), folder / LEFT_OUT
        return cls(
            problems=samples.problems,
            solutions=samples.solutions,
            labels=StepScores.read(folder),
            left_out=note.read_text(encoding="utf-8").strip() if note.is_file() else "",
        )


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """The oracle's rating of every step of R solutions."""

    steps: Ragged
    """int8 [total steps] of 1, 0, -1, one row per solution."""

    def write(self, folder: Path) -> None:
        pq.write_table(pa.table({"rating": self.steps.to_arrow()}), folder / RATINGS)

    @classmethod
    def read(cls, folder: Path) -> Ratings:
        return cls(steps=Ragged.from_arrow(pq.read_table(folder / RATINGS).column("rating")))


@dataclass(frozen=True, kw_only=True, eq=False)
class Opinion:
    """A selector's opinion of R solutions. A labeler's labels are another type and hold no opinion."""

    convincing: npt.NDArray[np.float64]
    """[R]: how convincing each solution is, a log probability; -inf if it could not be read in full."""
    entropy: npt.NDArray[np.float64]
    """[R]: how uncertain the selector is of the steps, in nats."""
    scores: StepScores | None = None
    """Its step scores, where the selector is evaluated."""

    def write(self, folder: Path) -> None:
        """Writes ``OPINION``, and the step scores if there are any."""
        pq.write_table(pa.table({"convincing": self.convincing, "entropy": self.entropy}), folder / OPINION)
        if self.scores is not None:
            self.scores.write(folder)

    @classmethod
    def read(cls, folder: Path) -> Opinion:
        table = pq.read_table(folder / OPINION)
        scores = StepScores.read(folder) if StepScores.file(folder).is_file() else None
        return cls(
            convincing=table["convincing"].to_numpy(), entropy=table["entropy"].to_numpy(), scores=scores
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ChosenRows:
    """Rows of samples that are chosen to be labeled, with statistics of them."""

    rows: IntArray
    """Rows chosen now, ascending."""
    taken: IntArray = field(default_factory=lambda: NO_ROWS)
    """Rows that were labeled before, ascending."""
    ends_right: float | None = None
    """Share of the chosen solutions whose final answer is right; None if none was chosen."""
    distinct: int = 0
    convincing: float | None = None
    """Mean probability of being right by the selector; None if none was asked."""

    @classmethod
    def of(
        cls, samples: Samples, rows: IntArray, *, taken: IntArray = NO_ROWS, convincing: float | None = None
    ) -> ChosenRows:
        """Describes chosen rows of samples."""
        chosen = samples.solutions.take(rows)
        return cls(
            rows=rows,
            taken=taken,
            ends_right=float(chosen.final_correct.mean()) if len(rows) else None,
            distinct=chosen.distinct(),
            convincing=convincing if len(rows) else None,
        )

    @property
    def labeled(self) -> IntArray:
        """All rows that are labeled now, ascending."""
        return np.sort(np.concatenate([self.rows, self.taken]))

    def write(self, folder: Path) -> None:
        rows = {"rows": self.rows.tolist(), "taken": self.taken.tolist()}
        facts = {name: getattr(self, name) for name in ("ends_right", "distinct", "convincing")}
        write_json(folder / CHOSEN_ROWS, rows | facts)

    @classmethod
    def read(cls, folder: Path) -> ChosenRows:
        facts = read_json(folder / CHOSEN_ROWS)
        rows, taken = (np.array(facts.pop(name), dtype=np.int64) for name in ("rows", "taken"))
        return cls(rows=rows, taken=taken, **facts)


def prompt_of(text: str) -> str:
    """Returns a problem as models read it."""
    return f"{text}\n"


def steps_of(completion: str) -> tuple[str, ...]:
    """Returns the steps of a completion, one per line."""
    return tuple(completion.removesuffix("\n").split("\n"))
