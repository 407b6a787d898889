import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForTokenClassification

from lightning_modules.encoding import Encoded
from lightning_modules.prefix_trees import Rows
from lightning_modules.reward_model import probability_of_correct
from lightning_modules.scoring import Scores, score


def build(num_labels: int = 2) -> LlamaForTokenClassification:
    torch.manual_seed(num_labels)
    config = LlamaConfig(
        vocab_size=12,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_labels=num_labels,
        initializer_range=0.5,
    )
    return LlamaForTokenClassification(config)


def solutions(count: int = 20) -> list[Encoded]:
    random = np.random.default_rng(0)
    prompts = random.integers(0, 12, (4, 5))
    made = []
    for index in range(count):
        lengths = random.integers(1, 5, random.integers(0, 5))
        ids = np.concatenate([prompts[index % 4], random.integers(0, 3, lengths.sum())])
        made.append(Encoded(ids=ids.astype(np.int32), solution_start=5, step_end=4 + np.cumsum(lengths)))
    return made + made[::3]


def steps_of(scores: Scores, index: int) -> np.ndarray:
    return scores.prob[scores.offsets[index] : scores.offsets[index + 1]]


@pytest.mark.parametrize("num_labels", [2, 3])
@pytest.mark.parametrize("rows", [None, "padded"])
@pytest.mark.parametrize("max_tokens", [30, 8192])
def test_scores_equal_those_of_one_solution_at_a_time(
    num_labels: int, rows: Rows | None, max_tokens: int
) -> None:
    model, given = build(num_labels), solutions()
    scores = score(model, given, rows=rows, max_tokens=max_tokens)
    assert model.training  # as it was found
    model.eval()
    for index, solution in enumerate(given):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor(solution.ids)[None].long()).logits[0].double()
        prob = logits.softmax(-1).numpy()
        assert scores.prob.dtype == np.float64
        np.testing.assert_allclose(steps_of(scores, index), prob[solution.step_end], atol=1e-6)
        wanted = prob[-1, 1] if num_labels == 2 else prob[-1, 1] + prob[-1, 2]
        np.testing.assert_allclose(scores.last[index], wanted, atol=1e-6)


def test_scores_do_not_depend_on_order() -> None:
    model, given = build(), solutions()
    order = np.random.default_rng(1).permutation(len(given))
    straight, mixed = score(model, given), score(model, [given[index] for index in order])
    for place, index in enumerate(order):
        np.testing.assert_allclose(steps_of(mixed, place), steps_of(straight, index), atol=1e-6)
        np.testing.assert_allclose(mixed.last[place], straight.last[index], atol=1e-6)


def test_no_solutions() -> None:
    scores = score(build(3), [])
    assert scores.prob.shape == (0, 3)
    assert len(scores.last) == 0
    assert scores.offsets.tolist() == [0]


def test_neutral_counts_as_right() -> None:
    assert probability_of_correct(np.array([0.25, 0.75])) == 0.75
    assert probability_of_correct(np.array([0.25, 0.5, 0.25])) == 0.75
