"""Settings of a generator and of sampling from it, plain enough to be passed to other processes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ablations.generators.completions import Stops
from ablations.labelers.choice import DEVICES, DTYPES

EngineName = Literal["transformers", "vllm"]
ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)
"""Engines that can run a generator, the default first."""
ChatTemplate = Literal["auto", "never"]
CHAT_TEMPLATES: tuple[ChatTemplate, ...] = get_args(ChatTemplate)
"""Whether a chat template is used; auto: if the tokenizer has one."""


@dataclass(frozen=True, kw_only=True)
class GeneratorChoice:
    """The user's choices about a generator."""

    checkpoint: str
    """A folder, or OWNER/NAME[@REVISION] on the hub."""
    dtype: str = "auto"
    """Data type of the weights: one of DTYPES."""
    chat_template: str = "auto"
    """One of CHAT_TEMPLATES."""
    instruction: str | None = None
    """Instruction given with the problem; None: the default in `prompts`."""
    stop: tuple[str, ...] = ()
    """Texts that end a solution; they may be special tokens."""
    stop_after_answer: bool = False
    """Whether the line with the final answer ends a solution."""
    trust_remote_code: bool = False
    """Whether code shipped with the checkpoint may be run."""

    def __post_init__(self) -> None:
        for name, names in (("dtype", DTYPES), ("chat_template", CHAT_TEMPLATES)):
            if getattr(self, name) not in names:
                raise ValueError(f"{name}: found {getattr(self, name)!r}; allowed: {', '.join(names)}")


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """The user's choices about sampling."""

    samples: int
    """Solutions per problem."""
    temperature: float = 1.0
    """Divisor of the logits; 0 takes the most likely token."""
    min_p: float = 0.0
    """Share of the most likely token's probability below which a token is never drawn; 0: any may be."""
    max_new_tokens: int = 1024
    """Maximum number of tokens per solution."""
    seed: int = 0
    """Seed for the samples."""
    engine: str = "transformers"
    """One of ENGINE_NAMES."""
    device: str = "cpu"
    """One of DEVICES; vllm needs cuda."""
    max_batch: int = 256
    """Maximum number of solutions sampled together."""
    devices: int = 1
    """Processes on this machine, one per GPU if there are GPUs."""

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
    """Settings passed to an engine."""

    folder: Path
    """Folder of the checkpoint."""
    dtype: str
    """Data type of the weights."""
    trust_remote_code: bool
    """Whether code shipped with the checkpoint may be run."""
    positions: int | None
    """Maximum number of tokens of a prompt and its solution; None: no limit."""
    end_tokens: tuple[int, ...]
    """Tokens that end a solution."""
    stops: Stops
    """Other rules that end a solution."""
    sampling: Sampling
    """The user's choices about sampling."""
