"""What a process that grades does: it asks Math-Verify of one pair after the other, until its parent is gone.

Math-Verify's own time limits are off: they are signals within the process, which no computation heeds that
lets none through. The parent limits the time, and kills. This file imports nothing heavy.
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

READY, BROKEN = "ready", "broken"
"""First word of the first message; all later ones are verdicts."""
GRACE = 1.0
"""Seconds after its limit at which a computation ends by itself whose parent is gone."""
_FIRST = (
    ("\\frac{1}{2}", "0.5"),
    ("(-\\infty, 1] \\cup [2, 3)", "x \\le 1"),
    ("\\{1, 2\\}", "2, 1"),
    ("\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "\\sqrt{3}x^2 - 1 = y"),
    ("5\\text{ cm}", "50\\%"),
)
"""Pairs of some kinds: the grammar's tables are built when they are first used, which takes a second."""


def equivalent(answer: str, reference: str) -> bool:
    """Whether two answers are mathematically equal, by Math-Verify.

    Args:
        answer: without marks of mathematics around it; what cannot be read is equal to nothing.
        reference: the same.

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
    """What Math-Verify reads in an answer, which is read once however many answers it is compared with.

    Math-Verify's own units are off: among them are t, d, bc and ab, which are symbols in 5t and 2ab. A lone i
    is the imaginary unit.
    """
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse
    from sympy import Basic, I  # type: ignore[import-untyped]

    settings = replace(LatexExtractionConfig().normalization_config, units=False)
    # in a box, for then the text is the answer as a whole, and is not looked through for one
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
    """Whether two expressions of SymPy are the same number, in place of Math-Verify's own rule.

    That one rounds to six decimals where a decimal is involved, and takes what is near 0 for 0 elsewhere, so
    that all small numbers are equal. Here a decimal may differ by half a unit in its sixth place, and by no
    more than 5e-6 of the number; all else must agree to some 30 digits.
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
    except (AttributeError, TypeError, ValueError):  # sets, relations and the like, which are no numbers
        return False


def _percent(expression: Any) -> Any:
    """What stands before the sign of a percentage, as Math-Verify reads it; None of what is none."""
    from sympy import Mul, Rational, UnevaluatedExpr

    if isinstance(expression, Mul) and expression.args[1:] == (UnevaluatedExpr(Rational(1, 100)),):
        return expression.args[0]
    return None


def work(connection: Connection, judge: Callable[[str, str], bool], seconds: float) -> None:
    """Judges pairs of answer and reference, given one at a time.

    It tells of each True, False, or None if the judge raises; before the first one that it is ready, or that
    it is broken, and why.

    Args:
        connection: to the parent.
        judge: (answer, reference) -> whether they are equal.
        seconds: limit for a pair, which the parent enforces.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, whatever it computes
    end_with_parent()
    logging.disable(logging.CRITICAL)  # Math-Verify warns of its limits being off
    try:
        if judge is equivalent:
            for pair in _FIRST:
                judge(*pair)
    except Exception as error:
        connection.send((BROKEN, f"{type(error).__name__}: {error}"))
        return
    connection.send((READY, ""))
    while True:
        try:
            answer, reference = connection.recv()
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
        try:
            verdict = bool(judge(answer, reference))
        except Exception:
            verdict = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.send(verdict)
