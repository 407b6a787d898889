"""Labels, selects, supervises and evaluates a million random solutions, and reports time and memory.

    python tests/benchmarks/million.py FOLDER [--problems 1000] [--samples 1000] [--steps 12]

Prints one JSON object: seconds of each part and `peak_bytes`, the largest resident memory of the process.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ablations.data.ragged import Ragged
from ablations.data.solutions import Solutions
from ablations.data.step_scores import StepScores
from ablations.evaluation.best_of_n import best_of_n, pass_at_n
from ablations.evaluation.scoring_rules import product
from ablations.supervision import final_answer, prm_outcome, process

PROBLEMS_PER_PART = 50


def parts(problems: int, samples: int, steps: int) -> Iterator[Solutions]:
    """Makes tables of a few problems each, with steps of about 70 characters that cannot be compressed."""
    rng = np.random.default_rng(1)
    for start in range(0, problems, PROBLEMS_PER_PART):
        count = min(PROBLEMS_PER_PART, problems - start) * samples
        rows = np.arange(start * samples, start * samples + count)
        numbers = [
            pc.cast(pa.array(rng.integers(10**11, 10**12, count * steps)), pa.large_string())
            for _ in range(2)
        ]
        before, between, after, space = (
            pa.scalar(words, pa.large_string())
            for words in ("adding the parts", "to what was left makes", "in all", " ")
        )
        text = pc.binary_join_element_wise(before, numbers[0], between, numbers[1], after, space)
        columns = {
            "problem_id": pc.cast(pa.array(rows // samples), pa.large_string()),
            "sample": pa.array((rows % samples).astype(np.int32)),
            "steps": pa.LargeListArray.from_arrays(pa.array(np.arange(count + 1) * steps), text),
            "answer": pc.cast(pa.array(rows % 7), pa.large_string()),
            "finished": pa.array(rows % 50 != 0),
            "final_correct": pa.array(rows % 7 == 3) if samples % 7 else pa.array(rows % 3 == 1),
        }
        yield Solutions(pa.table(columns))


def run(folder: Path, problems: int, samples: int, steps: int) -> dict[str, float]:
    """Runs all parts; returns the seconds of each and sizes in bytes."""
    seconds: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[name], clock = now - clock, now

    pool = folder / "pool.parquet"
    Solutions.write_parts(pool, parts(problems, samples, steps))
    lap("write_s")
    solutions = Solutions.read(pool)
    hashed = solutions.content_hash()
    lap("hash_s")
    rng = np.random.default_rng(0)
    positive = Ragged.from_lengths(rng.random(int(solutions.n_steps.sum())) ** 0.1, solutions.n_steps)
    StepScores.from_positive(positive).write(folder)
    labels = StepScores.read(folder)
    lap("label_s")
    scores = product(labels)
    table = solutions.per_problem(scores)
    wrong = ~solutions.per_problem(solutions.final_correct)
    order = np.argsort(-np.where(wrong, table, -np.inf), axis=1)[:, : max(1, samples // 5)]
    chosen = (np.sort(order, axis=1) + np.arange(problems)[:, None] * samples).ravel()
    selected, selected_labels = solutions.take(chosen), labels.take(chosen)
    assert selected.content_hash() != hashed
    lap("select_s")
    targets = (
        process(selected_labels, 0.2),
        prm_outcome(selected_labels, 0.2),
        final_answer(selected),
        process(labels, 0.2),
    )
    assert [len(target) for target in targets] == [len(chosen)] * 3 + [len(solutions)]
    lap("supervise_s")
    correct = solutions.per_problem(solutions.final_correct & solutions.finished)
    finished = solutions.per_problem(solutions.finished)
    ns = np.unique(np.geomspace(1, samples, 20).astype(int)).tolist()
    best = best_of_n(table, correct, finished, ns)
    assert (best <= pass_at_n(correct, ns) + 1e-9).all()
    lap("evaluate_s")
    return {
        **seconds,
        "solutions": len(solutions),
        "file_bytes": pool.stat().st_size,
        "peak_bytes": peak_bytes(),
    }


def peak_bytes() -> int:
    """Returns the largest resident memory of this process."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage also counts the process that started this one
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="an existing folder for the two Parquet files")
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=1000, help="solutions per problem")
    parser.add_argument("--steps", type=int, default=12, help="steps per solution")
    print(json.dumps(run(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
