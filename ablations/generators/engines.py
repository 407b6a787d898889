"""Engines: what runs a generator. To add one: its file here, and its line in ``ENGINES``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ablations.generators.prompts import Prompt
from ablations.generators.setup import Setup
from ablations.generators.transformers_engine import TransformersEngine
from ablations.generators.vllm_engine import VllmEngine
from lightning_modules.sampling import Completion


class Engine(Protocol):
    """A generator that is loaded. A solution's randomness comes from the seed, its prompt and its number."""

    def draw(
        self,
        prompts: Sequence[Prompt],
        wanted: Sequence[tuple[int, int]],
        progress: Callable[[float], None],
    ) -> list[Completion]:
        """Writes solutions.

        Args:
            prompts: no two alike.
            wanted: prompt, by its place, and number of each solution.
            progress: called with the share done.

        Returns:
            A completion for each that is wanted, up to where the setup's rules end it.
        """


ENGINES: dict[str, Callable[[Setup], Engine]] = {"transformers": TransformersEngine, "vllm": VllmEngine}
"""By name: loads a generator."""
