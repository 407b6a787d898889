"""The table of label noise."""

from typing import Any

from results.analyses.label_noise import METRICS, label_noise_table
from results.tables.rendering import text_of


def test_means_over_seeds_by_hand(record: Any, records_frame: Any) -> None:
    """Seeds with 5% and 7% give 6%; an arm without false negatives has a dash."""
    rows = [
        record("final_answer", [value], seed, n=None, metric=metric, problem_values=None)
        for seed, values in enumerate(((0.05, 0.1, 0.02), (0.07, 0.1, 0.04)))
        for metric, value in zip(METRICS, values, strict=True)
    ]
    rows.append(record("process", [0.0], 0, n=None, metric="label_noise", problem_values=None))
    table = label_noise_table(records_frame(rows))
    assert table is not None
    shown = [[text_of(cell) for cell in row] for row in table.rows]
    assert shown == [
        ["process supervision", "4", "0.0", "-", "-", "1"],
        ["final-answer outcome", "4", "6.0", "10.0", "3.0", "2"],
    ]


def test_nothing_without_an_oracle(record: Any, records_frame: Any) -> None:
    rows = [record("process", [0.5], 0, n=None, metric="solution_auroc", problem_values=None)]
    assert label_noise_table(records_frame(rows)) is None
