"""Drawing completions of prompts.

A completion without a step is not a solution: another is drawn in its place, with the problem's next unused
number, and at most as many more as were requested. At temperature 0, no other is drawn: it would be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ablations.engine.step import ignore
from ablations.generators.completions import steps_of
from ablations.generators.prompts import Prompt
from ablations.generators.setup import Setup

if TYPE_CHECKING:
    from ablations.generators.engines import Engine
    from lightning_modules.sampling import Completion

DRAWS = 2
"""Maximum number of completions per problem, as a multiple of the solutions requested."""


def draw_all(
    engine: Engine, prompts: Sequence[Prompt], setup: Setup, progress: Callable[[float], None]
) -> list[list[Completion]]:
    """Draws each prompt's completions, by number: as many with a step as requested, if possible."""
    samples = setup.sampling.samples
    limit = DRAWS * samples if setup.sampling.temperature else samples
    drawn: list[list[Completion]] = [[] for _ in prompts]
    wanted = [(p, number) for p in range(len(prompts)) for number in range(samples)]
    while wanted:
        for (p, _), completion in zip(wanted, engine.draw(prompts, wanted, progress), strict=True):
            drawn[p].append(completion)
        progress = ignore  # redrawing takes little time, or does not show how much remains
        wanted = []
        for p, completions in enumerate(drawn):
            missing = samples - sum(bool(steps_of(completion.text)) for completion in completions)
            count = len(completions)
            wanted += [(p, number) for number in range(count, min(limit, count + missing))]
    return drawn
