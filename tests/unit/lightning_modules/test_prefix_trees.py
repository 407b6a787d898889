from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForTokenClassification, Qwen2Config, Qwen2ForTokenClassification

from lightning_modules.packing import RowCost, cost_of
from lightning_modules.prefix_trees import Rows, layout, layouts, target_weights

SIZES = {
    "vocab_size": 12,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_labels": 3,
    "classifier_dropout": 0.0,
}
SEQUENCES = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=9).map(np.array), min_size=1, max_size=12
)


def build(name: str, **more: object) -> torch.nn.Module:
    torch.manual_seed(0)
    if name == "llama":
        return LlamaForTokenClassification(LlamaConfig(**SIZES, **more)).eval()
    return Qwen2ForTokenClassification(Qwen2Config(**SIZES, **more)).eval()


def random_solutions(count: int, seed: int = 0) -> list[np.ndarray]:
    """Solutions to a few problems, with prefixes in common and duplicates."""
    random = np.random.default_rng(seed)
    stems = random.integers(0, 12, (3, 14))
    made = []
    for _ in range(count):
        stem = stems[random.integers(3)][: random.integers(4, 15)]
        made.append(np.concatenate([stem, random.integers(0, 12, random.integers(0, 9))]))
    return made + made[: count // 3]


def test_a_trie_by_hand() -> None:
    # Distinct: 5 6 / 5 6 7 / 5 8. Depth first: 5 6 7 8, at depths 0 1 2 1; subtrees end at columns 4 3 3 4.
    found = layout([np.array([5, 8]), np.array([5, 6, 7]), np.array([5, 6]), np.array([5, 8])])
    assert found.token_BT.tolist() == [[5, 6, 7, 8]]
    assert found.position_BT.tolist() == [[0, 1, 2, 1]]
    assert found.end_BT.tolist() == [[4, 3, 3, 4]]
    assert [found.cells(i).tolist() for i in range(4)] == [[0, 3], [0, 1, 2], [0, 1], [0, 3]]
    assert found.visible()[0, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 1]]


def test_a_chunk_includes_the_path_to_its_first_token() -> None:
    # Four tokens hold 5 6 7 and no sibling with its stem 5: a second row begins with 5 again and is padded.
    found = layout([np.array([5, 6, 7]), np.array([5, 8, 9])], capacity=4)
    assert sorted(found.token_BT.tolist()) == [[5, 6, 7], [5, 8, 9]]
    # With room for five the stem is there once: 5 6 7 8 9.
    assert layout([np.array([5, 6, 7]), np.array([5, 8, 9])], capacity=5).token_BT.tolist() == [
        [5, 6, 7, 8, 9]
    ]


