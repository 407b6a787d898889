"""What is left out of training data."""

from __future__ import annotations

from ablations.data.json_files import Json

NAMED = 5
"""Most left-out items that are named per reason."""
OF_HELD_OUT = "of held-out problems"


class LeftOut:
    """Texts or solutions that nothing is learned from, by reason: counts, and the names of the first few."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.first: dict[str, list[str]] = {}

    def __str__(self) -> str:
        found = [f"{count} left out ({reason})" for reason, count in self.counts.items()]
        return ", ".join(found) or "nothing left out"

    def add(self, reason: str, name: str | None = None) -> None:
        """Adds one item, with its name if it has one."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        named = self.first.setdefault(reason, [])
        if name is not None and len(named) < NAMED:
            named.append(name)

    @property
    def facts(self) -> dict[str, Json]:
        """Counts and names by reason, as plain JSON."""
        return {why: {"count": count, "first": [*self.first[why]]} for why, count in self.counts.items()}
