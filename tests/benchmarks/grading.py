"""Pairs graded per second: by text, and by Math-Verify with one and with two processes."""

import random
import statistics
import time

from ablations.grading.grader import Grader, Pair


def plain_pairs(count: int, rng: random.Random) -> list[Pair]:
    """Makes distinct pairs of plain numbers in different spellings, half of them equal."""
    numbers = rng.sample(range(10**9), count)
    return [(f"${number + i % 2:,}.00", str(number)) for i, number in enumerate(numbers)]


def hard_pairs(count: int, rng: random.Random) -> list[Pair]:
    """Makes pairs of answers as in MATH that take mathematics to compare, half of them equal."""
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
    """Measures the median of distinct pairs per second."""
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        grader.grade(pairs)
        seconds.append(time.perf_counter() - begin)
    return len(set(pairs)) / statistics.median(seconds)


def measure(plain: int, hard: int, repeats: int) -> dict[str, float]:
    """Measures pairs per second, the seconds in which a process starts, and the shares of verdicts."""
    rng = random.Random(0)
    fresh = [plain_pairs(plain, rng) for _ in range(repeats)]  # because graders remember texts
    pairs = hard_pairs(hard, rng)
    results = {"text_per_s": statistics.median(rate(Grader(), texts, repeats=1) for texts in fresh)}
    for workers in (1, 2):
        with Grader(workers=workers, seconds=30) as grader:
            begin = time.perf_counter()
            grader.grade(pairs[: 2 * workers])
            if workers == 1:
                results["start_s"] = time.perf_counter() - begin
            results[f"math_verify_per_s_{workers}_workers"] = rate(grader, pairs, repeats)
            verdicts = grader.grade(pairs)
    results["right"] = verdicts.count(True) / len(verdicts)
    results["ungraded"] = verdicts.count(None) / len(verdicts)
    return results
