"""Choices of learning rates: what is read from records, their table and their sentence."""

import json
from typing import Any

from results.analyses.learning_rates import choices_of, edge_sentence, learning_rates_table
from results.tables.rendering import text_of


def chosen(rate: float, values: dict[float, float | None], key: str) -> str:
    """The config of a record: one fold's choice, bracketed where a lower and a higher rate were tried."""
    grid = [{"learning_rate": r, "validation": v, "trainings": 2} for r, v in values.items()]
    bracketed = min(values) < rate < max(values)
    fact = {"learning_rate": rate, "choice": key, "bracketed": bracketed, "grid": grid}
    return json.dumps({"chosen": [fact]})


def made(record: Any) -> list[Any]:
    inside = chosen(0.002, {0.001: 0.4, 0.002: 0.5, 0.004: None}, "a")
    edge = chosen(0.001, {0.001: 0.3, 0.002: 0.25}, "b")
    return [
        *(record("process", [0.5], seed, config=inside) for seed in (0, 1)),
        record("final_answer", [0.5], 0, config=edge),
        record("random", [0.5], None, n=1, metric="random"),
    ]


def test_a_choice_stands_once_whatever_the_seeds(record: Any, records_frame: Any) -> None:
    frame = records_frame(made(record))
    assert [(one.arm, one.bracketed) for one in choices_of(frame)] == [
        ("process", True),
        ("final_answer", False),
    ]
    table = learning_rates_table(frame)
    assert table is not None
    assert [head.name for head in table.heads[2:5]] == ["0.001", "0.002", "0.004"]
    assert [[text_of(cell) for cell in row] for row in table.rows] == [
        ["process supervision", "4", "40.0", "50.0", "-", "0.002000", "yes", "2"],
        ["final-answer outcome", "4", "30.0", "25.0", "-", "0.001000", "no", "2"],
    ]


def test_edges_are_told(record: Any, records_frame: Any) -> None:
    choices = choices_of(records_frame(made(record)))
    assert edge_sentence(choices) == (
        "1 of 2 learning rates lie inside their grid; the others lie at an edge, so a better one may lie "
        "beyond it (the first: final-answer outcome with 4 labeled per problem, 0.001)."
    )
    assert edge_sentence(choices[:1]) == "1 of 1 learning rates lie inside their grid."
    assert edge_sentence([]) == "" and learning_rates_table(records_frame(made(record)[-1:])) is None
