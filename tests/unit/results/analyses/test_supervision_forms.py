"""Tables, headline and cost axis of the forms of supervision, by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.analyses.supervision_forms import costs_table, forms_table, headline, solved_by_cost
from results.figures.supervision_forms import FIGURE
from results.stats.summaries import summarize
from results.tables.rendering import text_of

PROBLEMS = 40


def made(record: Any, operations: bool = True) -> list[Any]:
    """Soft labels solve every problem, hard ones alternate ones, in each of three seeds; 4 labeled."""
    some = np.arange(PROBLEMS) % 2.0
    labels = {"labelled_solutions": 10, "labelled_steps": 25}
    costs = {"process": (0, 30, 0, 0, 2e6), "monte_carlo_hard": (9, 0, 8, 160, 5e6)}
    names = ("answer_checks", "labeler_tokens", "rollouts", "rollout_tokens", "label_operations")
    rows = []
    for seed in range(3):
        for arm, value in (
            *(("process", some), ("process_soft", np.ones(PROBLEMS))),
            *(("monte_carlo_hard", some), ("final_answer", np.zeros(PROBLEMS))),
        ):
            rows.append(record(arm, value, seed, n=8, **labels))
            for name, cost in zip(names, costs.get(arm, ()), strict=False):
                if operations or name != "label_operations":
                    rows.append(record(arm, [cost], seed, n=None, metric=name, **labels))
    return rows


@pytest.fixture
def frame(record: Any, records_frame: Any) -> pd.DataFrame:
    return records_frame(made(record))


def test_forms_by_hand(frame: pd.DataFrame) -> None:
    table = forms_table(frame)
    assert table is not None and [head.name for head in table.heads][2:4] == [
        "best-of-8",
        "minus process supervision",
    ]
    shown = {text_of(row[0]): [text_of(cell) for cell in row[1:]] for row in table.rows}
    assert shown["process supervision"][1].startswith("50.0 [") and shown["process supervision"][2] == ""
    assert shown["process, soft labels"][1].startswith("100.0")
    assert shown["process, soft labels"][2].startswith("+50.0 [")
    assert shown["final-answer outcome"][2].startswith("-50.0 [")
    assert shown["Monte Carlo, hard"][2].startswith("+0.0")


def test_costs_by_hand(frame: pd.DataFrame) -> None:
    """25 step labels of 10 solutions; 5 million operations are 2.5 times 2 million."""
    table = costs_table(frame)
    assert table is not None
    shown = {text_of(row[0]): [text_of(cell) for cell in row[1:]] for row in table.rows}
    assert shown == {
        "process supervision": ["4", "2.5", "0.0", "30.0", "0.0", "0.0", "2.00", "1.00"],
        "Monte Carlo, hard": ["4", "2.5", "9.0", "0.0", "8.0", "160.0", "5.00", "2.50"],
    }


def test_the_cost_axis_is_that_of_a_problem(frame: pd.DataFrame) -> None:
    """4 solutions of 2 or 5 million operations each."""
    rows = solved_by_cost(summarize(frame)).set_index("arm")["operations"]
    assert rows[["process", "monte_carlo_hard"]].tolist() == [8e6, 20e6]
    assert rows[["process_soft", "final_answer"]].isna().all()


def test_the_headline(frame: pd.DataFrame) -> None:
    found = headline(frame)
    assert found.sentence == (
        "With best-of-8 and 4 labeled per problem, against process supervision: more test problems are "
        "solved with process, soft labels; fewer with final-answer outcome; inconclusive: Monte Carlo, hard."
    )
    assert len(found.readings) == 3 and found.further[-1].endswith("Monte Carlo, hard 2.50.")


def test_nothing_without_process_supervision(record: Any, records_frame: Any) -> None:
    frame = records_frame([record("final_answer", [0.5] * PROBLEMS, seed, n=8) for seed in range(2)])
    assert costs_table(frame) is None
    assert headline(frame).sentence.startswith("The records do not hold process supervision and another form")


@pytest.mark.parametrize("operations", [True, False])
def test_the_figure_has_a_panel_by_cost_only_if_costs_are_known(
    record: Any, records_frame: Any, operations: bool, tmp_path: Any, monkeypatch: Any
) -> None:
    rows = [one for one in made(record, operations) if one.arm in ("process", "monte_carlo_hard")]
    drawn = []
    monkeypatch.setattr("results.figures.supervision_forms.plot", lambda frame, ax, x: drawn.append(x) or ax)
    monkeypatch.setattr("results.figures.supervision_forms.legend_above", lambda canvas, axes: None)
    FIGURE.make(summarize(records_frame(rows)), tmp_path / "figure")
    assert drawn == (["data_scale", "operations"] if operations else ["data_scale"])
