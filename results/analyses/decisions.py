"""What embedded worlds can tell about real solutions: how often both choose the same arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product

import pandas as pd

from results.stats.decisions import (
    Accuracy,
    Decision,
    Values,
    accuracy,
    best_of_n,
    decisions,
    questions,
)
from results.stats.summaries import expected_ns
from results.tables.rendering import (
    MISSING,
    Cell,
    Table,
    arm_cell,
    heads,
    points,
    reading,
    whole,
    word,
)

READINGS = {"above": "predicts it", "below": "misleads", "": "cannot tell"}
"""Where the interval of the agreement lies, relative to a coin's 50% -> what that says of the first run."""


def shared_n(frames: Sequence[pd.DataFrame], n: int | None = None) -> int:
    """Returns the N at which runs are compared: the largest that all have as an expectation, unless given.

    Raises:
        ValueError: they do not share it.
    """
    shared = set.intersection(*(set(expected_ns(frame[frame["metric"] == "best_of_n"])) for frame in frames))
    allowed = ", ".join(map(str, sorted(shared))) or "runs that share one"
    if not shared or n not in (None, *shared):
        raise ValueError(f"n: found {n or 'no N'} of best-of-N in all runs; allowed: {allowed}")
    return n or max(shared)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How often one run chooses as another does, for one kind of decision."""

    proxy: str
    """Name of the cheap run."""
    target: str
    """Name of the run that it is to predict."""
    kind: str
    """What is decided."""
    decisions: tuple[Decision, ...]
    accuracy: Accuracy


def agreements(
    proxies: Mapping[str, pd.DataFrame], targets: Mapping[str, pd.DataFrame], n: int
) -> list[Agreement]:
    """Compares the choices of each cheap run with those of each target, by kind of decision.

    Args:
        proxies: name of each cheap run -> its records.
        targets: name of each run to be predicted -> its records.
        n: N of best-of-N.

    Raises:
        ValueError: two runs share no two arms.
    """
    found = []
    for (target_name, target), (proxy_name, proxy) in product(targets.items(), proxies.items()):
        cheap, real = best_of_n(proxy, n), best_of_n(target, n)
        kinds = questions([cheap, real])
        if not kinds:
            raise ValueError(
                f"run: found no two arms in both {proxy_name} and {target_name}; allowed: runs that share two"
            )
        for kind, pairs in kinds.items():
            made = tuple(decisions(cheap, real, pairs))
            found.append(
                Agreement(
                    proxy=proxy_name, target=target_name, kind=kind, decisions=made, accuracy=accuracy(made)
                )
            )
    return found


def decision_tables(
    proxies: Mapping[str, pd.DataFrame], targets: Mapping[str, pd.DataFrame], n: int | None = None
) -> list[Table]:
    """Tabulates how often each cheap run chooses as each target does, and each decision.

    The arguments are those of `agreements`; N is by default the largest that all runs have.

    Raises:
        ValueError: runs share no N, or no two arms.
    """
    n = shared_n([*proxies.values(), *targets.values()], n)
    found = agreements(proxies, targets, n)
    rows = [
        (word(one.proxy), word(one.target), word(one.kind), *_accuracy_cells(one.accuracy)) for one in found
    ]
    made = [
        (word(one.proxy), word(one.target), *_decision_cells(decision, targets[one.target]))
        for one in found
        for decision in one.decisions
    ]
    return [_summary(rows, n), _each(made, n)]


def _summary(rows: list[tuple[Cell, ...]], n: int) -> Table:
    return Table(
        id="decision-accuracy",
        title=f"Decision accuracy in best-of-{n}",
        lead="Agreement: share of decisions, at every data scale of the second run, for which both runs "
        "choose the same arm, with its 95% interval over resampled problems and seeds of both; a coin agrees "
        "with 50%. Repeat: the agreement that is expected of a repeat of the second run, on other problems "
        "and seeds. "
        "Decided: of the decisions where both runs show a difference, those where they agree.",
        heads=heads(
            *("run", "predicts", "decision", "decisions", "agreement", "repeat", "decided", "reading"),
            text=("run", "predicts", "decision", "decided", "reading"),
        ),
        rows=tuple(rows),
    )


def _accuracy_cells(found: Accuracy) -> tuple[Cell, ...]:
    place = "above" if found.lower > 0.5 else "below" if found.upper < 0.5 else ""
    return (
        whole(found.decisions),
        points(found.agreement, found.lower, found.upper),
        points(found.ceiling),
        word(f"{found.decided_alike} of {found.decided}"),
        reading(READINGS[place]),
    )


def _each(rows: list[tuple[Cell, ...]], n: int) -> Table:
    return Table(
        id="decisions",
        title="Each decision",
        lead=f"First arm minus second in best-of-{n}, in points, in the run that predicts and in the run "
        "that is predicted. A star: its 95% interval excludes zero.",
        heads=heads(
            *("run", "predicts", "arm", "minus", "labeled", "in the first", "in the second", "agree"),
            text=("run", "predicts", "arm", "minus", "agree"),
        ),
        rows=tuple(rows),
        printed=False,
    )


def _decision_cells(made: Decision, target: pd.DataFrame) -> tuple[Cell, ...]:
    scales = sorted(target[target["arm"].isin(made.question)]["data_scale"].dropna().unique())
    gaps = [
        Cell(value=repr(gap), shown=f"{100 * gap:+.1f}{'*' if verdict.endswith('zero') else ''}")
        for gap, verdict in zip(made.gaps, made.verdicts, strict=True)
    ]
    agree = {1.0: "yes", 0.0: "no"}.get(made.agrees, "tie")
    return (
        *map(arm_cell, made.question),
        whole(scales[made.place] if scales else None),
        *gaps,
        word(agree),
    )


def every_pair(frames: Mapping[str, pd.DataFrame], n: int | None = None) -> Table:
    """Tabulates the agreement over all kinds of decisions of each run with each other run."""
    n = shared_n(list(frames.values()), n)
    values: dict[str, Values] = {name: best_of_n(frame, n) for name, frame in frames.items()}
    found = {}
    for first, second in permutations(frames, 2):
        pairs = [pair for kind in questions([values[first], values[second]]).values() for pair in kind]
        found[first, second] = accuracy(decisions(values[first], values[second], pairs))
    return Table(
        id="every-pair",
        title=f"All decisions in best-of-{n}",
        lead="Agreement of the run of the row with the run of the column, over all decisions, percent.",
        heads=heads("run", *(f"predicts {name}" for name in frames), text=("run",)),
        rows=tuple(
            (
                word(first),
                *(
                    points(one.agreement, one.lower, one.upper) if one else MISSING
                    for one in (found.get((first, second)) for second in frames)
                ),
            )
            for first in frames
        ),
    )
