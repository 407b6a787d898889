"""The table of the forms of the outcome loss."""

from typing import Any

import numpy as np

from results.analyses.orm_forms import compared_rows, forms_table, headline
from results.tables.rendering import text_of

PROBLEMS = 40


def made(record: Any, metric: str) -> list[Any]:
    """The last token solves every problem, every token alternate ones, in each of three seeds."""
    some = np.arange(PROBLEMS) % 2.0
    values = {"every_token": some, "last_token": np.ones(PROBLEMS)}
    return [
        record("final_answer", value, seed, n=8, metric=metric, variant=form)
        for seed in range(3)
        for form, value in values.items()
    ]


def test_by_hand(record: Any, records_frame: Any) -> None:
    frame = records_frame(made(record, "kept_best_of_n"))
    table = forms_table(frame)
    assert table is not None and table.lead.startswith("Validation problems solved")
    first, last = ([text_of(cell) for cell in row] for row in table.rows)
    assert first[:3] == ["final-answer outcome", "4", "every token"] and first[3].startswith("50.0 [")
    assert last[2] == "last token" and last[3].startswith("100.0") and last[4].startswith("+50.0 [")
    assert headline(frame).sentence == (
        "With best-of-8 on validation problems and 4 labeled per problem, the highest estimates are "
        "final-answer outcome with the loss at last token (100.0%); the table shows which differences are "
        "established."
    )


def test_test_problems_come_first(record: Any, records_frame: Any) -> None:
    frame = records_frame(made(record, "kept_best_of_n") + made(record, "best_of_n"))
    assert set(compared_rows(frame)["metric"]) == {"best_of_n"}
    assert "on test problems" in headline(frame).sentence


def test_nothing_without_forms(record: Any, records_frame: Any) -> None:
    frame = records_frame([record("final_answer", [0.5], 0)])
    assert forms_table(frame) is None and headline(frame).sentence.startswith("The records hold no forms")
