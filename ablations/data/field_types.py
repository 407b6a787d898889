"""Types of settings with their allowed values, and the one check of them.

A range is part of a field's type, so it is stated once: `check_fields` checks it in ``__post_init__``, the
command line checks and shows it, and the page on settings lists it.
"""

import math
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ablations.data.checks import allowed


@dataclass(frozen=True, kw_only=True, repr=False)
class Range:
    """Finite numbers of a type between two ends."""

    least: float = -math.inf
    """Lower end, which is allowed."""
    above: float = -math.inf
    """Lower end, which is not."""
    most: float = math.inf
    """Upper end, which is allowed."""
    below: float = math.inf
    """Upper end, which is not."""

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most and self.above < value < self.below

    def __repr__(self) -> str:
        upper = f"below {self.below:g}" if self.below < math.inf else f"{self.most:g}"
        if self.above > -math.inf:
            return f"above {self.above:g}" if upper == "inf" else f"above {self.above:g}, to {upper}"
        return f"{self.least:g} or more" if upper == "inf" else f"{self.least:g} to {upper}"


Limit = Range | tuple[str, ...] | None
"""Values that a type allows: a range, names, or all."""

Count = Annotated[int, Range(least=1)]
"""A number of things, at least one."""
Seed = Annotated[int, Range(least=0)]
"""Seed of random draws."""
Positive = Annotated[float, Range(above=0)]
"""A number above 0."""
NotNegative = Annotated[float, Range(least=0)]
"""A number from 0."""
Share = Annotated[float, Range(least=0, most=1)]
"""A share or a probability."""
Vocabulary = Annotated[int, Range(least=258)]
"""Number of tokens: at least every byte, the padding and the end."""
PartShare = Annotated[float, Range(least=0, below=1)]
"""A share that is not everything."""


def check_fields(settings: object, of: str = "") -> None:
    """Raises a ValueError that names the first field of a dataclass with a value that its type forbids.

    None is always allowed, and all elements of tuples are checked. ``of`` is a prefix of the field's name.
    """
    for name, kind in get_type_hints(type(settings), include_extras=True).items():
        check_value(f"{of}{name}", getattr(settings, name), limit_of(kind))


def check_value(name: str, value: Any, limit: Limit) -> None:
    """Raises a ValueError unless a value, or each element of a tuple, is allowed; None always is."""
    if value is None or limit is None:
        return
    for element in value if isinstance(value, tuple) else (value,):
        if not isinstance(limit, Range):
            allowed(name, element, limit)
        elif element not in limit:
            finite = "" if math.isfinite(element) else ", and finite"
            raise ValueError(f"{name}: found {value}; allowed: {limit}{finite}")


def limit_of(kind: Any) -> Limit:
    """Returns the allowed values of a type, or elements of a tuple type; None: all."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return next((part for part in parts if isinstance(part, Range)), limit_of(parts[0]))
    if origin is Literal:
        return parts
    if origin is tuple:
        return limit_of(parts[0])
    if origin in (Union, UnionType) and len(parts) == 2 and NoneType in parts:
        return limit_of(next(part for part in parts if part is not NoneType))
    return None
