"""Ranks within groups, and Spearman's correlation between two sets of them.

Shape letters: R values in G groups.
"""

import numpy as np
import numpy.typing as npt

from ablations.data.ties import level

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.integer]


def centered_ranks(group: Groups, values: npt.NDArray, groups: int) -> Floats:
    """Ranks values within their groups, with ties at their mean, and subtracts the group's mean rank.

    Args:
        group: integers [R] in 0..groups-1.
        values: [R], no NaN; ``ablations.data.ties`` defines ties.
        groups: G.

    Returns:
        float64 [R]; each group's ranks sum to 0, and are exactly 0 where its values are all equal.
    """
    values = level(values, group)
    order = np.lexsort((values, group))
    sorted_group, sorted_values = group[order], values[order]
    starts = np.ones(len(order), bool)
    starts[1:] = (sorted_group[1:] != sorted_group[:-1]) | (sorted_values[1:] != sorted_values[:-1])
    tie = np.cumsum(starts) - 1
    # Places are integers and their means multiples of one half, so equal ranks are exactly equal as floats.
    mean_place = np.bincount(tie, np.arange(len(order))) / np.bincount(tie)
    size_G = np.bincount(group, minlength=groups)
    middle_G = np.cumsum(size_G) - (size_G + 1) / 2
    ranks = np.empty(len(order))
    ranks[order] = mean_place[tie] - middle_G[sorted_group]
    return ranks


def correlation(group: Groups, a: Floats, b: Floats, groups: int) -> Floats:
    """Computes Spearman's correlation within each group, from two results of ``centered_ranks``.

    The result is float64 [G], -1 to 1; 0 where one of the two ties the whole group, or the group is empty.
    """
    joint_G, a_G, b_G = (np.bincount(group, values, groups) for values in (a * b, a**2, b**2))
    scale_G = np.sqrt(a_G * b_G)
    return np.clip(np.divide(joint_G, scale_G, out=np.zeros(groups), where=scale_G > 0), -1, 1)
