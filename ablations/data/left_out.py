"""Items left out of training data."""

from __future__ import annotations

from collections import Counter, defaultdict

from ablations.data.json_files import Json

NAMED = 5
"""Most left-out items that are named per reason."""
OF_HELD_OUT = "of held-out problems"


class LeftOut:
    """Texts or solutions that nothing is learned from, by reason: counts, and the names of the first few."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, list[str]] = defaultdict(list)

    def __str__(self) -> str:
        parts = [f"{count} left out ({reason})" for reason, count in self.counts.items()]
        return ", ".join(parts) or "nothing left out"

    def add(self, reason: str, name: str | None = None) -> None:
        """Adds one item, with its name if it has one."""
        self.counts[reason] += 1
        named = self.first[reason]
        if name is not None and len(named) < NAMED:
            named.append(name)

    @property
    def facts(self) -> dict[str, Json]:
        """Counts and names by reason, as plain JSON."""
        return {
            reason: {"count": count, "first": [*self.first[reason]]} for reason, count in self.counts.items()
        }
