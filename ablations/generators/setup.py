"""Settings of a generator and of sampling from it, plain enough to be passed to other processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ablations.data.field_types import Count, NotNegative, Seed, Share, check_fields
from ablations.generators.completions import Stops
from ablations.labelers.choice import Device, WeightType

EngineName = Literal["transformers", "vllm"]
"""Engines that can run a generator, the default first."""
ChatTemplate = Literal["auto", "never"]
"""Whether a chat template is used; auto: if the tokenizer has one."""


@dataclass(frozen=True, kw_only=True)
class GeneratorChoice:
    """The user's choices about a generator."""

    checkpoint: str
    """A folder, or OWNER/NAME[@REVISION] on the hub."""
    dtype: WeightType = "auto"
    chat_template: ChatTemplate = "auto"
    instruction: str | None = None
    """Instruction given with the problem; None: the default in `prompts`."""
    stop: tuple[str, ...] = ()
    """Texts that end a solution; they may be special tokens."""
    stop_after_answer: bool = False
    """Whether the line with the final answer ends a solution."""
    trust_remote_code: bool = False
    """Whether code shipped with the checkpoint may be run."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """The user's choices about sampling."""

    samples: Count
    """Solutions per problem."""
    temperature: NotNegative = 1.0
    """Divisor of the logits; 0 takes the most likely token."""
    min_p: Share = 0.0
    """Share of the most likely token's probability below which a token is never drawn; 0: any may be."""
    max_new_tokens: Count = 1024
    """Maximum number of tokens per solution."""
    seed: Seed = 0
    engine: EngineName = "transformers"
    device: Device = "cpu"
    """Device that it runs on; vllm needs cuda."""
    max_batch: Count = 256
    """Maximum number of solutions sampled together."""
    devices: Count = 1
    """Processes on this machine, one per GPU if there are GPUs."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.engine == "vllm" and self.device != "cuda":
            raise ValueError(f"device: found {self.device} with engine vllm; allowed: cuda")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Settings passed to an engine."""

    folder: Path
    dtype: str
    trust_remote_code: bool
    positions: int | None
    """Maximum number of tokens of a prompt and its solution; None: no limit."""
    end_tokens: tuple[int, ...]
    stops: Stops
    """Other rules that end a solution."""
    sampling: Sampling
