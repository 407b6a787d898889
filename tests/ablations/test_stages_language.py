import numpy as np
import pytest

from ablations.solutions import Problem
from ablations.stages.language import document, few_shot_prefix, graded
from ablations.world.oracle import final_answer, judge
from ablations.world.problems import parse_problem
from ablations.world.text import build_tokenizer
from lightning_modules.encoding import IGNORE
from lightning_modules.sampling import Completion

PROBLEM = Problem(problem_id="train-0", text="a+8b-5:47", answer="50")


def test_completions_become_graded_solutions():
    texts = ["47a+8=55\n55b-5=50\n#50\n", "47a+8=55\n#55\n", "47a+8=55\n55b-5=50\n", "#50"]
    solutions = graded(PROBLEM, [Completion(text=text, finished=True) for text in texts])
    assert [s.sample for s in solutions] == [0, 1, 2, 3]
    assert solutions[0].steps == ("47a+8=55", "55b-5=50", "#50")
    assert [s.answer for s in solutions] == ["50", "55", None, "50"]
    assert [s.final_correct for s in solutions] == [True, False, False, True]
    assert all(s.finished and s.problem_id == "train-0" for s in solutions)


@pytest.mark.parametrize("text", ["47a+8=55\n55b-5=50\n#50\n", "#50", "#50\n#5", ""])
def test_an_unfinished_solution_is_never_right(text):
    """Even one whose last line is the right answer: nobody knows what it would have gone on to say."""
    (solution,) = graded(PROBLEM, [Completion(text=text, finished=False)])
    assert (solution.final_correct, solution.answer, solution.finished) == (False, None, False)


def test_an_empty_completion_is_a_wrong_solution_of_one_empty_step():
    (solution,) = graded(PROBLEM, [Completion(text="", finished=True)])
    assert solution.steps == ("",) and not solution.final_correct


@pytest.mark.parametrize(("shots", "seed"), [(1, 0), (2, 0), (3, 5)])
def test_the_prompt_shows_solved_problems_of_another_split(shots, seed):
    tokenizer = build_tokenizer()
    prefix = few_shot_prefix(tokenizer, shots, seed)
    ids = tokenizer(prefix, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == prefix  # nothing unknown to it, nothing lost
    assert ids.count(tokenizer.eos_token_id) == shots and ids[-1] == tokenizer.eos_token_id
    solved = prefix.split(tokenizer.eos_token)
    assert len(solved) == shots + 1 and solved[-1] == ""
    for text in solved[:-1]:
        first, *steps = text.removesuffix("\n").split("\n")
        problem = parse_problem(first)
        assert problem.split == "pretraining" and len(problem.operations) <= 3
        assert set(judge(problem, steps)) == {1} and final_answer(steps) == problem.answer
    assert prefix == few_shot_prefix(tokenizer, shots, seed)


def test_a_document_has_no_target_in_the_problem():
    tokenizer = build_tokenizer()
    ids, target = document(tokenizer, PROBLEM, ("47a+8=55", "55b-5=50", "#50"))
    text = "a+8b-5:47\n47a+8=55\n55b-5=50\n#50\n"  # one token a character: 10 of the problem, then 22
    assert tokenizer.decode(ids[:-1]) == text and ids[-1] == tokenizer.eos_token_id
    assert len(ids) == len(text) + 1 == 33
    assert (target[:10] == IGNORE).all()
    assert np.array_equal(target[10:], ids[10:])  # the token that ends it is learnt too
