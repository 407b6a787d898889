"""Prefixes of solutions, and scores and costs of rollouts from them, by hand."""

import numpy as np
import pytest

from ablations.data.artifacts import Samples
from ablations.data.rollouts import Prefixes, Rollouts
from ablations.data.solutions import Problem, Solution, Solutions

# Of problem p: a b c (right), a b d, a (unfinished); of problem q: a c (right).
STEPS = [("p", "abc", True), ("p", "abd", False), ("p", "a", False), ("q", "ac", True)]


def samples() -> Samples:
    rows = [
        Solution(
            problem_id=p,
            sample=at,
            steps=tuple(steps),
            answer=None,
            finished=steps != "a",
            final_correct=right,
        )
        for at, (p, steps, right) in enumerate(STEPS)
    ]
    problems = [Problem(problem_id=p, text=p, answer="1") for p in "pq"]
    return Samples(problems=problems, solutions=Solutions.from_rows(rows))


def test_prefixes_by_hand():
    """a, ab, abc, abd of p are 0 to 3; a and ac of q are 4 and 5. Others continue after 0, 1 and 4."""
    found = Prefixes.of(samples())
    assert [found.number.row(i).tolist() for i in range(4)] == [[0, 1, 2], [0, 1, 3], [0], [4, 5]]
    assert found.text == ["a\n", "a\nb\n", "a\nb\nc\n", "a\nb\nd\n", "a\n", "a\nc\n"]
    assert found.problem.tolist() == [0, 0, 0, 0, 1, 1]
    assert found.continued().tolist() == [0, 1, 4]


@pytest.fixture
def rollouts() -> Rollouts:
    """Four from each of the prefixes 0, 1 and 4: right are 3, 0 and 4, with 40, 20 and 30 tokens."""
    given = samples()
    right, tokens = np.array([3, 0, 0, 0, 4, 0]), np.array([40, 20, 0, 0, 30, 0])
    return Rollouts.of(given, Prefixes.of(given), right, tokens, 4)


def test_scores_by_hand(rollouts):
    """Shares 3/4, 0 and 1; a last step is as right as its solution, though others continue after it."""
    right = [rollouts.prob.row(i)[:, 1].tolist() for i in range(4)]
    assert right == [[0.75, 0.0, 1.0], [0.75, 0.0, 0.0], [0.0], [1.0, 1.0]]
    assert rollouts.last.tolist() == [1, 0, 0, 1]


def test_what_solutions_share_is_rolled_out_once(rollouts):
    """The first two: prefixes 0 and 1, 8 rollouts of 60 tokens, as either alone; the third alone has none."""
    assert rollouts.cost(np.array([0, 1])) == rollouts.cost(np.array([1])) == (8, 60)
    assert rollouts.cost(np.array([2])) == (0, 0)
    assert rollouts.cost(np.arange(4)) == (12, 90)


def test_it_reads_what_it_writes(rollouts, tmp_path):
    rollouts.write(tmp_path)
    found = Rollouts.read(tmp_path)
    assert found.count == 4 and found.cost(np.arange(4)) == (12, 90)
    assert found.prob.values.tolist() == rollouts.prob.values.tolist()
    assert found.take([3]).prob.values.tolist() == [[0, 1], [0, 1]]
