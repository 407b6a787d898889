"""Rows that models compute right; kernels of GPUs are replaced by their definitions."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.attention.flex_attention import BlockMask, create_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention
from transformers import LlamaConfig, LlamaForTokenClassification, Qwen2Config, Qwen2ForTokenClassification
from transformers.integrations.flex_attention import WrappedFlexAttention
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from lightning_modules import row_choice
from lightning_modules.prefix_trees import layouts
from lightning_modules.reward_data import RewardDataset
from lightning_modules.reward_model import RewardModel
from lightning_modules.row_choice import choose_rows

SIZES = {
    "vocab_size": 12,
    "hidden_size": 64,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_labels": 2,
    "classifier_dropout": 0.0,
}
FAMILIES = {
    "llama": lambda **more: LlamaForTokenClassification(LlamaConfig(**SIZES, **more)),
    "qwen2": lambda **more: Qwen2ForTokenClassification(Qwen2Config(**SIZES, **more)),
}
STEM = [3, 1, 4, 1, 5, 9, 2, 6]
SOLUTIONS = [
    np.array([*STEM[:shared], *rest]) for shared, rest in ((8, [1, 2]), (8, [1, 3, 4]), (3, [7] * 5))
]
SOLUTIONS += SOLUTIONS[:1]


def build(family: str, attention: str = "sdpa", **more: Any) -> Any:
    torch.manual_seed(0)
    model = FAMILIES[family](**more).eval()
    model.config._attn_implementation = attention
    return model


def by_sequence(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    cu_seq_lens_q: torch.Tensor | None = None,
    cu_seq_lens_k: torch.Tensor | None = None,
    max_length_q: int | None = None,
    max_length_k: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Computes what FlashAttention's kernel for several sequences is defined to compute."""
    if cu_seq_lens_q is None:
        mask = None if attention_mask is None else attention_mask[:, None, None].bool()
        width = query.shape[2]
        before = torch.ones(width, width, dtype=torch.bool).tril()
        seen = before if mask is None else before & mask | torch.eye(width, dtype=torch.bool)
        return _attend(query, key, value, seen), None
    assert cu_seq_lens_q.dtype == torch.int32 and cu_seq_lens_q is cu_seq_lens_k
    sizes = cu_seq_lens_q.diff().tolist()
    assert max_length_q == max_length_k == max(sizes) and sum(sizes) == query.shape[2] and len(query) == 1
    parts = zip(*(states.split(sizes, 2) for states in (query, key, value)), strict=True)
    whole = [_attend(*part, torch.ones(part[0].shape[2], part[0].shape[2]).tril().bool()) for part in parts]
    return torch.cat(whole, 1), None


def by_block_mask(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: BlockMask | torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Computes what FlexAttention is defined to compute, and checks that no block is left out."""
    if not isinstance(attention_mask, BlockMask):
        found, _ = ALL_ATTENTION_FUNCTIONS["sdpa"](module, query, key, value, attention_mask, **options)
        return found, None
    rows, width = len(query), query.shape[2]
    seen = create_mask(attention_mask.mask_mod, rows, 1, width, width, device="cpu")
    blocks = attention_mask.to_dense()
    size = attention_mask.BLOCK_SIZE[0]
    assert blocks.repeat_interleave(size, 2).repeat_interleave(size, 3)[..., :width, :width][seen].all()
    return _attend(query, key, value, seen), None


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    return scaled_dot_product_attention(query, key, value, attn_mask=seen, enable_gqa=True).transpose(1, 2)


KERNELS = {"flash_attention_2": by_sequence, "flex_attention": by_block_mask}


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces GPUs' kernels."""
    for name, kernel in KERNELS.items():
        monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS._global_mapping, name, kernel)
    # transformers would compile its own masks for FlexAttention
    masks = ALL_MASK_ATTENTION_FUNCTIONS
    monkeypatch.setitem(masks._global_mapping, "flex_attention", masks["sdpa"])
    monkeypatch.setattr(row_choice, "ONLY_ON_GPUS", ())


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("attention", "rows"), [("flex_attention", "trie"), ("flash_attention_2", "packed")])
def test_kernels_get_the_sequences(family: str, attention: str, rows: Any) -> None:
    """Losses and gradients are those of padded rows."""
    targets = [[1, 0], [0, 1], [1, 1], [0, 0]]
    found = {}
    for name, chosen in (("sdpa", "padded"), (attention, rows)):
        model = RewardModel(build(family, name))
        assert chosen == "padded" or choose_rows(model.backbone) == chosen
        data = RewardDataset(
            token_ids=SOLUTIONS,
            targets=[
                np.array([-100] * (len(ids) - 2) + pair) for ids, pair in zip(SOLUTIONS, targets, strict=True)
            ],
            num_classes=2,
            rows=chosen,
        )
        index = np.arange(len(data))
        batch = data.batch(index, data.target_count(index))
        assert {block.rows for block in batch.layouts} == {chosen}
        loss = model.loss_sum(batch)
        loss.backward()
        found[name] = [loss, *(weight.grad for weight in model.parameters())]
    for one, other in zip(*found.values(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_flex_attention_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its definition in torch, which is not compiled."""
    monkeypatch.setattr(WrappedFlexAttention, "__call__", lambda self: flex_attention)
    monkeypatch.setattr(WrappedFlexAttention, "__init__", lambda self, training: None)
    model, plain = build("llama", "flex_attention"), build("llama")
    token_ids = [np.append(np.arange(150) % 12, [i, i + 1]) for i in range(9)]  # in several blocks of 128
    blocks = layouts(token_ids)
    assert {block.rows for block in blocks} == {"trie"}
    with torch.inference_mode(), pytest.warns(UserWarning, match="without torch.compile"):
        for block in blocks:
            found = model(**block.inputs(model), use_cache=False).logits.flatten(0, 1)
            for at, sequence in enumerate(block.sequences):
                alone = plain(input_ids=torch.tensor(token_ids[sequence])[None]).logits[0]
                torch.testing.assert_close(found[block.cells(at)], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_tries_for_attention_that_takes_masks(family: str) -> None:
    assert choose_rows(build(family)) == choose_rows(build(family, "eager")) == "trie"


@pytest.mark.usefixtures("kernels")
def test_padded_rows_where_others_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    window = {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 0}
    assert choose_rows(build("qwen2", **window)) == "padded"
    for attention in ("sdpa", "flex_attention"):
        model = build("llama", attention)
        model.model.rotary_emb = _BatchPosition(model.model.rotary_emb)
        assert choose_rows(model) == "padded"

    def one_sequence(*states: Any, **options: Any) -> Any:
        return by_sequence(*states, **{k: v for k, v in options.items() if "cu_seq" not in k})

    monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS._global_mapping, "flash_attention_2", one_sequence)
    assert choose_rows(build("llama", "flash_attention_2")) == "padded"


def test_no_kernel_of_gpus_is_tried_on_a_cpu() -> None:
    for attention in KERNELS:
        assert choose_rows(build("llama", attention)) == "padded"


class _BatchPosition(torch.nn.Module):
    """Positions by column, whatever it is told."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, hidden: torch.Tensor, position_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inner(hidden, torch.arange(position_ids.shape[1]).expand_as(position_ids))
