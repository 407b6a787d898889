"""Labels from step scores computed elsewhere, such as those stored in a pool."""

import numpy as np

from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores


def from_positive(positive: Ragged) -> StepScores:
    """Builds two-class labels: P(negative) = 1 - P(the step is right).

    Args:
        positive: float [total steps] in [0, 1].

    Returns:
        Labels of R solutions; `last` is the last step's probability, 0 for a solution without steps.

    Raises:
        ValueError: a probability is NaN or outside [0, 1], or the values are not one-dimensional.
    """
    values = positive.values
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.floating):
        raise ValueError(f"positive: found {values.dtype} {values.shape}; allowed: floats of one dimension")
    if np.isnan(values).any():
        raise ValueError("positive: found NaN; allowed: probabilities in [0, 1]")
    return StepScores.from_positive(positive)
