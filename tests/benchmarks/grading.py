"""Graded pairs a second: told by text, and by Math-Verify with one and with two processes."""

import random
import statistics
import time

from ablations.grading.grader import Grader, Pair


def plain_pairs(count: int, rng: random.Random) -> list[Pair]:
    """Plain numbers in other spellings, half of them equal; no two pairs alike."""
    numbers = rng.sample(range(10**9), count)
    return [(f"${number + i % 2:,}.00", str(number)) for i, number in enumerate(numbers)]


def hard_pairs(count: int, rng: random.Random) -> list[Pair]:
    """Answers of MATH's kinds that take mathematics, half of them equal; few pairs alike."""
    pairs: list[Pair] = []
    for i in range(count):
        a, b, c, wrong = rng.randint(2, 99), rng.randint(2, 99), rng.randint(2, 9), i // 5 % 2
        kinds = (
            (f"\\frac{{{a * c}}}{{{b * c}}}", f"\\frac{{{a}}}{{{b + wrong}}}"),
            (f"{c}\\sqrt{{{a}}}", f"\\sqrt{{{a * c * c + wrong}}}"),
            (f"(x + {a})^2", f"x^2 + {2 * a + wrong}x + {a * a}"),
            (f"({a}, {a + b}]", f"({a},{a + b + wrong}]"),
            (f"{a}, {-b}, {a + c}", f"{-b}, {a + c + wrong}, {a}"),
        )
        pairs.append(kinds[i % len(kinds)])
    return pairs


def rate(grader: Grader, pairs: list[Pair], repeats: int) -> float:
    """Median of distinct pairs a second."""
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        grader.grade(pairs)
        seconds.append(time.perf_counter() - begin)
    return len(set(pairs)) / statistics.median(seconds)


def measure(plain: int, hard: int, repeats: int) -> dict[str, float]:
    """Pairs a second by each way, seconds that one process takes to start, and the shares of the verdicts."""
    rng = random.Random(0)
    fresh = [plain_pairs(plain, rng) for _ in range(repeats)]  # texts that were read before are remembered
    pairs = hard_pairs(hard, rng)
    found: dict[str, float] = {
        "text_per_s": statistics.median(rate(Grader(), some, repeats=1) for some in fresh)
    }
    for workers in (1, 2):
        with Grader(workers=workers, seconds=30) as grader:
            begin = time.perf_counter()
            grader.grade(pairs[: 2 * workers])
            if workers == 1:
                found["start_s"] = time.perf_counter() - begin
            found[f"math_verify_per_s_{workers}_workers"] = rate(grader, pairs, repeats)
            verdicts = grader.grade(pairs)
    found["right"] = verdicts.count(True) / len(verdicts)
    found["ungraded"] = verdicts.count(None) / len(verdicts)
    return found
