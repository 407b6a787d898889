"""A pool of ten sums, and arguments of commands that use it."""

from pathlib import Path

import numpy as np
from pool_files import write_pool

from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions

PROBLEMS, SAMPLES, FOLDS = 10, 6, 5


def write_sums(path: Path) -> Path:
    """Writes ten sums with six solutions each, half of them wrong; `sharp` sees errors, `blunt` guesses."""
    rng = np.random.default_rng(3)
    problems, rows, sharp, blunt = [], [], [], []
    for p in range(PROBLEMS):
        a, b, c = (int(x) for x in rng.integers(10, 99, 3))
        problems.append(
            Problem(
                problem_id=f"sum-{p}",
                text=f"Ann has {a} eggs, buys {b} and then {c}. How many has she?",
                answer=str(a + b + c),
            )
        )
        for sample in range(SAMPLES):
            slip = sample % 2 * int(rng.integers(1, 9))
            first, last = a + b, a + b + c + slip
            steps = (f"{a} + {b} = {first}", f"Then {first} + {c} = {last}.", f"The answer is {last}")
            rows.append(
                Solution(
                    problem_id=f"sum-{p}",
                    sample=sample,
                    steps=steps[: 2 + sample % 3 // 2] if sample else steps,
                    answer=str(last),
                    finished=True,
                    final_correct=slip == 0,
                )
            )
            count = len(rows[-1].steps)
            sharp.append([0.95, *[0.1 if slip else 0.9] * (count - 1)])
            blunt.append(rng.uniform(0.2, 0.8, count))
    scores = {"sharp": Ragged.from_rows(sharp), "blunt": Ragged.from_rows(blunt)}
    write_pool(path, problems, Solutions.from_rows(rows), scores)
    return path


def arguments(
    command: str,
    pool: Path,
    labeler: str,
    folder: Path,
    experiment: str = "supervision",
    **source: object,
) -> list[str]:
    return [
        *(command, experiment, "--scale=smoke", f"--pool={pool}", f"--labeler={labeler}", "--workers=1"),
        f"--store={folder / 'store'}",
        *([f"--out={folder / 'out'}"] if command == "run" else []),
        *(f"--settings.source.{name}={value}" for name, value in source.items()),
    ]
