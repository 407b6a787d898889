"""Checks of user input."""

import math
from collections.abc import Collection, Sequence


def allowed(name: str, value: str, names: Sequence[str]) -> None:
    """Raises a ValueError unless ``value`` is one of ``names``."""
    if value not in names:
        raise ValueError(f"{name}: found {value!r}; allowed: {', '.join(names)}")


def at_least(least: int, *, of: str = "", **values: int) -> None:
    """Raises a ValueError that names the first of some settings, in the group ``of``, that is too small."""
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{of}{name}: found {value}; allowed: {least} or more")


def each_once(name: str, found: Sequence[str], names: Collection[str]) -> None:
    """Raises a ValueError unless a setting names one or more of what is allowed, each once."""
    if not found or len(set(found)) != len(found) or not set(found) <= set(names):
        raise ValueError(
            f"{name}: found {list(found)}; allowed: one or more of {', '.join(names)}, each once"
        )


def above_zero(*, of: str, **values: float) -> None:
    """Raises a ValueError that names the first of some settings, in the group ``of``, that is not above 0."""
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{of}{name}: found {value}; allowed: above 0, and finite")


def zero_to_one(*, of: str, **values: float) -> None:
    """Raises a ValueError that names the first of some settings, in the group ``of``, that is no share."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{of}{name}: found {value}; allowed: 0 to 1")
