"""Seeds that learned: trainings whose best-of-N on validation problems is not far below the other seeds'.

A seed counts as learned unless its validation best-of-N lies more than three standard deviations of the other
seeds' values below their mean. The deviation counts as at least ``LEAST_DEVIATION``, so that a few seeds that
agree by chance cannot make an ordinary one a failure. If half of the seeds fail, the deviation is large and
the rule finds none of them: a low share is evidence of failure, but a full share is not proof of success.
"""

import numpy as np
import pandas as pd

from results.records import plain
from results.vocabulary import STUDENT_ARMS

DEVIATIONS = 3
"""Number of standard deviations below the others' mean beyond which a seed has failed."""
LEAST_DEVIATION = 0.02
"""Lower bound on the standard deviation: 2 points."""


def learned(value_S: np.ndarray) -> np.ndarray:
    """Decide whether each seed learned.

    Args:
        value_S: [S], value of each seed on validation problems; S is 2 or more.

    Returns:
        bool [S].
    """
    limits = []
    for seed in range(len(value_S)):
        others = np.delete(value_S, seed)
        deviation = others.std(ddof=1) if len(others) > 1 else 0.0
        limits.append(others.mean() - DEVIATIONS * max(deviation, LEAST_DEVIATION))
    return value_S >= np.array(limits)


def learned_by_arm(frame: pd.DataFrame) -> pd.DataFrame:
    """Count the seeds of each arm that learned, at each data scale.

    Args:
        frame: records; a seed's value is its best one on validation problems, that of the checkpoint kept.

    Returns:
        Columns arm, acquisition, data_scale, learned and seeds; arms with one seed have no row.
    """
    rows = plain(frame)
    rows = rows[(rows["metric"] == "validation_best_of_n") & rows["arm"].isin(list(STUDENT_ARMS))]
    best = rows.groupby(["arm", "acquisition", "data_scale", "seed"], as_index=False)["value"].max()
    seeds = best.groupby(["arm", "acquisition", "data_scale"], sort=False)["value"]
    counts = [
        (*key, int(learned(values.to_numpy(np.float64)).sum()), len(values))
        for key, values in seeds
        if len(values) > 1
    ]
    return pd.DataFrame(counts, columns=["arm", "acquisition", "data_scale", "learned", "seeds"])
