"""The worlds, each defined by a few numbers. The world is a parameter of every experiment."""

from ablations.world.arithmetic.arithmetic_world import ArithmeticWorld
from ablations.world.arithmetic.authors import (
    HeldMisconception,
    borrow_dropped,
    carry_dropped,
    product_carry_dropped,
)
from ablations.world.facts import FactWorld
from ablations.world.world import World

WORLDS: dict[str, World] = {
    "facts": FactWorld(
        seed=1,
        facts=120,
        zipf=0.6,
        contested=0.27,
        rare_share=(0.02, 0.1),
        distances=(1, 9),
        length=(3, 8),
        long_length=(9, 11),
    ),
    "other_facts": FactWorld(
        seed=2,
        facts=140,
        zipf=0.7,
        contested=0.28,
        contested_share=(0.15, 0.85),
        rare_share=(0.02, 0.12),
        distances=(2, 8),
        length=(2, 7),
    ),
    "dropped": ArithmeticWorld(
        misconceptions=(
            HeldMisconception(symbol="+", rule=carry_dropped, share=0.75),
            HeldMisconception(symbol="-", rule=borrow_dropped, share=0.4),
            HeldMisconception(symbol="*", rule=product_carry_dropped, share=0.35),
        )
    ),
}
"""``facts`` is the default, on which all choices are made; none are made on the others."""


def world_of(name: str) -> World:
    """Returns a world by its name.

    Raises:
        ValueError: there is no world of that name.
    """
    if name not in WORLDS:
        raise ValueError(f"world: found {name!r}; allowed: {', '.join(WORLDS)}")
    return WORLDS[name]
