"""Names of model sizes, dtypes and attention implementations, so that settings need not import torch."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

Architecture = Literal["llama", "qwen2"]
Dtype = Literal["float32", "bfloat16"]
Attention = Literal["sdpa", "eager", "flex_attention", "flash_attention_2"]
ONLY_ON_GPUS: tuple[Attention, ...] = ("flex_attention", "flash_attention_2")
"""Implementations of attention that do not train on CPUs."""
Precision = Literal["32-true", "bf16-mixed"]
"""Lightning's names."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Sizes of a transformer built from scratch."""

    architecture: Architecture = "llama"
    """Model family in transformers."""
    hidden: int
    """Width of the residual stream."""
    layers: int
    """Number of blocks. Verification needs depth: a model predicts a step before it can compare it."""
    heads: int
    """Number of attention heads; ``hidden`` is a multiple of twice this number."""
    intermediate: int
    """Width of the feed-forward part."""
    max_positions: int = 1024
    """Length of the longest sequence, in tokens."""

    def __post_init__(self) -> None:
        if self.architecture not in get_args(Architecture):
            allowed = ", ".join(get_args(Architecture))
            raise ValueError(f"architecture: found {self.architecture!r}; allowed: {allowed}")
        if self.hidden % (2 * self.heads):
            raise ValueError(
                f"hidden: found {self.hidden}; allowed: multiples of 2 * heads = {2 * self.heads}"
            )


PRESETS: dict[str, Preset] = {
    "tiny": Preset(hidden=32, layers=2, heads=2, intermediate=64),
    "small": Preset(hidden=64, layers=4, heads=4, intermediate=176),
    "small_qwen2": Preset(architecture="qwen2", hidden=64, layers=4, heads=4, intermediate=176),
    "large": Preset(hidden=160, layers=6, heads=5, intermediate=432),
    "shallow": Preset(hidden=64, layers=2, heads=4, intermediate=176),
    "shallow_large": Preset(hidden=112, layers=3, heads=4, intermediate=304),
}
"""Presets by name. ``large`` has about ten times the parameters of ``small``. The shallow ones are for worlds
of facts, which need much knowledge and little computation."""


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A frozen trunk, whose hidden states are computed once, and heads trained on them."""

    layers: tuple[int, ...]
    """Layers to choose from on validation problems, from 1."""
    hidden: int = 0
    """Width of the head's hidden layer; 0: the head is linear."""
    heads: int = 0
    """Attention heads of a transformer layer over the solution's steps, after the hidden layer; 0: none, and
    each state is judged separately."""
    dtype: Dtype = "float32"
    """Type of the trunk's weights: float32 or bfloat16."""

    def __post_init__(self) -> None:
        if not self.layers or min(self.layers) < 1 or list(self.layers) != sorted(set(self.layers)):
            raise ValueError(
                f"students.frozen.layers: found {list(self.layers)}; allowed: one or more, ascending, from 1"
            )
        if self.hidden < 0:
            raise ValueError(f"students.frozen.hidden: found {self.hidden}; allowed: 0 or more")
        if self.heads < 0 or (self.heads and (not self.hidden or self.hidden % self.heads)):
            raise ValueError(
                f"students.frozen.heads: found {self.heads}; allowed: 0, or a divisor of frozen.hidden "
                f"({self.hidden})"
            )


@dataclass(frozen=True, kw_only=True)
class Lora:
    """Low-rank adapters: only they and the head are trained."""

    rank: int = 16
    """Rank of each adapter."""
    alpha: float = 32.0
    """Scale of the adapters: their output is multiplied by ``alpha / rank``."""
    dropout: float = 0.0
    """Dropout of the adapters' inputs; 0 to below 1."""
    targets: tuple[str, ...] | None = None
    """Last parts of the names of layers to adapt, such as q_proj; null: all linear layers except the head."""

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"students.lora.rank: found {self.rank}; allowed: 1 or more")
        if not (self.alpha > 0 and math.isfinite(self.alpha)):
            raise ValueError(f"students.lora.alpha: found {self.alpha}; allowed: above 0, and finite")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"students.lora.dropout: found {self.dropout}; allowed: 0 to below 1")
        if self.targets is not None and not self.targets:
            raise ValueError("students.lora.targets: found none; allowed: one or more, or null for all")
