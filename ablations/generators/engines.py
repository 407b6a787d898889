"""Engines that run a generator. To add one, add its file here, its line to ``ENGINES`` and its name to
``EngineName`` in ``setup.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ablations.generators.prompts import Prompt
from ablations.generators.setup import Setup
from ablations.generators.transformers_engine import TransformersEngine
from ablations.generators.vllm_engine import VllmEngine
from lightning_modules.sampling import Completion


class Engine(Protocol):
    """A loaded generator. A solution's randomness comes from the seed, its prompt and its number."""

    def draw(
        self, prompts: Sequence[Prompt], wanted: Sequence[tuple[int, int]], progress: Callable[[float], None]
    ) -> list[Completion]:
        """Writes solutions.

        Args:
            prompts: all different.
            wanted: index of the prompt and number of the solution, for each solution.
            progress: called with the fraction done.

        Returns:
            One completion per wanted solution, up to where the setup's rules end it.
        """


ENGINES: dict[str, Callable[[Setup], Engine]] = {"transformers": TransformersEngine, "vllm": VllmEngine}
"""Name -> function that loads a generator."""
