"""Assignment of problems to the folds of a pool."""

import numpy as np


def fold_problems(count: int, *, fold: int, folds: int, part: str, seed: int) -> list[int]:
    """Returns the numbers of the problems in a part of a fold; its parts are disjoint and cover all.

    Raises:
        ValueError: there are fewer problems than folds.
    """
    if count < folds:
        raise ValueError(f"folds: found {folds} for {count} problems; allowed: at most one fold per problem")
    fold_of = np.empty(count, dtype=np.int64)
    fold_of[np.random.default_rng(seed).permutation(count)] = np.arange(count) % folds
    distance = (fold_of - fold) % folds
    chosen = {"test": distance == 0, "validation": distance == 1, "train": distance > 1}[part]
    return np.flatnonzero(chosen).tolist()
