import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from lightning_modules.encoding import IGNORE
from lightning_modules.language_model import Batch, LanguageModel, Passes, TextData, bucket
from lightning_modules.training import fit

VOCABULARY = 12
PAD = 0


def backbone() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=VOCABULARY, num_key_value_heads=2, initializer_range=0.5, **sizes)
    )


def language_model(**more: float) -> LanguageModel:
    return LanguageModel(backbone(), learning_rate=1e-2, total_updates=10, **more)


def tensors(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(batch[0]), torch.from_numpy(batch[1])


def test_loss_is_the_mean_cross_entropy_of_the_tokens_with_a_target() -> None:
    model = language_model().eval()
    tokens = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 0, 0]])
    targets = torch.tensor([[IGNORE, IGNORE, 4, 1, 5], [9, IGNORE, 6, IGNORE, IGNORE]])
    probability_BTC = model.backbone(input_ids=tokens).logits.detach().softmax(-1)
    # The token at a position is predicted at the position before; nothing predicts the first one, so that the
    # target 9 does not count: four terms.
    terms = [
        -math.log(probability_BTC[0, 1, 4]),
        -math.log(probability_BTC[0, 2, 1]),
        -math.log(probability_BTC[0, 3, 5]),
        -math.log(probability_BTC[1, 1, 6]),
    ]
    assert model.loss(tokens, targets).item() == pytest.approx(sum(terms) / 4, rel=1e-5)


@pytest.mark.parametrize("pad", [PAD, 7])
def test_padding_changes_nothing(pad: int) -> None:
    rng = np.random.default_rng(0)
    model = language_model().eval()
    documents = [rng.integers(1, VOCABULARY, size) for size in (9, 4, 6)]
    alone = [
        model.loss(torch.from_numpy(document)[None], torch.from_numpy(document)[None]).item()
        for document in documents
    ]
    ((tokens, targets),) = [
        tensors(batch) for batch in bucket(documents, documents, tokens=27, pad=pad, seed=0)
    ]
    assert tokens.shape == (3, 9)
    # A document of T tokens has T - 1 predictions: 8, 3 and 5.
    expected = np.average(alone, weights=[8, 3, 5])
    assert model.loss(tokens, targets).item() == pytest.approx(expected, rel=1e-5)


