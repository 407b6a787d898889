import numpy as np

from ablations.data.thresholds import exceeds


def test_equal_up_to_rounding_is_not_above():
    assert 1 - 0.7 > 0.3 and not exceeds(1 - 0.7, 0.3)  # 0.30000000000000004
    assert not exceeds(1 - float(np.float32(0.7)), 0.3)  # 0.300000012
    assert exceeds([0.2, 0.3001, 0.31], 0.3).tolist() == [False, True, True]
    assert exceeds([-np.inf, np.inf], 1.0).tolist() == [False, True]