@settings(deadline=None, max_examples=80)
@given(
    SEQUENCES,
    st.one_of(st.none(), st.integers(1, 20)),
    st.sampled_from(["trie", "packed", "padded"]),
    st.booleans(),
)
def test_layout_holds_every_sequence_and_sees_its_ancestors_alone(
    token_ids: list[np.ndarray], capacity: int | None, kind: Any, one_block: bool
) -> None:
    if one_block:
        blocks = [layout(token_ids, capacity, rows=kind)]
    else:
        cost = RowCost(attention_tokens=4.0, pass_tokens=1.0)
        blocks = layouts(token_ids, capacity, max_tokens=16, rows=kind, cost=cost)
    assert sorted(np.concatenate([block.sequences for block in blocks])) == list(range(len(token_ids)))
    longest = max(map(len, token_ids))
    for block in blocks:
        tokens, depth = block.token_BT.flatten().numpy(), block.position_BT.flatten().numpy()
        rows, width = block.token_BT.shape
        if capacity is not None and kind != "packed":
            assert width <= max(capacity, longest)
        if not one_block:
            assert rows == 1 or rows * width <= 16
            assert kind != "packed" or width <= 16 or len(block.start) == 2
        visible = np.zeros((rows, width, width), dtype=bool)
        for at, sequence in enumerate(block.sequences):
            cells = block.cells(at)
            assert tokens[cells].tolist() == token_ids[sequence].tolist()
            assert depth[cells].tolist() == list(range(len(cells)))
            row, column = cells // width, cells % width
            assert len(set(row)) == 1
            for place, cell in enumerate(column):
                visible[row[0], cell, column[: place + 1]] = True
        held = visible.any(-1)
        visible |= np.eye(width, dtype=bool)
        found = block.visible()[:, 0].numpy()
        if block.rows in ("trie", "packed"):
            assert block.rows == kind and np.array_equal(found, visible)
            assert held.any(0).all()  # no column is padding in every row
        if block.rows == "packed":
            depths = [np.arange(size) for size in np.diff(block.start.numpy())]
            assert depth.tolist() == np.concatenate(depths).tolist()
            assert block.longest == max(map(len, depths))
            distinct = {token_ids[sequence].tobytes() for sequence in block.sequences}
            assert len(depths) == len(distinct)
        if block.rows in ("causal", "padded"):
            assert len(set(block.node_of // width)) == rows
            assert kind == "padded" or capacity is None
        if block.rows == "padded":
            assert np.array_equal(block.inputs(None)["attention_mask"].numpy().astype(bool), held)
        if block.rows == "causal":
            assert block.inputs(None).keys() == {"input_ids"}


def test_rows_hold_tries_where_that_costs_less() -> None:
    stem, cost = np.arange(60), RowCost(attention_tokens=400.0)
    alike = [np.append(stem, [60 + i] * 4) for i in range(8)]
    unlike = [np.arange(i * 64, i * 64 + 64) for i in range(8)]
    cases: tuple[tuple[Rows, list[np.ndarray], Rows], ...] = (
        ("trie", alike, "trie"),
        ("trie", unlike, "causal"),
        ("padded", alike, "padded"),
        ("padded", unlike, "padded"),
        ("packed", alike, "packed"),
    )
    for rows, sequences, kind in cases:
        blocks = layouts(sequences, rows=rows, cost=cost)
        assert {block.rows for block in blocks} == {kind}
    assert sum(block.token_BT.numel() for block in layouts(alike, cost=cost)) < 200


def test_one_wide_row_holds_each_distinct_prefix_once() -> None:
    token_ids = random_solutions(30)
    prefixes = {tuple(ids[: i + 1]) for ids in token_ids for i in range(len(ids))}
    assert layout(token_ids, capacity=10_000).token_BT.numel() == len(prefixes)


@pytest.mark.parametrize("name", ["llama", "qwen2"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_rows_give_the_logits_of_sequences_alone(name: str, attention: str) -> None:
    model = build(name, attn_implementation=attention)
    token_ids = random_solutions(12)
    with torch.inference_mode():
        alone = [model(input_ids=torch.tensor(ids)[None]).logits[0] for ids in token_ids]
        for rows in sorted({*get_args(Rows)} - {"causal"}):
            for block in layouts(token_ids, max_tokens=90, rows=rows):
                logits = model(**block.inputs(model), use_cache=False).logits.flatten(0, 1)
                for at, sequence in enumerate(block.sequences):
                    torch.testing.assert_close(logits[block.cells(at)], alone[sequence], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["llama", "qwen2"])
@pytest.mark.parametrize("soft", [False, True])
def test_loss_and_gradient_equal_those_of_a_padded_batch(name: str, soft: bool) -> None:
    model = build(name)
    token_ids = random_solutions(16, seed=1)
    random = np.random.default_rng(2)
    targets = [random.choice([-100, 0, 1, 2], len(ids)) for ids in token_ids]
    weights = [
        np.eye(4)[np.maximum(target, -1)][:, :3] * random.random((len(target), 1)) for target in targets
    ]

    T = max(map(len, token_ids))
    token_BT, weight_BTC = torch.zeros(len(token_ids), T, dtype=torch.long), torch.zeros(len(token_ids), T, 3)
    held_BT = torch.zeros(len(token_ids), T, dtype=torch.long)
    for row, (ids, target, weight) in enumerate(zip(token_ids, targets, weights, strict=True)):
        token_BT[row, : len(ids)], held_BT[row, : len(ids)] = torch.tensor(ids), 1
        for column, label in enumerate(target):
            if soft:
                weight_BTC[row, column] = torch.tensor(weight[column])
            elif label >= 0:
                weight_BTC[row, column, label] = 1
    plain = (
        -(weight_BTC * model(input_ids=token_BT, attention_mask=held_BT).logits.log_softmax(-1)).sum() / 50
    )
    plain.backward()
    wanted = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()

    loss = torch.zeros(())
    for block in layouts(token_ids, max_tokens=90):
        weight = target_weights(block, weights if soft else targets, 3)
        loss = (
            loss - (weight * model(**block.inputs(model), use_cache=False).logits.log_softmax(-1)).sum() / 50
        )
    loss.backward()
    torch.testing.assert_close(loss, plain, atol=1e-5, rtol=1e-5)
    for parameter, grad in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, grad, atol=1e-5, rtol=1e-5)


def test_target_weights_count_solutions() -> None:
    laid_out = layout([np.array([5, 6]), np.array([5, 7]), np.array([5, 6])])  # cells: 5 6 7
    targets = [np.array([1, 0]), np.array([0, -100]), np.array([1, 1])]
    assert target_weights(laid_out, targets, 2).tolist() == [[[1, 2], [1, 1], [0, 0]]]
    with pytest.raises(ValueError, match="allowed: -100 and 0 to 1"):
        target_weights(laid_out, [np.array([1, 2])] * 3, 2)


def test_blocks_split_where_it_pays() -> None:
    token_ids = [np.arange(100)] * 1 + [np.arange(100 + i, 110 + i) for i in range(40)]
    narrow = layouts(token_ids, capacity=10, cost=RowCost(attention_tokens=10.0, pass_tokens=1.0))
    assert [tuple(block.token_BT.shape) for block in narrow] == [(1, 100), (40, 10)]
    assert len(layouts(token_ids, capacity=10, cost=RowCost(attention_tokens=10.0, pass_tokens=1e9))) == 1


def test_cost_of_reads_the_config() -> None:
    assert cost_of(build("llama")).attention_tokens == 2 * 16 + 1.5 * 24
    assert cost_of(torch.nn.Linear(1, 1)) == RowCost()


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="capacity is 0"):
        layout([np.array([1])], capacity=0)
    with pytest.raises(ValueError, match="max_tokens is 0"):
        layouts([np.array([1])], max_tokens=0)
    for empty in ([], [np.array([], dtype=int)]):
        with pytest.raises(ValueError, match="no sequence or an empty one"):
            layout(empty)
