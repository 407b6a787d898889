"""Solutions shown to the annotator of the large PRM: each generation's convincing wrong answers.

The previous generation's PRM scores a pool; among the solutions not rated yet, the most convincing ones with
a wrong final answer are rated next. A selection sees what an acquisition sees: texts, final answers, the
PRM's scores and which solutions have been rated, but none of the ratings. If too few wrong ones are left, it
buys fewer. Source: "Let's Verify Step by Step" (arXiv 2305.20050), Section 2.4.
"""

from collections.abc import Callable

import numpy as np

from ablations.acquisition.strategies import Candidates, Rows, best_of_each, first_of_equal, text_codes
from ablations.data.ties import level


def collect(selection: str, candidates: Candidates, labeled: Rows, k: int) -> Rows:
    """Chooses the rows to rate next, ascending; the order of the candidates does not matter.

    Args:
        selection: key in ``SELECTIONS``.
        candidates: the whole pool; its first selector is the previous generation's PRM.
        labeled: rows that have been rated; their texts are not rated again.
        k: solutions per problem.

    Returns:
        int64: at most ``k`` times the number of problems; no text of a problem twice.

    Raises:
        ValueError: the selection does not exist, or k is below 1.
    """
    if selection not in SELECTIONS:
        raise ValueError(f"selection: found {selection!r}; allowed: {', '.join(SELECTIONS)}")
    if k < 1:
        raise ValueError(f"k: found {k}; allowed: 1 or more")
    drawn = np.lexsort((candidates.sample, candidates.problem))
    known = candidates.take(drawn)
    text = text_codes(known.problem, known.steps)
    first = first_of_equal(text)
    rated = np.isin(text[first], text[np.isin(drawn, labeled)])
    left = first[~rated & ~known.final_correct[first]]
    problems = int(known.problem.max(initial=-1)) + 1
    chosen = SELECTIONS[selection](known.take(left), k, problems)
    return np.sort(drawn[left[chosen]])


def per_problem(left: Candidates, k: int, problems: int) -> Rows:
    """Chooses the ``k`` most convincing solutions of each problem, or all if it has fewer."""
    return best_of_each(left.problem, left.convincing[0], np.full(problems, k))


def whole_set(left: Candidates, k: int, problems: int) -> Rows:
    """Chooses the ``k * problems`` most convincing solutions of all problems."""
    return np.argsort(-level(left.convincing[0]), kind="stable")[: k * problems]


SELECTIONS: dict[str, Callable[[Candidates, int, int], Rows]] = {
    "per_problem": per_problem,
    "whole_set": whole_set,
}
"""Name -> (unrated wrong answers in the order drawn, k, number of problems) -> rows of those chosen."""
