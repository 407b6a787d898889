"""Describe how many solutions have no final answer; these count as not right."""

from __future__ import annotations

MOST_UNANSWERED = 0.05
"""Share of solutions without a final answer above which a command warns."""


def describe_unanswered(unanswered: int, solutions: int, unfinished: int, advice: str) -> str:
    """Report how many solutions have no final answer, with a warning if there are too many.

    Args:
        unanswered: number of solutions without a final answer.
        solutions: number of all solutions.
        unfinished: number of unanswered solutions that did not reach their end.
        advice: what to do if there are too many.
    """
    said = f"{unanswered:,} of {solutions:,} solutions have no final answer"
    if unfinished:
        said += f" ({unfinished:,} of them unfinished)"
    if unanswered > MOST_UNANSWERED * solutions:
        said += f"\nwarning: {unanswered / solutions:.1%} without a final answer count as not right; {advice}"
    return said
