"""What labels cost, by hand, with a tokenizer of one token per character in the world `dropped`."""

import numpy as np
import pytest
from given import given, run

from ablations.data.artifacts import Samples
from ablations.data.models import TrainedModel
from ablations.data.rollouts import Prefixes, Rollouts
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.steps.base_model import CausalModel
from ablations.steps.language_finetuning import saving
from ablations.steps.measure_cost import MeasureCost
from ablations.world.text import build_tokenizer
from ablations.world.worlds import WORLDS
from lightning_modules.backbones import build_causal
from lightning_modules.presets import PRESETS
from lightning_modules.sizes import size_of

PROBLEM = Problem(problem_id="p", text="a+8:4", answer="12")
STEPS = (("4+8=1", "#1"), ("4+8=1", "#9"))


@pytest.fixture
def parts(tmp_path):
    """Two solutions that share a step, rolled out in 3 rollouts of 7 tokens; a tiny model in both roles."""
    tokenizer = build_tokenizer(WORLDS["dropped"])
    model = CausalModel(save=saving(build_causal(PRESETS["tiny"], tokenizer, seed=0), tokenizer))
    rows = [
        Solution(problem_id="p", sample=at, steps=steps, answer=None, finished=True, final_correct=False)
        for at, steps in enumerate(STEPS)
    ]
    samples = Samples(problems=[PROBLEM], solutions=Solutions.from_rows(rows))
    numbered = Prefixes.of(samples)
    rollouts = Rollouts.of(samples, numbered, np.array([1, 0, 0]), np.array([7, 0, 0]), 3)
    base = given(tmp_path, "base", model)
    return {
        "folder": tmp_path / "base" / "model",
        "common": dict(data_scale=2, seed=0, base=base, samples=given(tmp_path, "samples", samples)),
        "labels": given(tmp_path, "labels", StepScores(prob=rollouts.prob, last=rollouts.last)),
        "rollouts": given(tmp_path, "rollouts", rollouts),
        "models": dict(generator=base, labeler=given(tmp_path, "labeler", TrainedModel(save=model.save))),
    }


def measured(tmp_path, **fields):
    return {row["metric"]: row["value"] for row in run(MeasureCost(**fields), tmp_path).rows}


def test_costs_by_hand(parts, tmp_path):
    """6 tokens of the problem (with its newline), 6 of the shared step, 3 of each answer: 18 are read.

    Per solution 9. Of 10 tokens each (with the end), 20 are sampled. A rollout checks an answer, and so does
    each solution.
    """
    none = {"answer_checks": 0, "labeler_tokens": 0, "rollouts": 0, "rollout_tokens": 0}
    common, labels, rollouts = parts["common"], parts["labels"], parts["rollouts"]
    found = measured(tmp_path, arm="process", labels=labels, threshold=0.5, **common)
    assert found == none | {"labeler_tokens": 9}
    assert measured(tmp_path, arm="final_answer", **common) == none | {"answer_checks": 1}
    by_rollouts = none | {"answer_checks": 5 / 2, "rollouts": 3 / 2, "rollout_tokens": 7 / 2}
    assert measured(tmp_path, arm="monte_carlo_hard", rollouts=rollouts, **common) == by_rollouts
    found = measured(tmp_path, arm="consensus", labels=labels, threshold=0.5, rollouts=rollouts, **common)
    assert found == by_rollouts | {"labeler_tokens": 9}


def test_operations_by_hand(parts, tmp_path):
    """2 per token and parameter, and in attention 4 per token, layer, unit of width and token of a row."""
    size = size_of(str(parts["folder"]), vocabulary=0)
    attention = 4 * size.layers * size.width * 15  # 15 tokens a solution
    sampled, read = 2 * size.language + attention, 2 * size.reward + attention
    common = parts["common"] | parts["models"]
    found = {
        arm: measured(tmp_path, arm=arm, **fields, **common)["label_operations"]
        for arm, fields in {
            "final_answer": {},
            "process": {"labels": parts["labels"], "threshold": 0.5},
            "monte_carlo_hard": {"rollouts": parts["rollouts"]},
        }.items()
    }
    # 20 tokens of the solutions; 18 read by the labeler, or read once and 7 of rollouts
    assert found["final_answer"] == pytest.approx(20 * sampled / 2)
    assert found["process"] == pytest.approx((20 * sampled + 18 * read) / 2)
    assert found["monte_carlo_hard"] == pytest.approx((27 * sampled + 18 * read) / 2)
