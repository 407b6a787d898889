"""Which seeds learned, by hand."""

from typing import Any

import numpy as np

from results.analyses.learning import learned, learned_by_arm


def test_a_seed_far_below_the_others_has_not_learned() -> None:
    # others 0.8, 0.8, 0.9, 0.9: mean 0.85, deviation sqrt(4 * 0.05^2 / 3) = 0.0577; 0.85 - 0.1732 = 0.6768
    assert learned(np.array([0.67, 0.8, 0.8, 0.9, 0.9])).tolist() == [False, True, True, True, True]
    assert learned(np.array([0.68, 0.8, 0.8, 0.9, 0.9])).all()


def test_the_deviation_has_a_floor_of_two_points() -> None:
    # the others agree exactly: 0.8 - 3 * 0.02 = 0.74
    assert learned(np.array([0.745, 0.8, 0.8])).all()
    assert learned(np.array([0.735, 0.8, 0.8])).tolist() == [False, True, True]
    # of two seeds the other one has no deviation
    assert learned(np.array([0.5, 0.8])).tolist() == [False, True]


def test_a_seed_counts_by_its_best_checkpoint(record: Any, records_frame: Any) -> None:
    common: dict[str, Any] = {"metric": "validation_best_of_n", "problem_values": None}
    reached = {0: [0.3, 0.8], 1: [0.8, 0.5], 2: [0.3, 0.5]}
    rows = [
        record("process", [value], seed, n=100 * at, **common)
        for seed, values in reached.items()
        for at, value in enumerate(values)
    ]
    rows.append(record("final_answer", [0.4], 0, n=0, **common))  # one seed: nothing to compare it with
    found = learned_by_arm(records_frame(rows))
    assert found.to_dict("records") == [
        {"arm": "process", "acquisition": "uniform", "data_scale": 4, "learned": 2, "seeds": 3}
    ]
