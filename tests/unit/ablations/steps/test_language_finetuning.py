"""What a language model learns from text, and what from a pool."""

import json

import numpy as np
import pytest
import torch
from given import given
from transformers import AutoTokenizer

from ablations.data.artifacts import ProblemSet, Samples
from ablations.data.left_out import LeftOut
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.engine.step import Context
from ablations.engine.user_file import UserFile
from ablations.formats.catalogue import FORMATS
from ablations.formats.held_out import HeldOut
from ablations.formats.labeled_solution import LabeledSolution, SolutionStep
from ablations.steps.base_model import CausalModel
from ablations.steps.course import Course
from ablations.steps.language_finetuning import (
    MathMix,
    encode_solutions,
    labeled_solutions,
    right_solutions,
    saving,
    windows,
)
from ablations.world.text import build_tokenizer
from ablations.world.worlds import WORLDS
from lightning_modules.backbones import build_causal, load_causal
from lightning_modules.encoding import IGNORE
from lightning_modules.presets import PRESETS

END = "<eos>"
WORLD = WORLDS["dropped"]


def read(tokenizer, ids):
    return [tokenizer.decode([int(token)]) for token in ids]


def solution(sample, problem="1+1?", **more):
    given = {"correct": True, "finished": True} | more
    steps = (SolutionStep(text="It is 2."), SolutionStep(text=f"#{sample}"))
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


def test_a_worlds_sample_has_no_target_in_the_problem():
    tokenizer = build_tokenizer(WORLD)
    problem = Problem(problem_id="train-0", text="a+8b-5:47", answer="50")
    right = Solution(
        problem_id="train-0",
        sample=0,
        steps=("47a+8=55", "55b-5=50", "#50"),
        answer="50",
        finished=True,
        final_correct=True,
    )
    samples = Samples(problems=[problem], solutions=Solutions.from_rows([right]))
    ((ids,), (target,)) = encode_solutions(tokenizer, list(labeled_solutions(samples)), 99, LeftOut())
    text = "a+8b-5:47\n47a+8=55\n55b-5=50\n#50\n"  # one token a character: 10 of the problem, then 22
    assert tokenizer.decode(ids[:-1]) == text and ids[-1] == tokenizer.eos_token_id
    assert len(ids) == len(text) + 1 == 33
    assert (target[:10] == IGNORE).all()
    assert np.array_equal(target[10:], ids[10:])  # the token that ends it is learned too


@pytest.fixture
def world_base(tmp_path):
    """A tiny base model of random weights, as an artifact."""
    tokenizer = build_tokenizer(WORLD)
    model = build_causal(PRESETS["tiny"], tokenizer, seed=0)
    return given(tmp_path, "base", CausalModel(save=saving(model, tokenizer)))


def finetune(base, root, name, rows, problems=None):
    """Finetunes on rows of questions; returns the folder of the artifact."""
    text, scratch = root / f"{name}.jsonl", root / f"{name}-scratch"
    text.write_text("".join(json.dumps(row) + "\n" for row in rows))
    scratch.mkdir()
    step = MathMix(
        base=base,
        text=(UserFile.of(text, "text"),),
        problems=problems,
        course=Course(epochs=1, updates=30, batch=64, learning_rate=1e-2, max_length=32),
    )
    return root / given(root, name, step.run(Context(root=root, scratch=scratch))).address


def test_mathmix_lowers_the_loss_of_its_text_and_keeps_the_tokenizer(world_base, tmp_path):
    rows = [{"question": f"a+{digit}:47", "answer": f"47a+{digit}={47 + digit}"} for digit in range(1, 9)]
    out = finetune(world_base, tmp_path, "out", rows)
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    assert tokenizer.get_vocab() == build_tokenizer(WORLD).get_vocab()
    ids = torch.tensor([tokenizer("a+5:47\n47a+5=52\n", add_special_tokens=False)["input_ids"]])
    before, after = (
        load_causal(folder / "model").eval()(input_ids=ids, labels=ids).loss.item()
        for folder in (tmp_path / "base", out)
    )
    assert after < before - 0.5
    facts = json.loads((out / "facts.json").read_text())
    assert facts["counts"]["documents"] == 8 and facts["training"]["updates"] == 30


def test_mathmix_leaves_out_the_problems_that_judge(world_base, tmp_path):
    """However they are spaced or capitalized."""
    problems = [Problem(problem_id="p", text="Ann has 2\n eggs?", answer="2")]
    held_out = given(tmp_path, "pool", ProblemSet(problems=problems))
    rows = [{"question": question, "answer": "2"} for question in ("ann has 2 eggs? ", "Ann has 3 eggs?")]
    out = finetune(world_base, tmp_path, "out", rows, held_out)
    facts = json.loads((out / "facts.json").read_text())
    assert facts["counts"]["documents"] == 1 == facts["left_out"]["of held-out problems"]["count"]
    with pytest.raises(ValueError, match="text: found none, 1 left out"):
        finetune(world_base, tmp_path, "none", rows[:1], held_out)


def test_mathmix_on_no_text(world_base, tmp_path):
    with pytest.raises(ValueError, match="text: found none, nothing left out; allowed: one or more"):
        finetune(world_base, tmp_path, "out", [])
