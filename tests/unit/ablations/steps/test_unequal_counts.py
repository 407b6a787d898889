"""Problems with unequal numbers of solutions: three of p0, two of p1."""

import numpy as np
import pytest

from ablations.data.artifacts import Samples
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.evaluation.best_of_n import random_choice
from ablations.steps.collect import draw_rows
from ablations.steps.evaluation_rows import EvaluatedSolutions

RIGHT = {"p0": (True, False, False), "p1": (False, True)}


@pytest.fixture
def samples():
    rows = [
        Solution(problem_id=p, sample=i, steps=(f"{i}",), answer=str(i), finished=True, final_correct=right)
        for p, of in RIGHT.items()
        for i, right in enumerate(of)
    ]
    problems = [Problem(problem_id=p, text=f"{p}?", answer="1") for p in RIGHT]
    return Samples(problems=problems, solutions=Solutions.from_rows(rows))


def test_every_problem_is_judged_by_all_its_own_solutions(samples):
    judged = EvaluatedSolutions([samples])
    assert judged.ns == [1, 2]
    assert judged.each(random_choice, judged.correct, judged.finished).tolist() == [1 / 3, 1 / 2]
    score = np.array([0.9, 0.5, 0.1, 0.2, 0.1])
    value = judged.best_of(score, judged.ns)
    # p0: its best is right and lies in 2 of 3 pairs; p1: its better one is wrong.
    assert value == pytest.approx(np.array([[1 / 3, 2 / 3], [1 / 2, 0]]))
    assert not judged.per_n("best_of_n", value)[1]["single_draw"]


def test_a_draw_takes_a_problems_own_solutions(samples):
    for seed in range(20):
        rows = draw_rows(samples, 2, seed)
        assert len(set(rows)) == 4 and set(rows[:2]) < {0, 1, 2} and set(rows[2:]) == {3, 4}
        assert draw_rows(samples, 1, seed)[0] == rows[0]  # nested
    with pytest.raises(ValueError, match="data_scale: found 3; allowed: 1 to 2, the smallest number"):
        draw_rows(samples, 3, 0)
