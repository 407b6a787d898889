"""One spelling for all equal answers to a problem, because votes compare answers as text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

from ablations.grading.grader import Grader


def common_spellings(
    answers: Sequence[str], verdicts: Mapping[str, bool | None], grader: Grader
) -> dict[str, str]:
    """Maps each spelling to the most frequent spelling that is equal to it; the first one wins ties.

    All right answers are equal. Two wrong answers are equal if the later one, graded against the earlier one,
    is right; because this need not be transitive, an answer joins the first class whose members all equal it.
    An ungraded answer stays by itself.

    Args:
        answers: answers to one problem, one per solution.
        verdicts: for each spelling, whether it is right.
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
