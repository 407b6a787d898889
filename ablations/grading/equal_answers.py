"""One spelling for all answers to a problem that are equal: votes compare answers as texts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

from ablations.grading.grader import Grader


def common_spellings(
    answers: Sequence[str], verdicts: Mapping[str, bool | None], grader: Grader
) -> dict[str, str]:
    """For each spelling the most frequent one of those that are equal to it, of equally many the first.

    All right answers are equal. Of the others two are equal if the later one, graded against the earlier one,
    is right; since that need not carry over to a third, an answer joins the first class in which it is equal
    to all. An ungraded answer stays by itself.

    Args:
        answers: to one problem, a solution each.
        verdicts: of each spelling, whether it is right.
        grader: compares spellings.
    """
    count = Counter(answers)  # in the order of first appearance
    wrong = [answer for answer in count if verdicts[answer] is False]
    pairs = [(later, earlier) for earlier, later in combinations(wrong, 2)]
    equal = {pair for pair, verdict in zip(pairs, grader.grade(pairs), strict=True) if verdict}
    classes: list[list[str]] = []
    for answer in wrong:
        fits = (one for one in classes if all((answer, other) in equal for other in one))
        joined = next(fits, None)
        if joined is None:
            classes.append([answer])
        else:
            joined.append(answer)
    classes.append([answer for answer in count if verdicts[answer]])
    spelling = {answer: answer for answer in count}
    for members in classes:
        spelling |= dict.fromkeys(members, max(members, key=count.__getitem__, default=""))
    return spelling
