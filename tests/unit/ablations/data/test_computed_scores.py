import numpy as np
import pytest

from ablations.data.computed_scores import from_positive
from ablations.data.ragged import Ragged


def test_two_classes_and_the_last_step():
    labels = from_positive(Ragged.from_rows([[0.25, 0.75], [], [1.0]]))
    assert labels.classes == ("negative", "positive")
    assert labels.prob.values.tolist() == [[0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    assert labels.prob.offsets.tolist() == [0, 2, 2, 3]
    assert labels.last.tolist() == [0.75, 0.0, 1.0]


def test_single_precision_is_widened():
    labels = from_positive(Ragged.from_rows([[0.5]], np.float32))
    assert labels.prob.values.dtype == np.float64


@pytest.mark.parametrize(
    ("positive", "message"),
    [
        (Ragged.from_rows([[0.5, np.nan]]), "positive: found NaN; allowed: probabilities in [0, 1]"),
        (Ragged.from_rows([[1.25]]), "prob: found -0.25 to 1.25; allowed: probabilities in [0, 1]"),
        (Ragged.from_rows([[1]], np.int64), "positive: found int64 (1,); allowed: floats of one dimension"),
        (
            Ragged.from_lengths(np.ones((2, 2)), np.array([2])),
            "positive: found float64 (2, 2); allowed: floats of one dimension",
        ),
    ],
)
def test_refused(positive, message):
    with pytest.raises(ValueError) as caught:
        from_positive(positive)
    assert str(caught.value) == message