def test_padding_leaves_the_gradient() -> None:
    document = torch.tensor([[3, 1, 4, 1, 5]])
    padded = torch.tensor([[3, 1, 4, 1, 5, 0, 0, 0]])
    targets = torch.tensor([[3, 1, 4, 1, 5, IGNORE, IGNORE, IGNORE]])
    gradients = []
    for batch in ((document, document), (padded, targets)):
        model = language_model()
        model.loss(*batch).backward()
        gradients.append([p.grad for p in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


documents_strategy = st.lists(
    st.lists(st.integers(1, 50), min_size=1, max_size=30).map(lambda ids: np.array(ids, dtype=np.int64)),
    min_size=1,
    max_size=25,
)


@given(documents_strategy, st.integers(1, 100), st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_every_document_is_in_exactly_one_batch(documents: list[np.ndarray], tokens: int, seed: int) -> None:
    targets = [-ids for ids in documents]
    found, longest_of = [], []
    for token_BT, target_BT in bucket(documents, targets, tokens=tokens, pad=PAD, seed=seed):
        assert token_BT.shape == target_BT.shape
        assert token_BT.size <= tokens or len(token_BT) == 1
        lengths = (token_BT != PAD).sum(axis=1)
        longest_of.append((lengths.min(), lengths.max()))
        assert lengths.max() == token_BT.shape[1]
        for ids, target, length in zip(token_BT, target_BT, lengths, strict=True):
            found.append(tuple(ids[:length]))
            assert (ids[length:] == PAD).all()
            assert (target[length:] == IGNORE).all()
            assert (target[:length] == -ids[:length]).all()
    assert sorted(found) == sorted(tuple(ids) for ids in documents)
    # Of about equal length: the lengths of no two batches overlap by more than their ends.
    ordered = sorted(longest_of)
    assert all(a[1] <= b[0] for a, b in zip(ordered, ordered[1:], strict=False))


def test_batches_by_hand() -> None:
    documents = [np.full(size, size, dtype=np.int64) for size in (2, 5, 3, 2)]
    # In order of length 2, 2, 3, 5, at most 9 cells: 3 * 3 = 9 hold three, and 4 * 5 = 20 not the last.
    batches = bucket(documents, documents, tokens=9, pad=PAD, seed=0)
    by_size = sorted((batch[0].tolist() for batch in batches), key=len)
    assert by_size[0] == [[5, 5, 5, 5, 5]]
    assert sorted(by_size[1]) == [[2, 2, 0], [2, 2, 0], [3, 3, 3]]


def test_the_seed_orders_the_batches() -> None:
    documents = [np.array([i + 1] * (i % 5 + 1), dtype=np.int64) for i in range(40)]

    def order(seed: int) -> list[list[int]]:
        batches = bucket(documents, documents, tokens=12, pad=PAD, seed=seed)
        return [tokens[:, 0].tolist() for tokens, _ in batches]

    assert order(1) == order(1)
    assert order(1) != order(2)
    widths = [t.shape[1] for t, _ in bucket(documents, documents, tokens=12, pad=PAD, seed=1)]
    assert widths != sorted(widths)


def test_the_schedule_is_followed_update_by_update() -> None:
    rates: list[float] = []

    class Recording(LanguageModel):
        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_index: int) -> torch.Tensor:
            rates.append(self.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]
            return super().training_step(batch, batch_index)

    model = Recording(backbone(), learning_rate=0.1, total_updates=10, warmup=0.2, decay=0.5)
    batch = np.array([[3, 1, 4]]), np.array([[3, 1, 4]])
    fit(model, TextData(lambda update: batch, updates=10), updates=10)
    # 2 updates rise, the last 5 fall: 5/5, 4/5, ..., 1/5
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.08, 0.06, 0.04, 0.02])


def test_it_learns_a_text_by_heart() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, VOCABULARY, (1, 10))
    model = LanguageModel(backbone(), learning_rate=3e-2, total_updates=60)
    before = model.eval().loss(*tensors((tokens, tokens))).item()
    fit(model, TextData(lambda update: (tokens, tokens), updates=60), updates=60)
    after = model.eval().loss(*tensors((tokens, tokens))).item()
    assert before > 1.5
    assert after < 0.1


def test_text_comes_update_by_update() -> None:
    asked: list[int] = []

    def make(update: int) -> Batch:
        asked.append(update)
        return np.array([[update]]), np.array([[IGNORE]])

    stream = TextData(make, updates=4).train_dataloader()
    assert [tokens.item() for tokens, _ in stream] == [0, 1, 2, 3] == asked


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.integers(6, 30), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_every_pass_takes_every_document_once(sizes: list[int], tokens: int, seed: int) -> None:
    documents = [np.full(size, index + 1) for index, size in enumerate(sizes)]
    targets = [-ids for ids in documents]
    passes = Passes(documents, targets, tokens=tokens, pad=PAD, seed=seed)
    orders = []
    for number in range(2):
        batches = [passes(number * len(passes) + at) for at in range(len(passes))]
        found = [int(row[0]) for token_BT, _ in batches for row in token_BT]
        assert sorted(found) == list(range(1, len(sizes) + 1))
        assert all((target_BT == np.where(t == PAD, IGNORE, -t)).all() for t, target_BT in batches)
        orders.append(found)
    # the same update is the same batch, whichever was asked for before
    again = Passes(documents, targets, tokens=tokens, pad=PAD, seed=seed)
    last = again(2 * len(passes) - 1)[0]
    assert (last == passes(2 * len(passes) - 1)[0]).all()
    assert (again(0)[0] == passes(0)[0]).all()


def test_passes_are_in_different_orders() -> None:
    documents = [np.full(3, index + 1) for index in range(30)]
    passes = Passes(documents, documents, tokens=9, pad=PAD, seed=0)
    first, second = ([passes(at)[0][:, 0].tolist() for at in range(k, k + 10)] for k in (0, 10))
    assert first != second and len(passes) == 10
