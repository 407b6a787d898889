import numpy as np
import pytest
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForTokenClassification, PreTrainedTokenizerFast

from lightning_modules.encoding import Encoded
from lightning_modules.reward_model import RewardModel, probability_of_correct
from lightning_modules.scoring import score, score_texts


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


@pytest.mark.parametrize("num_labels", [2, 3])
@pytest.mark.parametrize("share_prefixes", [None, False])
@pytest.mark.parametrize("max_tokens", [30, 8192])
def test_scores_equal_those_of_one_solution_at_a_time(
    num_labels: int, share_prefixes: bool | None, max_tokens: int
) -> None:
    model, given = build(num_labels), solutions()
    scores = score(model, given, share_prefixes=share_prefixes, max_tokens=max_tokens)
    assert model.training  # as it was found
    model.eval()
    for index, solution in enumerate(given):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor(solution.ids)[None].long()).logits[0].double()
        prob = logits.softmax(-1).numpy()
        assert scores.prob.dtype == np.float64
        np.testing.assert_allclose(scores.steps(index), prob[solution.step_end], atol=1e-6)
        wanted = prob[-1, 1] if num_labels == 2 else prob[-1, 1] + prob[-1, 2]
        np.testing.assert_allclose(scores.last[index], wanted, atol=1e-6)


def test_scores_do_not_depend_on_order() -> None:
    model, given = build(), solutions()
    order = np.random.default_rng(1).permutation(len(given))
    straight, mixed = score(model, given), score(model, [given[index] for index in order])
    for place, index in enumerate(order):
        np.testing.assert_allclose(mixed.steps(place), straight.steps(index), atol=1e-6)
        np.testing.assert_allclose(mixed.last[place], straight.last[index], atol=1e-6)


def test_no_solutions() -> None:
    scores = score(build(3), [])
    assert scores.prob.shape == (0, 3)
    assert len(scores) == 0
    assert scores.offsets.tolist() == [0]


def test_neutral_counts_as_right() -> None:
    assert probability_of_correct(np.array([0.25, 0.75])) == 0.75
    assert probability_of_correct(np.array([0.25, 0.5, 0.25])) == 0.75


def test_texts_are_scored_shard_by_shard() -> None:
    vocabulary = {character: index for index, character in enumerate("0123456789+\n")}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="0"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner)
    model = RewardModel(build())
    asked = []

    def shards():
        for prompts, steps in ((["1\n", "2\n"], [["3", "4+5"], []]), (["7\n"], [["8"]])):
            asked.append(prompts)
            yield prompts, steps

    results = []
    for scores, cut in score_texts(model, tokenizer, shards(), max_length=4):
        results.append((len(asked), scores, cut.tolist()))
    assert [(shards_asked, cut) for shards_asked, _, cut in results] == [(1, [1, 0]), (2, [0])]
    ids = torch.tensor([[1, 11, 3, 11]])
    prob = model.backbone.eval()(input_ids=ids).logits.double().softmax(-1)[0, -1].detach().numpy()
    assert results[0][1].offsets.tolist() == [0, 1, 1]
    np.testing.assert_allclose(results[0][1].prob, prob[None], atol=1e-6)
