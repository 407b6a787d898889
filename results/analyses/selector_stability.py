"""Whether continued training of a selector (training on) is steady, and if not, why.

Signs and causes are judged by rules fixed before any run. Each rule has one or more checks: differences whose
whole interval must lie on one side of zero. The intervals are not corrected for their number.

A *sign* shows whether training on is unsteady at all:

* drift: in the last round the selector keeps the order of the pool less well than in the first retraining;
* loss: after some round it solves fewer test problems than before it;
* less steady: in the last round it keeps the order less well than a remedy does.

A *cause* is supported if all its checks hold, and opposed if one lies on the other side of zero:

* warm start: training on keeps the order less well than in the first retraining, and less well than starting
  from the base does;
* class balance: fewer of the chosen solutions are free of errors than in the first retraining, more with a
  uniform share, and the uniform share keeps the order better;
* near-duplicates: more of the chosen solutions repeat labeled ones than in the first retraining, fewer with a
  uniform share, and the uniform share keeps the order better;
* calibration: the selector is worse calibrated on the pool than at first, better with a uniform share, and
  the uniform share keeps the order better.

A cause therefore has to grow, and its remedy has to fix both it and the steadiness. A warm start has no
measure of its own: its checks are two of the signs, taken together. The three causes that the uniform share
fixes can hold together: the ways of retraining do not separate them.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.analyses.headline import capital, listed
from results.analyses.retraining_rounds import (
    MEASURES,
    NUMBERS,
    Place,
    difference,
    last_round,
    measure_cell,
    measure_words,
    place_words,
)
from results.stats.intervals import EQUIVALENT, INCONCLUSIVE
from results.stats.summaries import comparison_n
from results.tables.rendering import Table, heads, read, verdict_words, word
from results.vocabulary import FIRST


@dataclass(frozen=True, kw_only=True)
class Check:
    """First place minus second place in one measure, and the side of zero on which a rule expects it."""

    metric: str
    """Key of ``MEASURES``."""
    first: Place
    second: Place
    wanted: str
    """Expected verdict: above zero or below zero."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A sign of unsteadiness or a cause of it."""

    claim: str
    """Claim that holds if every check does."""
    role: str
    """sign or cause."""
    checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True)
class Judgment:
    """A rule and its numbers."""

    rule: Rule
    found: tuple[Any, ...]
    """Row of differences of each check; None if the records do not hold both places."""

    @property
    def verdict(self) -> str:
        """supported, opposed, or inconclusive."""
        verdicts = [row.verdict if row is not None else INCONCLUSIVE for row in self.found]
        wanted = [check.wanted for check in self.rule.checks]
        if verdicts == wanted:
            return "supported"
        pairs = zip(verdicts, wanted, strict=True)
        opposed = any(verdict not in (want, EQUIVALENT, INCONCLUSIVE) for verdict, want in pairs)
        return "opposed" if opposed else INCONCLUSIVE


def rules(last: int) -> tuple[Rule, ...]:
    """Make the rules for rounds up to ``last``; round 0 is that of the first selector."""
    start, early, late = (FIRST, 0), ("train_on", 1), ("train_on", last)
    base, share = ("from_base", last), ("uniform_share", last)

    def order(first: Place, second: Place, wanted: str) -> Check:
        return Check(metric="rank_correlation", first=first, second=second, wanted=wanted)

    up, down = "above zero", "below zero"

    def sign(claim: str, check: Check) -> Rule:
        return Rule(claim=claim, role="sign", checks=(check,))

    def loss(level: int) -> Rule:
        before = ("train_on", level - 1) if level > 1 else start
        check = Check(metric="best_of_n", first=("train_on", level), second=before, wanted=down)
        return sign(f"loss in round {level}", check)

    def remedied(claim: str, metric: str, since: Place, grows: str, shrinks: str) -> Rule:
        checks = (
            Check(metric=metric, first=late, second=since, wanted=grows),
            Check(metric=metric, first=share, second=late, wanted=shrinks),
            order(share, late, up),
        )
        return Rule(claim=claim, role="cause", checks=checks)

    return (
        sign("drift", order(late, early, down)),
        *map(loss, range(1, last + 1)),
        sign("less steady than from the base", order(late, base, down)),
        sign("less steady than with a uniform share", order(late, share, down)),
        Rule(claim="warm start", role="cause", checks=(order(late, early, down), order(late, base, down))),
        remedied("class balance", "chosen_error_free", early, down, up),
        remedied("near-duplicates", "chosen_repeats", early, up, down),
        remedied("calibration", "pool_calibration_error", start, up, down),
    )


