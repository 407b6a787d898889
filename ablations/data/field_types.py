"""Types of settings that say which values are allowed, and the one check of them.

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
"""Which values a type allows: a range, names, or all."""

Count = Annotated[int, Range(least=1)]
"""How many, at least one."""
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

    Args:
        settings: an instance; None is allowed where the type says so, and all elements of tuples are checked.
        of: what stands before the field's name in the message.
    """
    for name, kind in get_type_hints(type(settings), include_extras=True).items():
        check_value(f"{of}{name}", getattr(settings, name), limit_of(kind))


def check_value(name: str, value: Any, limit: Limit) -> None:
    """Raises a ValueError unless a value, or each element of a tuple, is allowed; None always is."""
    if value is None or limit is None:
        return
    for one in value if isinstance(value, tuple) else (value,):
        if not isinstance(limit, Range):
            allowed(name, one, limit)
        elif one not in limit:
            finite = "" if math.isfinite(one) else ", and finite"
            raise ValueError(f"{name}: found {value}; allowed: {limit}{finite}")


def limit_of(kind: Any) -> Limit:
    """Returns which values of a type, or which elements of a tuple, are allowed; None: all."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return next((one for one in parts if isinstance(one, Range)), limit_of(parts[0]))
    if origin is Literal:
        return parts
    if origin is tuple:
        return limit_of(parts[0])
    if origin in (Union, UnionType) and len(parts) == 2 and NoneType in parts:
        return limit_of(next(one for one in parts if one is not NoneType))
    return None
