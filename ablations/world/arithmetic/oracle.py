"""The exact oracle: a rating of every line, in PRM800K's numbers (1 positive, 0 neutral, -1 negative).

A line is judged given the lines before it, as a person would: one that is right given a wrong total is
positive. One that only restates the total is neutral; the answer line is positive if nothing is left to do.
"""

import re
from collections.abc import Sequence

from ablations.world.arithmetic.problems import PART, WorldProblem, apply
from ablations.world.world import NEGATIVE, NEUTRAL, POSITIVE

STEP = re.compile(r"(~?)(\d\d)([a-h])([+\-*])(\d)=(\d\d)", re.ASCII)
"""Groups: the mark of a part, the total before, letter, symbol, operand, the total after."""
_RESTATEMENT = re.compile(r"=(\d\d)", re.ASCII)
_ANSWER = re.compile(r"#(\d\d)", re.ASCII)


def final_answer(steps: Sequence[str]) -> str | None:
    """Returns a solution's answer: the two digits of its last line, or ``None`` if that is no answer line."""
    answer = _ANSWER.fullmatch(steps[-1]) if steps else None
    return answer[1] if answer else None


def judge(problem: WorldProblem, steps: Sequence[str]) -> tuple[int, ...]:
    """Rates each line of a solution, which may be any text: 1, 0 or -1."""
    total, done, left = problem.start, 0, problem.operations[0].operand
    ratings = []
    for line in steps:
        if step := STEP.fullmatch(line):
            mark, before, letter, symbol, digit, result = step.groups()
            part, stated = int(digit), int(result)
            op = problem.operations[done] if done < len(problem.operations) else None
            follows = op is not None and (letter, symbol) == (op.letter, op.symbol)
            fits = part == left if mark != PART else 1 <= part < left and symbol != "*"
            continues = int(before) == total
            right = continues and follows and fits and apply(symbol, total, part) == stated
            ratings.append(POSITIVE if right else NEGATIVE)
            total = stated
            if mark == PART and follows and symbol != "*" and part < left:
                left -= part
            else:
                named = ord(letter) - ord("a")
                if named >= done:  # repeating a step already done does not change what is left to do
                    done = min(named + 1, len(problem.operations))
                    left = problem.operations[done].operand if done < len(problem.operations) else 0
        elif restated := _RESTATEMENT.fullmatch(line):
            ratings.append(NEUTRAL if int(restated[1]) == total else NEGATIVE)
            total = int(restated[1])
        elif answer := _ANSWER.fullmatch(line):
            complete = done == len(problem.operations) and int(answer[1]) == total
            ratings.append(POSITIVE if complete else NEGATIVE)
        else:
            ratings.append(NEGATIVE)
    return tuple(ratings)
