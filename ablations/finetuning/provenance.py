"""How a finetuned checkpoint was made, in a file next to its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ablations.data.artifacts import write_json
from ablations.engine.progress import text_table
from ablations.engine.revision import code, revision

FACTS = "finetune.json"
"""Name of the file, next to a checkpoint's config.json."""
OF_HELD_OUT = "of held-out problems"
NAMED = 5
"""Most left-out items that are named per reason."""


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


def write_facts(
    out: Path, config: dict[str, Any], left_out: LeftOut, counts: dict[str, int], **more: Any
) -> None:
    """Writes ``FACTS``: all that decided the checkpoint, and the outcome.

    Args:
        out: the checkpoint's folder.
        config: config of the stage that made it.
        left_out: what was left out of the training data.
        counts: counts of the data.
        more: further facts, plain JSON.
    """
    named = {why: {"count": n, "first": left_out.first[why]} for why, n in left_out.counts.items()}
    made_by = {"revision": revision(), "code": code()}
    write_json(out / FACTS, config | made_by | {"counts": counts, "left_out": named} | more)


def described(facts: dict[str, Any]) -> str:
    """Formats the facts for display: counts, what was left out, and how well it does if it was evaluated."""
    base = facts.get("base")
    of = f" of {base['name']} (revision {base['revision'][:12]})" if base else ""
    updates = f", {facts['training']['updates']:,} updates" if "training" in facts else ""
    rows = [(name.replace("_", " "), f"{count:,}") for name, count in facts["counts"].items()]
    lines = [f"{facts['kind']}{of}{updates}", text_table(("", "count"), rows, right=(1,))]
    for reason, found in facts["left_out"].items():
        more = ", ..." if found["count"] > len(found["first"]) else ""
        named = f" ({', '.join(found['first'])}{more})" if found["first"] else ""
        lines.append(f"left out: {found['count']:,} {reason}{named}")
    if "judged" in facts:
        lines.append(_judged("held out", facts["judged"]))
    if facts.get("judged_distinct"):
        lines.append(_judged("the same, equal solutions once", facts["judged_distinct"]))
    return "\n".join(lines)


def _judged(what: str, found: dict[str, Any] | None) -> str:
    if found is None:
        return "not judged: there is no label of a held-out problem"
    auroc = found["step_auroc"]
    classes = ", ".join(
        f"{name} {_share(one['accuracy'])} of {one['labels']:,}" for name, one in found["by_class"].items()
    )
    return (
        f"{what}: {found['labels']:,} labels of {found['problems']:,} problems; step AUROC "
        f"{_share(auroc['estimate'])} [{_share(auroc['lower'])}, {_share(auroc['upper'])}], loss "
        f"{found['loss']:.3f}, accuracy {_share(found['accuracy'])} ({classes})"
    )


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
