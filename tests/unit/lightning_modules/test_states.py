"""States of a frozen trunk against a cut model that reads a solution alone; heads on them as whole models."""

import numpy as np
import pytest
import torch
from tiny_checkpoints import write_checkpoint
from transformers import AutoModel, AutoModelForTokenClassification

from lightning_modules.encoding import Encoded, encode_all
from lightning_modules.presets import Frozen
from lightning_modules.reward_model import RewardModel
from lightning_modules.row_choice import choose_rows
from lightning_modules.scoring import score
from lightning_modules.state_head import StateHeadConfig, join_trunk, new_head
from lightning_modules.states import hidden_states, load_trunk
from lightning_modules.tokenization import load_tokenizer

PROMPTS = ["Ann has 12 eggs, buys 30.\n"] * 3 + ["Natalia sold 48 clips.\n"]
STEPS = [
    ["12 + 30 = 42", "The answer is 42"],
    ["12 + 30 = 42", "Then 42 + 5 = 47", "The answer is 47"],
    ["12 + 30 = 40"],
    ["The answer is 48"],
]


@pytest.fixture(scope="module", params=["smollm3", "qwen2", "gpt2"])
def checkpoint(request, tmp_path_factory):
    return write_checkpoint(request.param, tmp_path_factory.mktemp("checkpoints") / request.param)


def test_a_state_is_that_of_the_checkpoint_cut_to_its_layer(checkpoint):
    """At every step's end and the last token, and their mean over the solution; prefixes shared or not."""
    encoded = encode_all(load_tokenizer(checkpoint), PROMPTS, STEPS)
    trunk = load_trunk(checkpoint, (1, 2))
    found = hidden_states(trunk, encoded, (1, 2), max_tokens=64)
    assert found.shape == (2, sum(map(len, STEPS)) + 2 * len(STEPS), 32) and found.dtype == np.float16
    for index, layer in enumerate((1, 2)):
        cut = AutoModel.from_pretrained(checkpoint, num_hidden_layers=layer).eval()
        expected = []
        for one in encoded:
            with torch.inference_mode():
                (states,) = cut(input_ids=torch.from_numpy(one.ids.astype(np.int64))[None]).last_hidden_state
            expected += [states[end] for end in one.step_end]
            expected += [states[-1], states[one.solution_start :].mean(0)]
        np.testing.assert_allclose(found[index], torch.stack(expected).numpy(), atol=2e-3, rtol=2e-3)
    alone = hidden_states(load_trunk(checkpoint, (1,)), encoded, (1,))
    np.testing.assert_allclose(alone[0], found[0], atol=2e-3, rtol=2e-3)


def test_layers_that_are_not_there(checkpoint):
    with pytest.raises(ValueError, match="layers: found 5; allowed: 1 to "):
        load_trunk(checkpoint, (1, 5))


@pytest.mark.parametrize("pooled", [False, True])
def test_a_linear_head_and_its_trunk_are_one_token_classifier(checkpoint, tmp_path, pooled):
    """Written and read as whoever has the folder does, it scores as the head does on the states."""
    encoded = encode_all(load_tokenizer(checkpoint), PROMPTS, STEPS)
    table = torch.from_numpy(hidden_states(load_trunk(checkpoint, (2,)), encoded, (2,))[0])
    head = new_head(StateHeadConfig(width=32, layer=2, pooled=pooled, num_labels=2), seed=0)
    torch.nn.init.normal_(head.score.weight)
    head.standardize(table)
    model = RewardModel(head)
    head.table = table
    join_trunk(head, checkpoint).save_pretrained(tmp_path / "whole")
    whole = AutoModelForTokenClassification.from_pretrained(tmp_path / "whole").eval()
    assert whole.config.num_hidden_layers == 2 and whole.config.id2label == {0: "negative", 1: "positive"}
    first, rows = 0, []
    for one in encoded:
        count = len(one.step_end)
        ids = [*range(first, first + count), first + count + pooled]
        rows.append(type(one)(ids=np.array(ids), solution_start=0, step_end=np.arange(count)))
        first += count + 2
    by_head, by_whole = score(model, rows), score(whole, encoded)
    np.testing.assert_allclose(by_head.prob, by_whole.prob, atol=0.02)
    np.testing.assert_allclose(by_head.last, by_whole.last, atol=0.02)


def test_a_head_with_a_hidden_layer_is_no_token_classifier(checkpoint):
    head = new_head(StateHeadConfig(width=32, hidden=8, layer=1, num_labels=3), seed=0)
    with pytest.raises(ValueError, match="hidden: found a hidden layer of 8; allowed: a linear head"):
        join_trunk(head, checkpoint)


def over_steps():
    """A head with attention, its weights drawn, on a table of 40 states."""
    torch.manual_seed(3)
    head = new_head(StateHeadConfig(width=4, hidden=8, heads=2, layer=1, num_labels=2), seed=1).eval()
    for weight in head.parameters():
        torch.nn.init.normal_(weight)
    head.table = torch.randn(40, 4).half()
    return head


def test_a_transformer_layer_looks_back_over_the_steps_of_its_own_solution():
    head, rows = over_steps(), torch.arange(5)[None]
    with torch.inference_mode():
        logits = head(input_ids=rows).logits[0]
        changed = head(input_ids=torch.tensor([[0, 1, 2, 30, 4]])).logits[0]
    assert torch.equal(changed[:3], logits[:3])  # what comes later changes nothing
    assert (changed[3:] - logits[3:]).abs().min(dim=1).values.min() > 0
    with torch.inference_mode():
        swapped = head(input_ids=torch.tensor([[1, 0, 2, 3, 4]])).logits[0]
    assert (swapped[2:] - logits[2:]).abs().max() > 1e-3  # and it knows the order


def test_a_transformer_layer_scores_a_batch_as_it_scores_each_solution_alone():
    """Of different lengths, so that rows are padded."""
    head, encoded, start = over_steps(), [], 0
    for count in (3, 1, 7, 2, 5):
        rows = np.arange(start, start + count + 1, dtype=np.int32)
        encoded.append(Encoded(ids=rows, solution_start=0, step_end=np.arange(count)))
        start += count + 2
    assert choose_rows(head) == "padded"  # so one solution per row
    alone = [score(head, [one]).prob for one in encoded]
    for max_tokens in (8, 8192):
        found = score(head, encoded, max_tokens=max_tokens)
        np.testing.assert_allclose(found.prob, np.concatenate(alone), atol=1e-5)


@pytest.mark.parametrize("heads", [-1, 3])
def test_heads_that_do_not_fit(heads):
    with pytest.raises(ValueError, match=f"students.frozen.heads: found {heads}; allowed: 0, or a divisor"):
        Frozen(layers=(1,), hidden=8, heads=heads)


def test_a_head_is_written_without_its_table(tmp_path):
    head = new_head(StateHeadConfig(width=4, hidden=3, layer=7, num_labels=3), seed=1)
    head.table = torch.randn(5, 4)
    head.standardize(head.table)
    RewardModel(head).export(tmp_path / "head")
    again = RewardModel.from_folder(tmp_path / "head").backbone
    assert (again.config.layer, again.config.hidden, again.config.num_labels) == (7, 3, 3)
    again.table = head.table
    rows = torch.tensor([[0, 4], [2, 2]])
    torch.testing.assert_close(again(rows).logits, head(rows).logits)
    assert len(list((tmp_path / "head").glob("*.safetensors"))) == 1
    assert sum(path.stat().st_size for path in (tmp_path / "head").iterdir()) < 10_000
