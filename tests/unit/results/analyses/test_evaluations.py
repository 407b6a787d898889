"""What is shown of an evaluation's rows."""

import pytest

from results.analyses.evaluations import COLUMNS, few, tables_of
from results.tables.rendering import as_text, text_of


def row(metric, estimate, **more):
    return dict.fromkeys(COLUMNS) | {"metric": metric, "estimate": estimate, "problems": 10} | more


def curve(metric, values, **more):
    interval = [{"lower": value - 0.1, "upper": value + 0.1} for value in values]
    return [
        row(metric, value, n=2**k, single_draw=k == len(values) - 1, problems=100, **interval[k], **more)
        for k, value in enumerate(values)
    ]


FINALS = [
    *curve("pass_at_n", [0.5, 0.6, 0.7]),
    *curve("majority", [0.5, 0.5, 0.5]),
    *(
        one
        for name, gain in (("good", 0.2), ("poor", -0.05))
        for one in (
            *curve("best_of_n", [0.5, 0.5 + gain / 2, 0.5 + gain], labeler=name, scoring="product"),
            *curve("best_of_n_minus_majority", [0.0, gain / 2, gain], labeler=name, scoring="product"),
        )
    ),
    *curve("weighted_vote", [0.5, 0.55, 0.6], labeler="good", scoring="product"),
]


def shown(table):
    return [[text_of(cell) for cell in cells] for cells in table.rows]


WEAK = "inconclusive (could detect 15.7 points)"


def test_labelers_against_majority_voting():
    """p of 0.2 +- 0.1 is that of t = 1.984 * 2 = 3.97 with 99 degrees of freedom: 0.00014, doubled by Holm.

    Of -0.05 +- 0.1 it is that of t = 0.99: 0.324. With 80% power at 0.05 / 2 about (2.28 + 0.85) * 0.0504 is
    detected.
    """
    best, by_n, minus = tables_of(FINALS)
    assert best.title == "Best-of-4"
    assert shown(best) == [
        ["majority voting", "", "50.0 [40.0, 60.0]", "-", "-", "-", ""],
        ["pass@1", "", "50.0 [40.0, 60.0]", "-", "-", "-", ""],
        ["pass@4", "", "70.0 [60.0, 80.0]", "-", "-", "-", ""],
        [
            *("good", "product", "70.0 [60.0, 80.0]", "60.0 [50.0, 70.0]", "+20.0 [+10.0, +30.0]"),
            *("<0.001", "above zero"),
        ],
        ["poor", "product", "45.0 [35.0, 55.0]", "-", "-5.0 [-15.0, +5.0]", "0.324", WEAK],
    ]
    assert [head.name for head in by_n.heads] == ["labeler", "scoring", "1", "2", "4"]
    assert [cells[0] for cells in shown(by_n)] == ["pass@N", "majority voting", "good", "poor"]
    assert shown(minus)[0] == ["good", "product", "+0.0 [-10.0, +10.0]", "+10.0 [+0.0, +20.0]"] + [
        "+20.0 [+10.0, +30.0]"
    ]
    assert "Best-of-4" in as_text(best)


def test_one_solution_a_problem_has_no_curves():
    rows = [*curve("pass_at_n", [0.5]), *curve("majority", [0.5])]
    rows += curve("best_of_n", [0.5], labeler="a", scoring="product")
    rows += curve("best_of_n_minus_majority", [0.0], labeler="a", scoring="product")
    (table,) = tables_of(rows)
    assert [cells[0] for cells in shown(table)] == ["majority voting", "pass@1", "a"]


def test_labelled_steps():
    rows = [
        row("step_auroc", 0.9, labeler="a", count=40, lower=0.8, upper=0.95),
        row("calibration_error", 0.05, labeler="a", count=40, lower=0.01, upper=0.1),
        row("calibration", 0.7, labeler="a", n=6, x=0.65, count=40),
        row("first_error_f1", 0.5, labeler="a", x=0.3, count=12, lower=0.4, upper=0.6),
        row("first_error_found", 0.4, labeler="a", x=0.3, count=5),
        row("no_error_found", 2 / 3, labeler="a", x=0.3, count=7),
        row("step_auroc", 0.6, labeler="b", count=40),
        row("calibration_error", 0.2, labeler="b", count=40),
    ]
    steps, reliability = tables_of(rows)
    assert shown(steps) == [
        ["a", "0.900 [0.800, 0.950]", "0.050 [0.010, 0.100]", "0.300", "50.0 [40.0, 60.0]", "40.0", "66.7"]
        + ["10", "40"],
        ["b", "0.600", "0.200", "-", "-", "-", "-", "10", "40"],
    ]
    assert shown(reliability) == [["a", "6", "0.650", "0.700", "40"]]


@pytest.mark.parametrize("count", [1, 5, 6, 7, 12, 30])
def test_a_few_of_many_numbers(count):
    ns = [2**k for k in range(count)]
    found = few(ns)
    assert len(found) == min(count, 6) and found[0] == 1 and found[-1] == ns[-1]
    assert sorted(set(found)) == found and set(found) <= set(ns)
