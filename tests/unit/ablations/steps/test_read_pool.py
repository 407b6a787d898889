import itertools

import numpy as np
import pytest
from given import given as made
from given import run
from hypothesis import given
from hypothesis import strategies as st
from pool_files import write_pool

from ablations.data.artifacts import LEFT_OUT, PoolSamples
from ablations.data.cross_fitting import fold_problems
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.engine.user_file import UserFile
from ablations.steps.read_pool import ReadPool, TakeFold, TakeFoldLabels

PARTS = ("train", "validation", "test")


def right(problem: str, sample: int, *steps: str) -> Solution:
    return Solution(
        problem_id=problem, sample=sample, steps=steps, answer="2", finished=True, final_correct=True
    )


@given(folds=st.integers(3, 6), more=st.integers(0, 20), seed=st.integers(0, 50))
def test_folds_partition_the_problems(folds, more, seed):
    count = folds + more
    everything = list(range(count))
    tests = []
    for fold in range(folds):
        parts = {part: fold_problems(count, fold=fold, folds=folds, part=part, seed=seed) for part in PARTS}
        assert sorted(itertools.chain(*parts.values())) == everything  # disjoint, and all of them
        assert all(part == sorted(part) and part for part in parts.values())
        after = fold_problems(count, fold=(fold + 1) % folds, folds=folds, part="test", seed=seed)
        assert parts["validation"] == after
        tests.append(parts["test"])
    assert sorted(itertools.chain(*tests)) == everything  # each problem is judged once
    assert max(map(len, tests)) - min(map(len, tests)) <= 1


def test_folds_are_drawn_by_the_seed():
    one, other, again = (fold_problems(100, fold=0, folds=5, part="test", seed=seed) for seed in (0, 1, 0))
    assert one == again != other and len(one) == len(other) == 20
    assert one != list(range(0, 100, 5))


def test_more_folds_than_problems():
    with pytest.raises(
        ValueError, match="folds: found 5 for 4 problems; allowed: at most one fold per problem"
    ):
        fold_problems(4, fold=0, folds=5, part="test", seed=0)


def test_labels_follow_their_solutions_into_a_fold(tmp_path):
    """Each solution's only step has a score that names it: 0.00, 0.01, ... in the file's order."""
    problems = [Problem(problem_id=f"p{p}", text=f"{p}?", answer="1") for p in range(6)]
    rows = [right(f"p{p}", m, f"{p}.{m}") for p in range(6) for m in range(2)]
    file = tmp_path / "pool.jsonl"
    scores = {"a": Ragged.from_rows([[i / 100] for i in range(12)])}
    write_pool(file, problems, Solutions.from_rows(rows), scores)
    pool = made(tmp_path, "pool", run(ReadPool(file=UserFile.of(file, "pool"), labeler="a"), tmp_path))
    seen = []
    for part in PARTS:
        samples = run(TakeFold(pool=pool, fold=1, folds=3, part=part), tmp_path)
        found = run(TakeFoldLabels(pool=pool, fold=1, folds=3, part=part), tmp_path)
        assert samples.solutions.problem_ids == [problem.problem_id for problem in samples.problems]
        for i, steps in enumerate(samples.steps()):
            p, m = map(int, steps[0].split("."))
            assert found.prob.row(i)[0, 1] == pytest.approx((2 * p + m) / 100)
            seen.append((p, m))
    assert sorted(seen) == [(p, m) for p in range(6) for m in range(2)]


def test_a_pool_that_changed_after_the_plan(tmp_path):
    file = tmp_path / "pool.jsonl"
    problems = [Problem(problem_id="p", text="?", answer="2")]
    write_pool(file, problems, Solutions.from_rows([right("p", 0, "1")]), {"a": Ragged.from_rows([[0.5]])})
    read = ReadPool(file=UserFile.of(file, "pool"), labeler="a")
    file.write_text(file.read_text().replace("0.5", "0.6"))
    with pytest.raises(ValueError, match=r"pool\.jsonl: found changed during the run; allowed: the file"):
        run(read, tmp_path)


def test_what_is_left_out_is_told_in_a_file(tmp_path):
    rows = [right(f"p{p}", sample, "x") for p in range(3) for sample in range(2)]
    problems = [Problem(problem_id=f"p{p}", text=f"{p}?", answer="2") for p in range(3)]
    scores = {"prm": Ragged.from_rows([[0.5]] * 6)}
    for name, graded in (("all", [True] * 6), ("some", [True, False, True, True, True, True])):
        path = tmp_path / f"{name}.jsonl"
        write_pool(path, problems, Solutions.from_rows(rows), scores, graded=np.array(graded))
        read = run(ReadPool(file=UserFile.of(path, "pool"), labeler="prm"), tmp_path)
        made(tmp_path, name, read)
        assert (tmp_path / name / LEFT_OUT).is_file() == (name == "some") == bool(read.left_out)
    told = (
        "Ungraded solutions are left out: 1; each of 3 problems keeps 1 to 2. Best-of-N is for N up to 1, "
        "the solutions of problem p0, the fewest of all, as ungraded solutions are left out."
    )
    assert (tmp_path / "some" / LEFT_OUT).read_text() == f"{told}\n"
    kept = PoolSamples.read(tmp_path / "some")
    assert kept.left_out == told and len(kept.solutions) == len(kept.labels) == 5
