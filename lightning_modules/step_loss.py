"""Loss for labels of steps."""

from typing import Literal

StepLoss = Literal["cross_entropy", "ranking"]
"""How the predictions at the ends of steps are taught:

* ``cross_entropy``: each step on its own;
* ``ranking``: the steps of a solution against each other; see `step_ranks`. It takes decisions, not
  probabilities, of two classes.
"""
