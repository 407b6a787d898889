"""What a language model learns from text, and what from a pool."""

import json

import numpy as np
import pytest

from ablations.steps.language_finetuning import encode_solutions, right_solutions, windows
from ablations.data.left_out import LeftOut
from ablations.formats.held_out import HeldOut
from ablations.formats.catalogue import FORMATS
from ablations.formats.labeled_solution import LabeledSolution, Step
from lightning_modules.encoding import IGNORE

END = "<eos>"


def read(tokenizer, ids):
    return [tokenizer.decode([int(token)]) for token in ids]


def solution(sample, problem="1+1?", **more):
    given = {"correct": True, "finished": True} | more
    steps = (Step(text="It is 2."), Step(text=f"#{sample}"))
    return LabeledSolution(problem=problem, problem_id=problem, sample=sample, steps=steps, **given)


@pytest.mark.parametrize(("kind", "bos"), [("qwen2", []), ("llama", ["<s>"])])
def test_text_in_pieces(kind, bos, tokenizer_of):
    """A token a byte: of "abcdefg" and what opens and ends it, at most four a piece."""
    tokenizer = tokenizer_of(kind)
    (whole,) = windows(tokenizer, ["abcdefg"], 20)
    assert read(tokenizer, whole) == [*bos, *"abcdefg", END]
    pieces = windows(tokenizer, ["abcdefg", "hi"], 4)
    assert [read(tokenizer, piece) for piece in pieces] == (
        [["a", "b", "c", "d"], ["e", "f", "g", END], ["h", "i", END]]
        if not bos
        # What ends it would be alone in a third piece, where nothing is before it.
        else [["<s>", "a", "b", "c"], ["d", "e", "f", "g"], ["<s>", "h", "i", END]]
    )


@pytest.mark.parametrize(("kind", "before"), [("qwen2", 0), ("llama", 1)])
def test_the_problem_has_no_target_and_the_end_has_one(kind, before, tokenizer_of):
    tokenizer = tokenizer_of(kind)
    left_out = LeftOut()
    ((ids,), (target,)) = encode_solutions(tokenizer, [solution(3)], 40, left_out)
    text = "1+1?\nIt is 2.\n#3\n"  # 5 of the problem, 9 and 3 of its steps
    assert read(tokenizer, ids) == [*["<s>"] * before, *text, END]
    assert (target[: before + 5] == IGNORE).all()
    assert np.array_equal(target[before + 5 :], ids[before + 5 :]) and len(ids) == before + 5 + 12 + 1
    assert left_out.counts == {}


def test_a_solution_that_does_not_fit_is_left_out_whole(tokenizer_of):
    """18 tokens: cut, it would not end."""
    left_out = LeftOut()
    documents, _ = encode_solutions(tokenizer_of("qwen2"), [solution(3), solution(10)], 18, left_out)
    assert [len(ids) for ids in documents] == [18]  # the other one has 19
    assert left_out.first == {"longer than 18 tokens": ["1+1? sample 10"]}


def test_only_finished_right_solutions_are_learnt_from():
    pool = [
        solution(0),
        solution(1, correct=False),
        solution(2, correct=None),
        solution(3, finished=False, correct=False),
        solution(4, problem="2+2?"),
        solution(5),
    ]
    held_out = HeldOut(named={"22": "2+2?"})
    left_out = LeftOut()
    assert right_solutions(pool, held_out, None, left_out) == [pool[0], pool[5]]
    assert left_out.counts == dict.fromkeys(("wrong", "ungraded", "unfinished", "of held-out problems"), 1)
    assert left_out.first["ungraded"] == ["1+1? sample 2"]


def test_no_problem_counts_more_than_the_most_of_it():
    pool = [solution(n, problem, correct=n != 1) for problem in ("1+1?", "2+2?", " 1+1? ") for n in range(4)]
    left_out = LeftOut()
    kept = right_solutions(pool, HeldOut(), 2, left_out)
    # The third problem is the first one, spaced otherwise; the wrong ones do not count.
    assert [(one.problem, one.sample) for one in kept] == [
        *[("1+1?", 0), ("1+1?", 2), ("2+2?", 0), ("2+2?", 2)]
    ]
    assert left_out.counts == {"wrong": 3, "more than the most of a problem": 5}


def test_a_pool_is_read(tmp_path):
    sample = {"sample": 0, "steps": ["2"], "answer": "2", "final_correct": True}
    row = {"problem_id": "p", "problem": "1+1?", "answer": "2", "samples": [sample]}
    (tmp_path / "pool.jsonl").write_text(json.dumps(row))
    (found,) = right_solutions(FORMATS["pool"].read(tmp_path / "pool.jsonl"), HeldOut(), None, LeftOut())
    assert (found.problem, found.texts) == ("1+1?", ("2",))
