import numpy as np
import pytest

from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores


def test_two_classes_and_the_last_step():
    labels = StepScores.from_positive(Ragged.from_rows([[0.25, 0.75], [], [1.0]]))
    assert labels.classes == ("negative", "positive")
    assert labels.prob.values.tolist() == [[0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    assert labels.prob.offsets.tolist() == [0, 2, 2, 3]
    assert labels.last.tolist() == [0.75, 0.0, 1.0]


def test_single_precision_is_widened():
    labels = StepScores.from_positive(Ragged.from_rows([[0.5]], np.float32))
    assert labels.prob.values.dtype == np.float64


def test_refused():
    message = r"^prob: found -0.25 to 1.25; allowed: probabilities in \[0, 1\]$"
    with pytest.raises(ValueError, match=message):
        StepScores.from_positive(Ragged.from_rows([[1.25]]))
