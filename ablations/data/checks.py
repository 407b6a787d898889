"""Checks of user input."""

from collections.abc import Collection, Sequence


def allowed(name: str, value: str, names: Sequence[str]) -> None:
    """Raises a ValueError unless ``value`` is one of ``names``."""
    if value not in names:
        raise ValueError(f"{name}: found {value!r}; allowed: {', '.join(names)}")


def each_once(name: str, found: Sequence[str], names: Collection[str]) -> None:
    """Raises a ValueError unless a setting names one or more of what is allowed, each once."""
    if not found or len(set(found)) != len(found) or not set(found) <= set(names):
        allowed = f"one or more of {', '.join(names)}, each once"
        raise ValueError(f"{name}: found {list(found)}; allowed: {allowed}")
