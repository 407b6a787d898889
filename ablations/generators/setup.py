"""A generator and all that says how it is sampled from, plain enough for other processes to be given it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ablations.generators.completions import Stops
from ablations.labelers.choice import DEVICES, DTYPES

ENGINE_NAMES = ("transformers", "vllm")
"""What can run a generator, the default first."""
CHAT_TEMPLATES = ("auto", "never")
"""auto: where the tokenizer has one."""


@dataclass(frozen=True, kw_only=True)
class GeneratorChoice:
    """What a user decides about a generator."""

    checkpoint: str
    """A folder, or OWNER/NAME[@REVISION] on the hub."""
    dtype: str = "auto"
    """Of the weights: one of DTYPES."""
    chat_template: str = "auto"
    """One of CHAT_TEMPLATES."""
    instruction: str | None = None
    """What is said beside the problem; None: what `prompts` says of it."""
    stop: tuple[str, ...] = ()
    """Texts that end a solution; special tokens too."""
    stop_after_answer: bool = False
    """Whether the line with the final answer ends it."""
    trust_remote_code: bool = False
    """Whether code that lies beside the checkpoint may be run."""

    def __post_init__(self) -> None:
        for name, names in (("dtype", DTYPES), ("chat_template", CHAT_TEMPLATES)):
            if getattr(self, name) not in names:
                raise ValueError(f"{name}: found {getattr(self, name)!r}; allowed: {', '.join(names)}")


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What a user decides about samples."""

    samples: int
    """Solutions a problem."""
    temperature: float = 1.0
    """Divides the logits; 0 takes the likeliest token."""
    min_p: float = 0.0
    """A token less likely than this share of the likeliest one is never drawn; 0: any may be."""
    max_new_tokens: int = 1024
    """Most tokens of a solution."""
    seed: int = 0
    """Of the samples."""
    engine: str = "transformers"
    """One of ENGINE_NAMES."""
    device: str = "cpu"
    """One of DEVICES; vllm needs cuda."""
    max_batch: int = 256
    """Solutions that are written together."""
    devices: int = 1
    """Processes on this machine, one a GPU where there are GPUs."""

    def __post_init__(self) -> None:
        for name in ("samples", "max_new_tokens", "max_batch", "devices"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: found {getattr(self, name)}; allowed: at least 1")
        if self.seed < 0:
            raise ValueError(f"seed: found {self.seed}; allowed: 0 or more")
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ValueError(f"temperature: found {self.temperature}; allowed: 0 or more, and finite")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p: found {self.min_p}; allowed: 0 to 1")
        for name, names in (("engine", ENGINE_NAMES), ("device", DEVICES)):
            if getattr(self, name) not in names:
                raise ValueError(f"{name}: found {getattr(self, name)!r}; allowed: {', '.join(names)}")
        if self.engine == "vllm" and self.device != "cuda":
            raise ValueError(f"device: found {self.device} with engine vllm; allowed: cuda")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What an engine is given."""

    folder: Path
    """The checkpoint's."""
    dtype: str
    """Of the weights."""
    trust_remote_code: bool
    """Whether code that lies beside the checkpoint may be run."""
    positions: int | None
    """Most tokens of a prompt and its solution; None: no limit."""
    end_tokens: tuple[int, ...]
    """Tokens that end a solution."""
    stops: Stops
    """What else ends it."""
    sampling: Sampling
    """What the user decides."""
