import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightning_modules.optimization import adamw, falling_updates, learning_rate_at


@pytest.mark.parametrize(
    ("update", "share"),
    [
        # 100 updates: 0.04 * 100 = 4 rise, the last 0.2 * 100 = 20 fall.
        (0, 0.25),
        (1, 0.5),
        (3, 1.0),
        (4, 1.0),
        (80, 1.0),
        (81, 0.95),  # 19 of 20 are left
        (90, 0.5),
        (99, 0.05),
        (100, 0.0),
        (130, 0.0),
    ],
)
def test_learning_rate_by_hand(update: int, share: float) -> None:
    assert learning_rate_at(update, 100, warmup=0.04, decay=0.2) == pytest.approx(share, abs=1e-12)


def test_an_early_end_shortens_the_plateau() -> None:
    # 10 updates: 1 rises, 4 fall. Ended after 7: at the top until 4 are left, then 3, 2 and 1 of 4
    shares = [learning_rate_at(update, 10, warmup=0.1, decay=0.4, end=7) for update in range(8)]
    assert shares == pytest.approx([1, 1, 1, 1, 3 / 4, 2 / 4, 1 / 4, 0])
    assert falling_updates(10, 0.4) == 4 and falling_updates(10, 0.0) == 1


def test_no_plateau() -> None:
    # 2 of 10 rise, 8 fall: 1/2, 1, 8/8, 7/8, ..., 1/8
    shares = [learning_rate_at(update, 10, warmup=0.2, decay=0.8) for update in range(10)]
    assert shares == pytest.approx([0.5, 1, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])


@given(st.integers(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_every_update_learns_and_the_rate_rises_and_then_falls(
    total: int, warmup: float, decay: float
) -> None:
    shares = [learning_rate_at(update, total, warmup=warmup, decay=decay) for update in range(total)]
    assert all(0 < share <= 1 for share in shares)
    peak = shares.index(max(shares))
    assert shares[: peak + 1] == sorted(shares[: peak + 1])
    assert shares[peak:] == sorted(shares[peak:], reverse=True)


class Module(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(5, 4)
        self.norm = torch.nn.LayerNorm(4)
        self.linear = torch.nn.Linear(4, 3)
        self.frozen = torch.nn.Linear(4, 3)
        self.frozen.requires_grad_(False)
        self.head = torch.nn.Linear(4, 5, bias=False)
        self.head.weight = self.embedding.weight


def test_weight_decay_is_on_matrices_other_than_embeddings() -> None:
    module = Module()
    decayed, others = adamw(module, 1e-3, 0.1).param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert decayed["lr"] == others["lr"] == 1e-3
    assert {id(p) for p in decayed["params"]} == {id(module.linear.weight)}
    plain = [module.embedding.weight, module.norm.weight, module.norm.bias, module.linear.bias]
    assert {id(p) for p in others["params"]} == {id(p) for p in plain}


def test_a_decayed_matrix_shrinks_without_a_gradient_and_a_bias_stays() -> None:
    module = torch.nn.Linear(2, 2)
    torch.nn.init.ones_(module.weight)
    torch.nn.init.ones_(module.bias)
    optimizer = adamw(module, 0.5, 0.1)
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    # 1 - 0.5 * 0.1
    torch.testing.assert_close(module.weight.detach(), torch.full((2, 2), 0.95))
    torch.testing.assert_close(module.bias.detach(), torch.ones(2))
