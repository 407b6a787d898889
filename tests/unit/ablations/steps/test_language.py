import json

import numpy as np
import pytest
import torch
from given import given
from transformers import AutoTokenizer

from ablations.data.artifacts import ProblemSet, Samples
from ablations.data.solutions import Problem
from ablations.engine.files import sha256_of
from ablations.engine.step import Context
from ablations.steps import language
from ablations.steps.base_model import CausalModel
from ablations.steps.language import (
    MathMix,
    SampleSolutions,
    document,
    few_shot_prefix,
    graded,
    saving,
)
from ablations.world.text import build_tokenizer
from ablations.world.world import split_of
from ablations.world.worlds import WORLDS
from lightning_modules.backbones import build_causal, load_causal
from lightning_modules.encoding import IGNORE
from lightning_modules.presets import PRESETS
from lightning_modules.sampling import Completion, sample

WORLD = WORLDS["dropped"]
PROBLEM = Problem(problem_id="train-0", text="a+8b-5:47", answer="50")


def test_completions_become_graded_solutions():
    texts = ["47a+8=55\n55b-5=50\n#50\n", "47a+8=55\n#55\n", "47a+8=55\n55b-5=50\n", "#50"]
    solutions = graded(WORLD, PROBLEM, [Completion(text=text, finished=True) for text in texts])
    assert [s.sample for s in solutions] == [0, 1, 2, 3]
    assert solutions[0].steps == ("47a+8=55", "55b-5=50", "#50")
    assert [s.answer for s in solutions] == ["50", "55", None, "50"]
    assert [s.final_correct for s in solutions] == [True, False, False, True]
    assert all(s.finished and s.problem_id == "train-0" for s in solutions)


@pytest.mark.parametrize("text", ["47a+8=55\n55b-5=50\n#50\n", "#50", "#50\n#5", ""])
def test_an_unfinished_solution_is_never_right(text):
    """Even one whose last line is the right answer: nobody knows what it would have gone on to say."""
    (solution,) = graded(WORLD, PROBLEM, [Completion(text=text, finished=False)])
    assert (solution.final_correct, solution.answer, solution.finished) == (False, None, False)


def test_an_empty_completion_is_a_wrong_solution_of_one_empty_step():
    (solution,) = graded(WORLD, PROBLEM, [Completion(text="", finished=True)])
    assert solution.steps == ("",) and not solution.final_correct


