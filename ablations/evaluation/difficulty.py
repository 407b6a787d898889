"""Difficulty of problems, by how often the generator solves them."""

import numpy as np
import numpy.typing as npt

QUINTILES = 5


def quintiles(correct_PM: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Splits problems by pass rate, on solutions that are not evaluated, into five parts of about equal size.

    Sizes differ by at most one. The result is int64 [P]: 1, the easiest, to 5. With equal pass rates, the
    earlier problem counts as easier.
    """
    order = np.argsort(-correct_PM.sum(axis=1), kind="stable")
    level_P = np.empty(len(order), dtype=np.int64)
    level_P[order] = np.arange(len(order)) * QUINTILES // max(len(order), 1) + 1
    return level_P
