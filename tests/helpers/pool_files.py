"""Writes pools, checked by the rules of their format."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solutions
from ablations.formats.pool import PoolRows
from ablations.formats.rows import Fields, write_rows


def write_pool(
    path: str | Path,
    problems: Sequence[Problem],
    solutions: Solutions,
    scores: dict[str, Ragged] | None = None,
    *,
    graded: npt.NDArray[np.bool_] | None = None,
) -> None:
    """Writes a pool that `read_pool` reads back, checked by the same rules.

    Args:
        path: the file to write.
        problems: P problems in the order of their solutions.
        solutions: solutions, problem by problem in the same order.
        scores: labeler name -> P(the step is right) of all steps, in the solutions' order.
        graded: bool [R], which solutions are graded; the others are written as ungraded. None means all.

    Raises:
        ValueError: the problems are not those of the solutions, scores have other numbers of steps, or a rule
            of the format is broken; then no file is written.
    """
    if [problem.problem_id for problem in problems] != solutions.problem_ids:
        raise ValueError(
            "problems: found other problems than the solutions'; allowed: the same in the same order"
        )
    if not len(solutions):
        raise ValueError("solutions: found none; allowed: one or more")
    for name, ragged in (scores or {}).items():
        if not np.array_equal(ragged.lengths, solutions.n_steps):
            raise ValueError(f"scores[{name!r}]: found other numbers of steps; allowed: the solutions'")
    if graded is None:
        graded = np.ones(len(solutions), dtype=np.bool_)
    if len(graded) != len(solutions):
        raise ValueError(f"graded: found {len(graded)}; allowed: {len(solutions)}, one per solution")
    write_rows(path, _rows(Path(path), problems, solutions, scores or {}, graded))


def _rows(
    path: Path,
    problems: Sequence[Problem],
    solutions: Solutions,
    scores: dict[str, Ragged],
    graded: npt.NDArray[np.bool_],
) -> Iterator[dict[str, Any]]:
    rules = PoolRows()
    ends = np.cumsum(solutions.counts)
    for p, problem in enumerate(problems):
        samples = []
        for i in range(ends[p] - solutions.counts[p], ends[p]):
            solution = solutions.row(i)
            samples.append(
                {
                    "sample": solution.sample,
                    "steps": list(solution.steps),
                    "answer": solution.answer,
                    "final_correct": solution.final_correct if graded[i] else None,
                    "finished": solution.finished,
                    "step_scores": {name: ragged.row(i).tolist() for name, ragged in scores.items()},
                }
            )
        row = {
            "problem_id": problem.problem_id,
            "problem": problem.text,
            "answer": problem.answer,
            "samples": samples,
        }
        rules.check(Fields(row, path, p + 1))
        yield row
