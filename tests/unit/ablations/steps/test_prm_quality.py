"""How a PRM is judged on held-out rows, against plain references."""

import numpy as np
import pytest
import torch

from ablations.data.left_out import LeftOut
from ablations.evaluation.discrimination import auroc
from ablations.formats.rated_solutions import Branch, Rated
from ablations.steps.encoded_ratings import encode_rated
from ablations.steps.prm_quality import evaluate_prm
from lightning_modules.backbones import load_classifier
from lightning_modules.reward_model import RewardModel

CLASS = {-1: 0, 0: 1, 1: 2}


RATED = [
    Rated(
        name="a",
        problem="1+1?",
        branches=(
            Branch(steps=("It is 2.", "So #2"), ratings=(1, None)),
            Branch(steps=("It is 2.", "So #3"), ratings=(None, -1)),
        ),
    ),
    Rated(name="b", problem="2+2?", branches=(Branch(steps=("Well", "4"), ratings=(0, 1)),)),
    Rated(name="c", problem="2+2?", branches=(Branch(steps=("5",), ratings=(-1,)),)),
]


@pytest.mark.parametrize("kind", ["qwen2", "llama"])
def test_the_judgment_is_that_of_each_step_alone(kind, base, tokenizer_of):
    tokenizer = tokenizer_of(kind)
    model = RewardModel(load_classifier(base(kind), num_labels=3, seed=1))
    torch.nn.init.normal_(model.backbone.score.weight)
    branches = encode_rated(tokenizer, RATED, None, LeftOut())
    found = evaluate_prm(model, branches, np.array([0, 1, 1]))
    rows = []  # probabilities at each labeled step, read off a plain pass over the text that ends with it
    for problem, one in ((0, RATED[0]), (1, RATED[1]), (1, RATED[2])):
        for branch in one.branches:
            for at, rating in enumerate(branch.ratings):
                if rating is None:
                    continue
                text = f"{one.problem}\n" + "".join(f"{step}\n" for step in branch.steps[: at + 1])
                ids = tokenizer(text, add_special_tokens=False)["input_ids"]
                bos = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
                with torch.inference_mode():
                    logits = model.backbone.eval()(input_ids=torch.tensor([[*bos, *ids]])).logits[0, -1]
                rows.append((problem, rating, logits.double().softmax(-1).numpy()))
    ratings = np.array([rating for _, rating, _ in rows])
    prob = np.stack([one for _, _, one in rows])
    target = np.array([CLASS[rating] for rating in ratings])
    hit = prob.argmax(axis=1) == target
    assert (found["labels"], found["problems"]) == (5, 2)
    assert found["loss"] == pytest.approx(float(-np.log(prob[np.arange(5), target]).mean()), rel=1e-4)
    assert found["accuracy"] == pytest.approx(hit.mean())
    expected = auroc(-prob[:, 0], ratings != -1)  # neutral is right
    assert found["step_auroc"]["estimate"] == pytest.approx(expected, abs=1e-9)
    for name, c, count in (("negative", 0, 2), ("neutral", 1, 1), ("positive", 2, 2)):
        assert found["by_class"][name] == {
            "labels": count,
            "accuracy": pytest.approx(hit[target == c].mean()),
        }


def test_what_is_not_defined_is_null(base, tokenizer_of):
    branches = encode_rated(tokenizer_of("qwen2"), RATED[2:], None, LeftOut())
    model = RewardModel(load_classifier(base("qwen2"), num_labels=3, seed=1))
    found = evaluate_prm(model, branches, np.array([0]))
    assert found["step_auroc"] == {"estimate": None, "lower": None, "upper": None}
    assert found["by_class"]["positive"] == {"labels": 0, "accuracy": None}
