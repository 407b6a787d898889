"""Rollouts in an embedded world: what is sampled and how it is graded, and what a kill leaves."""

import numpy as np
import pytest
from given import given

from ablations.data.artifacts import Samples
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.engine.step import Context
from ablations.steps import rollouts as module
from ablations.steps.base_model import CausalModel
from ablations.steps.language_finetuning import saving
from ablations.steps.rollouts import RollOut
from ablations.world.text import build_tokenizer
from ablations.world.worlds import WORLDS
from lightning_modules import sampling
from lightning_modules.backbones import build_causal
from lightning_modules.presets import PRESETS
from lightning_modules.sampling import Completion

WORLD = WORLDS["dropped"]
PROBLEM = Problem(problem_id="p", text="a+8b-5:47", answer="50")
RIGHT = ("47a+8=55", "55b-5=50", "#50")
WRONG = ("47a+8=56", "56b-5=51", "#51")


def solution(sample, steps):
    answer = steps[-1].removeprefix("#")
    return Solution(
        problem_id="p",
        sample=sample,
        steps=steps,
        answer=answer,
        finished=True,
        final_correct=answer == "50",
    )


@pytest.fixture
def step(tmp_path):
    tokenizer = build_tokenizer(WORLD)
    model = build_causal(PRESETS["tiny"], tokenizer, seed=0)
    rows = [solution(at, steps) for at, steps in enumerate((RIGHT, WRONG, RIGHT))]
    return RollOut(
        generator=given(tmp_path, "base", CausalModel(save=saving(model, tokenizer))),
        samples=given(tmp_path, "samples", Samples(problems=[PROBLEM], solutions=Solutions.from_rows(rows))),
        world="dropped",
        count=2,
        temperature=1.0,
        min_p=0.0,
        max_new_tokens=6,
        seed=1,
    )


def run(step, tmp_path, scratch="scratch"):
    (tmp_path / scratch).mkdir(exist_ok=True)
    return step.run(Context(root=tmp_path, scratch=tmp_path / scratch))


def test_rollouts_continue_each_distinct_prefix_and_are_graded(step, tmp_path, monkeypatch):
    """From 47a+8=55 one of two rollouts is right; from the others none or both; whole solutions have none."""
    written = {
        "47a+8=55\n": ["55b-5=50\n#50\n", "55b-5=51\n#51\n"],
        "47a+8=55\n55b-5=50\n": ["#50\n", "#50\n"],
        "47a+8=56\n": ["56b-5=51\n#51\n", "56b-5=50\n"],
        "47a+8=56\n56b-5=51\n": ["#51\n", "#50"],
    }

    def sample(model, tokenizer, prompts, *, num_samples, **more):
        assert prompts == [f"{PROBLEM.text}\n{prefix}" for prefix in written] and num_samples == 2
        finished = [text.endswith("\n") for texts in written.values() for text in texts]
        texts = iter(finished)
        return [
            [Completion(text=text, finished=next(texts), tokens=len(text)) for text in pair]
            for pair in written.values()
        ]

    monkeypatch.setattr(sampling, "sample", sample)
    found = run(step, tmp_path)
    shares = [found.prob.row(i)[:, 1].tolist() for i in range(3)]
    # #50 at the token limit is unfinished, and so not right
    assert shares == [[0.5, 1, 1], [0, 0, 0], [0.5, 1, 1]]
    # 2 * 13 tokens, 2 * 4, 13 + 9, 4 + 3
    assert found.cost(np.arange(3)) == (8, 26 + 8 + 22 + 7)


def test_a_finished_shard_is_never_rolled_out_again(step, tmp_path, monkeypatch):
    """Interrupted in the second of two shards; the same call rolls out that one alone, and ends alike."""
    whole = run(step, tmp_path, "whole")
    monkeypatch.setattr(module, "SHARD", 2)
    prompted, real, interrupted = [], sampling.sample, True

    def sample(model, tokenizer, prompts, **more):
        prompted.append(prompts)
        if interrupted and len(prompted) == 2:
            raise KeyboardInterrupt
        return real(model, tokenizer, prompts, **more)

    monkeypatch.setattr(sampling, "sample", sample)
    with pytest.raises(KeyboardInterrupt):
        run(step, tmp_path)
    interrupted = False
    found = run(step, tmp_path)
    assert [len(prompts) for prompts in prompted] == [2, 2, 2] and prompted[1] == prompted[2] != prompted[0]
    assert found.prob.values.tolist() == whole.prob.values.tolist()  # no rollout depends on its shard
    assert found.tokens.values.tolist() == whole.tokens.values.tolist() and found.cost(np.arange(3))[0] == 8
