"""Work of a grading process: it has Math-Verify compare one pair after another until its parent is gone.

Math-Verify's own time limits are off: they are signals within the process, which some computations never let
through. The parent limits the time, and kills the process. This file imports nothing heavy.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

from ablations.engine.processes import end_with_parent
from ablations.engine.worker_pool import BEGUN

VERDICT, BROKEN = "verdict", "broken"
"""First word of the answer to a pair."""
GRACE = 1.0
"""Seconds past its limit after which a computation whose parent is gone ends by itself."""
_FIRST = (
    ("\\frac{1}{2}", "0.5"),
    ("(-\\infty, 1] \\cup [2, 3)", "x \\le 1"),
    ("\\{1, 2\\}", "2, 1"),
    ("\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "\\sqrt{3}x^2 - 1 = y"),
    ("5\\text{ cm}", "50\\%"),
)
"""Warm-up pairs of several kinds: the grammar's tables are built on first use, which takes a second."""


def equivalent(answer: str, reference: str) -> bool:
    """Decides whether two answers are mathematically equal, by Math-Verify.

    Args:
        answer: an answer without math delimiters; one that cannot be read equals nothing.
        reference: the reference answer, without math delimiters.

    Raises:
        ValueError: the reference cannot be read, or Math-Verify fails.
    """
    from math_verify import grader, verify  # type: ignore[import-untyped]

    grader.sympy_numeric_eq = _numbers_equal
    gold, found = _parsed(reference), _parsed(answer)
    if all(isinstance(one, str) for one in gold):
        raise ValueError(f"reference: found {reference!r}; allowed: what can be read as mathematics")
    return verify(gold, found, timeout_seconds=None, raise_on_error=True, allow_set_relation_comp=True)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> list[Any]:
    """Parses an answer with Math-Verify, once however many answers it is compared with.

    Math-Verify's own units are off: they include t, d, bc and ab, which are symbols in 5t and 2ab. A lone i
    is the imaginary unit.
    """
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse
    from sympy import Basic, I  # type: ignore[import-untyped]

    settings = replace(LatexExtractionConfig().normalization_config, units=False)
    # in a box, so that the whole text is taken as the answer, instead of being searched for one
    read = parse(
        f"\\boxed{{{text}}}",
        [LatexExtractionConfig(normalization_config=settings), ExprExtractionConfig()],
        parsing_timeout=None,
        raise_on_error=True,
    )
    return [
        one.xreplace({symbol: I for symbol in one.free_symbols if symbol.name == "i"})
        if isinstance(one, Basic)
        else one
        for one in read
    ]


def _numbers_equal(one: Any, other: Any, float_rounding: int, numeric_precision: int) -> bool:
    """Decides whether two SymPy expressions are the same number, replacing Math-Verify's own rule.

    That rule rounds to six decimals if a decimal is involved, and otherwise treats what is near 0 as 0, so
    that all small numbers are equal. Here a decimal may differ by half a unit in its sixth place, and by no
    more than 5e-6 of the number; everything else must agree to about 30 digits.
    """
    from sympy import Float, MatrixBase, MatrixExpr, N

    matrices = MatrixBase | MatrixExpr
    if isinstance(one, matrices) or isinstance(other, matrices):
        one, other = one.doit(), other.doit()
        if not (isinstance(one, MatrixBase) and isinstance(other, MatrixBase) and one.shape == other.shape):
            return False
        pairs = zip(one.flat(), other.flat(), strict=True)
        return all(_numbers_equal(a, b, float_rounding, numeric_precision) for a, b in pairs)
    try:
        bare = [_percent(number) or number for number in (one, other)]
        if bare != [one, other] and _numbers_equal(bare[0], bare[1], float_rounding, numeric_precision):
            return True  # 50% is 50, and 1/2
        one, other = one.doit(), other.doit()
        if one.is_infinite or other.is_infinite:
            return bool(one == other)
        if one.free_symbols or other.free_symbols:
            return bool((one - other).evalf(n=numeric_precision) == 0)
        difference, size = abs(N(one - other, 30)), max(abs(N(one, 30)), abs(N(other, 30)))
        if one.has(Float) or other.has(Float):
            return bool(difference <= 5 * 10.0 ** -(float_rounding + 1) and difference <= 5e-6 * size)
        return bool(difference <= 1e-25 * size)
    except (AttributeError, TypeError, ValueError):  # sets, relations and the like, which are not numbers
        return False


def _percent(expression: Any) -> Any:
    """Returns the number before a percent sign, as Math-Verify reads it; None if it is not a percentage."""
    from sympy import Mul, Rational, UnevaluatedExpr

    if isinstance(expression, Mul) and expression.args[1:] == (UnevaluatedExpr(Rational(1, 100)),):
        return expression.args[0]
    return None


def work(connection: Connection, judge: Callable[[str, str], bool], seconds: float) -> None:
    """Grades pairs of answer and reference, given one at a time.

    For each pair, it sends a verdict: True, False, or None if the judge raises; or that the judge is broken,
    and why.

    Args:
        connection: connection to the parent.
        judge: (answer, reference) -> whether they are equal.
        seconds: time limit per pair, which the parent enforces.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, whatever it computes
    end_with_parent()
    logging.disable(logging.CRITICAL)  # Math-Verify warns that its limits are off
    broken = _tried(judge)
    while True:
        try:
            answer, reference = connection.recv()
        except EOFError:
            return
        connection.send(BEGUN)
        if broken is not None:
            connection.send((BROKEN, broken))
            continue
        signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
        try:
            verdict = bool(judge(answer, reference))
        except Exception:
            verdict = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.send((VERDICT, verdict))


def _tried(judge: Callable[[str, str], bool]) -> str | None:
    """Warms Math-Verify up, and returns what is wrong with it, if anything is."""
    if judge is equivalent:
        try:
            for pair in _FIRST:
                judge(*pair)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return None
