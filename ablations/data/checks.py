"""Checks of user input."""

from collections.abc import Sequence


def allowed(name: str, value: str, names: Sequence[str]) -> None:
    """Raises a ValueError unless ``value`` is one of ``names``."""
    if value not in names:
        raise ValueError(f"{name}: {value!r} is not allowed; allowed are {', '.join(names)}")
