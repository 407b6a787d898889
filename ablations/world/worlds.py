"""The worlds: which misconceptions their authors hold. The world is a parameter of every experiment."""

from dataclasses import dataclass

from ablations.world.authors import (
    HeldMisconception,
    borrow_doubled,
    borrow_dropped,
    carry_before_product,
    carry_doubled,
    carry_dropped,
    product_carry_dropped,
)


@dataclass(frozen=True, kw_only=True)
class World:
    """An embedded world."""

    name: str
    """Key in ``WORLDS``."""
    misconceptions: tuple[HeldMisconception, ...]
    """What its authors may hold."""


WORLDS: dict[str, World] = {
    "dropped": World(
        name="dropped",
        misconceptions=(
            HeldMisconception(symbol="+", rule=carry_dropped, share=0.75),
            HeldMisconception(symbol="-", rule=borrow_dropped, share=0.4),
            HeldMisconception(symbol="*", rule=product_carry_dropped, share=0.35),
        ),
    ),
    "doubled": World(
        name="doubled",
        misconceptions=(
            HeldMisconception(symbol="+", rule=carry_doubled, share=0.75),
            HeldMisconception(symbol="-", rule=borrow_doubled, share=0.4),
            HeldMisconception(symbol="*", rule=carry_before_product, share=0.35),
        ),
    ),
}
"""``dropped`` is the default; ``doubled`` shares no operation's misconception with it and chose nothing."""