def judge(frame: pd.DataFrame) -> tuple[Judgment, ...]:
    """Apply every rule to the numbers in the records."""
    n = comparison_n(frame)
    judged = []
    for rule in rules(last_round(frame)):
        found = (difference(frame, check.metric, check.first, check.second, n) for check in rule.checks)
        judged.append(Judgment(rule=rule, found=tuple(found)))
    return tuple(judged)


def causes_table(frame: pd.DataFrame) -> Table:
    """Tabulate every rule, check by check."""
    n = comparison_n(frame)
    rows = []
    for judgment in judge(frame):
        rule = judgment.rule
        for check, found in zip(rule.checks, judgment.found, strict=True):
            places = f"{place_words(check.first)} - {place_words(check.second)}"
            reads = word("no records")
            if found is not None:
                reads = read(found, in_points=check.metric not in NUMBERS)
            rows.append(
                (
                    word(rule.role),
                    word(rule.claim),
                    word(f"{measure_words(check.metric, n)}: {places}"),
                    word(check.wanted),
                    measure_cell(check.metric, found, signed=True),
                    reads,
                    word(judgment.verdict),
                )
            )
    return Table(
        id="causes",
        title="Is training on unsteady, and why?",
        lead=(
            "Each check is a difference, with rounds in parentheses. A rule is supported if every check lies "
            "where it is wanted, opposed if one lies on the other side of zero. A cause has to grow while "
            "the selector is trained on, and its remedy has to improve both it and the order of the pool. "
            "Shares in points; paired by problem where there is a value for each, otherwise by seed; not "
            "corrected for their number."
        ),
        heads=heads(
            *("role", "claim", "check", "wanted", "difference", "reading", "rule"),
            text=("role", "claim", "check", "wanted", "reading", "rule"),
        ),
        rows=tuple(rows),
    )


def signs_sentence(judged: tuple[Judgment, ...]) -> str:
    """Say which signs of unsteadiness are supported."""
    signs = [one for one in judged if one.rule.role == "sign"]
    if all(found is None for one in signs for found in one.found):
        return "The records do not show whether training on is unsteady."
    seen = [one.rule.claim for one in signs if one.verdict == "supported"]
    return f"It is unsteady ({', '.join(seen)})." if seen else "No sign of unsteadiness stands out."


def causes_sentence(judged: tuple[Judgment, ...]) -> str:
    """Say which causes are supported, and which are opposed."""
    causes = [one for one in judged if one.rule.role == "cause"]
    supported, opposed = (
        [one.rule.claim for one in causes if one.verdict == verdict] for verdict in ("supported", "opposed")
    )
    parts = [f"supports {listed(supported)} as a cause" if supported else "supports no cause"]
    if opposed:
        parts.append(f"speaks against {listed(opposed)}")
    return f"The evidence {'; it '.join(parts)}."


def rule_sentence(judgment: Judgment) -> str:
    """Describe a rule, its verdict and its checks."""
    rule = judgment.rule
    checks = []
    for check, found in zip(rule.checks, judgment.found, strict=True):
        places = f"{place_words(check.first)} minus {place_words(check.second)}"
        words = "no records"
        if found is not None:
            words = verdict_words(found, in_points=check.metric not in NUMBERS)
        checks.append(f"{MEASURES[check.metric]}, {places}, wanted {check.wanted}, found {words}")
    return f"{capital(rule.claim)} ({rule.role}): {judgment.verdict}. {'; '.join(checks)}."
