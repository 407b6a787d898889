import pytest
from given import given

from ablations.data.artifacts import ProblemSet, Samples
from ablations.data.solutions import Problem
from ablations.engine.step import Context
from ablations.steps.base_model import CausalModel
from ablations.steps.language_finetuning import saving
from ablations.steps.sampling import SampleSolutions, few_shot_prefix, grade
from ablations.world.text import build_tokenizer
from ablations.world.world import split_of
from ablations.world.worlds import WORLDS
from lightning_modules.backbones import build_causal
from lightning_modules.presets import PRESETS
from lightning_modules.sampling import Completion, sample

WORLD = WORLDS["dropped"]
PROBLEM = Problem(problem_id="train-0", text="a+8b-5:47", answer="50")


def test_completions_become_graded_solutions():
    texts = ["47a+8=55\n55b-5=50\n#50\n", "47a+8=55\n#55\n", "47a+8=55\n55b-5=50\n", "#50"]
    solutions = grade(WORLD, PROBLEM, [Completion(text=text, finished=True) for text in texts])
    assert [s.sample for s in solutions] == [0, 1, 2, 3]
    assert solutions[0].steps == ("47a+8=55", "55b-5=50", "#50")
    assert [s.answer for s in solutions] == ["50", "55", None, "50"]
    assert [s.final_correct for s in solutions] == [True, False, False, True]
    assert all(s.finished and s.problem_id == "train-0" for s in solutions)


@pytest.mark.parametrize("text", ["47a+8=55\n55b-5=50\n#50\n", "#50", "#50\n#5", ""])
def test_an_unfinished_solution_is_never_right(text):
    """Even one whose last line is the right answer: nobody knows what it would have gone on to say."""
    (solution,) = grade(WORLD, PROBLEM, [Completion(text=text, finished=False)])
    assert (solution.final_correct, solution.answer, solution.finished) == (False, None, False)


def test_an_empty_completion_is_a_wrong_solution_of_one_empty_step():
    (solution,) = grade(WORLD, PROBLEM, [Completion(text="", finished=True)])
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


@pytest.fixture
def base(tmp_path):
    """A tiny base model of random weights, as an artifact."""
    tokenizer = build_tokenizer(WORLD)
    model = build_causal(PRESETS["tiny"], tokenizer, seed=0)
    return given(tmp_path, "base", CausalModel(save=saving(model, tokenizer)))


def test_a_finished_shard_is_never_sampled_again(base, tmp_path, monkeypatch):
    """Interrupted in the second of two shards; the same call then samples that one alone, alike."""
    problems = [Problem(problem_id=f"p{p}", text="a+8:47", answer="55") for p in range(4)]
    step = SampleSolutions(
        generator=base,
        problems=given(tmp_path, "problems", ProblemSet(problems=problems)),
        world="dropped",
        count=3,
        temperature=1.0,
        min_p=0.0,
        max_new_tokens=5,
        seed=1,
        shard_problems=2,
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
