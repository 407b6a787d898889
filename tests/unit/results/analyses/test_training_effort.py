"""The table of training effort."""

import json
from typing import Any

from results.analyses.training_effort import effort_sentence, training_effort_table
from results.tables.rendering import text_of


def config(best_update: int, updates: int, plateau: bool) -> str:
    return json.dumps({"chosen": [{"best_update": best_update, "updates": updates, "plateau": plateau}]})


def test_by_hand(record: Any, records_frame: Any) -> None:
    """Best at 100 of 100, at 80 of 100, and at 60 of 60 after a plateau: only the first was still rising."""
    configs = [config(100, 100, False), config(80, 100, False), config(60, 60, True)]
    rows = [record("process", [0.5], s, config=one, cell=f"c{s}") for s, one in enumerate(configs)]
    rows += [record("process", [0.5], 0, n=4, config=configs[0], cell="c0")]  # of the same training
    rows += [record("random", [0.5], None, n=1, metric="random")]
    frame = records_frame(rows)
    table = training_effort_table(frame)
    assert table is not None
    # (100 + 100 + 60) / 3 = 86.7 updates, the best after (100 + 80 + 60) / 3 = 80
    assert [[text_of(cell) for cell in row] for row in table.rows] == [
        ["process supervision", "4", "3", "87", "80", "1", "1"]
    ]
    assert effort_sentence(frame) == (
        "Of 3 trainings, 1 were still rising at their last update and 1 ended early on a plateau."
    )


def test_records_that_do_not_tell(record: Any, records_frame: Any) -> None:
    frame = records_frame([record("process", [0.5], 0, cell="c")])
    assert training_effort_table(frame) is None and effort_sentence(frame) == ""