@pytest.mark.parametrize(("shots", "seed"), [(1, 0), (2, 0), (3, 5)])
def test_the_prompt_shows_solved_problems_of_another_split(shots, seed):
    tokenizer = build_tokenizer(WORLD)
    prefix = few_shot_prefix(WORLD, tokenizer, shots, seed)
    ids = tokenizer(prefix, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == prefix  # nothing unknown to it, nothing lost
    assert ids.count(tokenizer.eos_token_id) == shots and ids[-1] == tokenizer.eos_token_id
    solved = prefix.split(tokenizer.eos_token)
    assert len(solved) == shots + 1 and solved[-1] == ""
    for text in solved[:-1]:
        first, *steps = text.removesuffix("\n").split("\n")
        assert split_of(first) == "pretraining" and WORLD.operations(first) <= 3
        assert set(WORLD.judge(first, steps)) == {1} and WORLD.final_answer(steps) == WORLD.answer(first)
    assert prefix == few_shot_prefix(WORLD, tokenizer, shots, seed)


def test_a_document_has_no_target_in_the_problem():
    tokenizer = build_tokenizer(WORLD)
    ids, target = document(tokenizer, PROBLEM, ("47a+8=55", "55b-5=50", "#50"))
    text = "a+8b-5:47\n47a+8=55\n55b-5=50\n#50\n"  # one token a character: 10 of the problem, then 22
    assert tokenizer.decode(ids[:-1]) == text and ids[-1] == tokenizer.eos_token_id
    assert len(ids) == len(text) + 1 == 33
    assert (target[:10] == IGNORE).all()
    assert np.array_equal(target[10:], ids[10:])  # the token that ends it is learnt too


@pytest.fixture
def base(tmp_path):
    """A tiny base model of random weights, as an artifact."""
    tokenizer = build_tokenizer(WORLD)
    model = build_causal(PRESETS["tiny"], tokenizer, seed=0)
    return given(tmp_path, "base", CausalModel(save=saving(model, tokenizer)))


def finetune(base, root, name, rows, held_out=None):
    """Finetunes on rows of questions; returns the folder of the artifact."""
    text, scratch = root / f"{name}.jsonl", root / f"{name}-scratch"
    text.write_text("".join(json.dumps(row) + "\n" for row in rows))
    scratch.mkdir()
    step = MathMix(
        base=base,
        held_out=held_out,
        text_sha256=sha256_of(text),
        updates=30,
        batch_tokens=64,
        max_tokens=32,
        learning_rate=1e-2,
        seed=0,
        text=text,
    )
    return root / given(root, name, step.run(Context(root=root, scratch=scratch))).address


def test_mathmix_lowers_the_loss_of_its_text_and_keeps_the_tokenizer(base, tmp_path):
    rows = [{"question": f"a+{digit}:47", "answer": f"47a+{digit}={47 + digit}"} for digit in range(1, 9)]
    out = finetune(base, tmp_path, "out", rows)
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    assert tokenizer.get_vocab() == build_tokenizer(WORLD).get_vocab()
    ids = torch.tensor([tokenizer("a+5:47\n47a+5=52\n", add_special_tokens=False)["input_ids"]])
    before, after = (
        load_causal(folder / "model").eval()(input_ids=ids, labels=ids).loss.item()
        for folder in (tmp_path / "base", out)
    )
    assert after < before - 0.5
    assert json.loads((out / "facts.json").read_text()) == {"questions": 8, "updates": 30}


def test_mathmix_leaves_out_the_problems_that_judge(base, tmp_path):
    """However they are spaced or capitalised."""
    problems = [Problem(problem_id="p", text="Ann has 2\n eggs?", answer="2")]
    held_out = given(tmp_path, "pool", ProblemSet(problems=problems))
    rows = [{"question": question, "answer": "2"} for question in ("ann has 2 eggs? ", "Ann has 3 eggs?")]
    out = finetune(base, tmp_path, "out", rows, held_out)
    assert json.loads((out / "facts.json").read_text())["questions"] == 1
    with pytest.raises(ValueError, match="found no question"):
        finetune(base, tmp_path, "none", rows[:1], held_out)


def test_mathmix_on_no_text(base, tmp_path):
    with pytest.raises(ValueError, match=r"out\.jsonl: found no question; allowed: one or more"):
        finetune(base, tmp_path, "out", [])


def test_a_finished_shard_is_never_sampled_again(base, tmp_path, monkeypatch):
    """Interrupted in the second of two shards; the same call then samples that one alone, alike."""
    problems = [Problem(problem_id=f"p{p}", text="a+8:47", answer="55") for p in range(4)]
    monkeypatch.setattr(language, "SHARD_PROBLEMS", 2)
    step = SampleSolutions(
        generator=base,
        problems=given(tmp_path, "problems", ProblemSet(problems=problems)),
        world="dropped",
        count=3,
        temperature=1.0,
        min_p=0.0,
        max_new_tokens=5,
        seed=1,
    )
    sampled = []

    def counting(*args, seed, **more):
        sampled.append(seed)
        if interrupted and len(sampled) == 2:
            raise KeyboardInterrupt
        return sample(*args, seed=seed, **more)

    def run(name, scratch):
        (tmp_path / scratch).mkdir(exist_ok=True)
        found = step.run(Context(root=tmp_path, scratch=tmp_path / scratch))
        return Samples.read(tmp_path / given(tmp_path, name, found).address).solutions.content_hash()

    monkeypatch.setattr("lightning_modules.sampling.sample", counting)
    interrupted = True
    with pytest.raises(KeyboardInterrupt):
        run("killed", "scratch")
    first, second = sampled
    interrupted = False
    found = run("resumed", "scratch")
    assert sampled == [first, second, second]
    assert found == run("at once", "other scratch") and sampled[3:] == [first, second]
