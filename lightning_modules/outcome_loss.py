"""Loss for the label of a whole solution: the tokens at which it applies, and their weights."""

from typing import Final, Literal

import numpy as np

OutcomeLoss = Literal["every_token", "last_token", "every_and_last", "mean_logit"]
"""Predictions whose cross-entropy is the loss:

* ``every_token``: the prediction at every token of the solution, with equal weights;
* ``last_token``: the prediction at the last token;
* ``every_and_last``: the prediction at every token, where the last weighs as much as all others together;
* ``mean_logit``: a single prediction, the softmax of the mean of the tokens' logits. The head is linear, so
  this is the head on mean-pooled hidden states, the usual pooling of sequence classifiers.

The prediction at the last token scores a solution; under ``mean_logit``, the pooled prediction does.
"""
SolutionLoss = Literal[OutcomeLoss, "sum_logit"]
"""Also ``sum_logit``, for implicit rewards: one prediction, the softmax of the sum of the tokens' logits."""
POOLING: Final = ("mean_logit", "sum_logit")
"""Losses with a single prediction."""


def token_weights(count: int, loss: SolutionLoss) -> np.ndarray:
    """Returns the weights of a solution's tokens, float32 [count].

    They sum to the number of tokens with a weight, so that all losses have the same scale; with a single
    prediction they sum to 1. The tokens of the problem do not count.
    """
    if count == 0 or loss == "every_token":
        return np.ones(count, np.float32)
    if loss in POOLING:
        return np.full(count, 1 / count, np.float32)
    if loss == "last_token" or count == 1:
        return (np.arange(count) == count - 1).astype(np.float32)
    weights = np.full(count, count / 2 / (count - 1), np.float32)
    weights[-1] = count / 2
    return weights
