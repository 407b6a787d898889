"""Reward models by kind of problems, worked by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from ablations.world.world import JUDGED
from results.analyses.catalogue import generalization
from results.figures import generalization as figure
from results.findings import findings
from results.stats.summaries import summarize
from results.tables.rendering import text_of

PROBLEMS = 40
HALF = np.arange(PROBLEMS) % 2.0


def made(record: Any, long_solved: float = 1.0) -> list[Any]:
    """Process supervision solves every usual problem and the given share of long ones; voting every other."""
    rows = []
    for kind, share in (("usual", 1.0), ("long", long_solved)):
        of_kind = np.where(np.arange(PROBLEMS) < share * PROBLEMS, 1.0, 0.0)
        rows += [record("process", of_kind, seed, variant=kind) for seed in range(3)]
        rows += [record("majority", HALF * share, None, metric="majority", variant=kind)]
        rows += [record("labeler", of_kind, None, variant=kind)]
        rows += [record("random", HALF * share, None, n=1, metric="random", variant=kind)]
        rows += [record("random", [0.25], None, n=None, metric="unfinished", variant=kind)]
    return rows


def shown(table: Any) -> list[list[str]]:
    return [[text_of(cell) for cell in row] for row in table.rows]


def test_the_kinds_are_those_of_the_worlds() -> None:
    assert tuple(generalization.KINDS) == JUDGED


def test_change_by_hand() -> None:
    """Two seeds. Long: (1, 0), (1, 0), mean 0.5 each; usual: (1, 0), (1, 1), means 0.5 and 1.

    The seeds' changes are 0 and -0.5: mean -0.25, variance 0.125, over two seeds 0.0625, 1 degree of freedom.
    Problems of the long table: MS_problem = 2 * var(1, 0) = 1, MS_residual = 0, so 1 / (2 * 2) = 0.25. Of the
    usual table: MS_problem = 2 * var(1, 0.5) = 0.25; residuals are +-0.25, MS_residual = 4 / 16 = 0.25: 0.
    Half width: t_1 * sqrt(0.0625 + 0.25).
    """
    found = generalization.change(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 1.0]]))
    half = stats.t.ppf(0.975, 1) * np.sqrt(0.0625 + 0.25)
    assert found.estimate == -0.25 and (found.seeds, found.problems) == (2, 2)
    assert (found.lower, found.upper) == pytest.approx((-0.25 - half, -0.25 + half))


def test_change_of_one_row_has_the_terms_of_both_sets_of_problems() -> None:
    """Means 0.5 and 0.25; variances 1 / 3 over 4 problems and 0.25 over 4: 1 / 12 + 1 / 16, t_3 each."""
    found = generalization.change(np.array([[1.0, 0, 1, 0]]), np.array([[1.0, 0, 0, 0]]))
    half = stats.t.ppf(0.975, 3) * np.sqrt(1 / 12 + 1 / 16)
    assert (found.estimate, found.upper) == pytest.approx((0.25, 0.25 + half))


def test_a_seeds_skill_that_both_kinds_share_is_no_change() -> None:
    """Each seed's own level (0, 0.2, 0.5) is on all problems of both kinds: its change is 0.1 each time."""
    problem_P = np.random.default_rng(0).random(50) / 4
    skill_S = np.array([[0.0], [0.2], [0.5]])
    found = generalization.change(skill_S + problem_P + 0.1, skill_S + problem_P)
    alone = generalization.change(problem_P[None] + 0.1, problem_P[None])  # as if there were one seed
    assert found.estimate == pytest.approx(0.1)
    assert found.upper == pytest.approx(alone.upper)


def test_tables_by_hand(record: Any, records_frame: Any) -> None:
    """Long problems: half of them solved by process, a quarter by voting: a lead of 25 after 50 points."""
    frame = records_frame(made(record, long_solved=0.5))
    table = generalization.kinds_table(frame)
    assert table is not None and table.title == "Problems solved by kind, best-of-2"
    names = [head.name for head in table.heads]
    assert names[2:] == [
        "process supervision",
        "labeler (large PRM)",
        "majority voting",
        "pass@1",
        "unfinished",
    ]
    usual, long = shown(table)
    assert usual[:2] == ["usual", "40"] and usual[2] == "100.0" and usual[-1] == "25.0"
    assert long[0] == "longer" and long[2].startswith("50.0 [") and long[4].startswith("25.0 [")
    rows = shown(generalization.differences_table(frame))
    assert [(row[0], row[1], row[3].split()[0], row[5]) for row in rows] == [
        ("usual", "process supervision", "+50.0", "above zero"),
        ("usual", "labeler (large PRM)", "+50.0", "above zero"),
        ("longer", "process supervision", "+25.0", "above zero"),
        ("longer", "labeler (large PRM)", "+25.0", "above zero"),
    ]
    change = shown(generalization.changes_table(frame))[0]
    assert change[:4] == ["longer", "process supervision", "majority voting", "+50.0"]
    # the interval leaves zero out; p is doubled for the table's two changes
    assert change[4] == "-25.0 [-49.3, -0.7]" and change[6].startswith("inconclusive (could detect ")


def test_headline(record: Any, records_frame: Any) -> None:
    sentence = generalization.headline(records_frame(made(record, long_solved=0.5))).sentence
    assert sentence.startswith(
        "With best-of-2, process supervision solves more than majority voting on usual and longer problems"
    )
    assert "The lead of process supervision over majority voting, +50.0 points on usual problems" in sentence
    assert sentence.count(". ") <= 2


def test_a_kind_that_no_solution_solves_is_named_and_not_compared(record: Any, records_frame: Any) -> None:
    found = generalization.headline(records_frame(made(record, long_solved=0.0)))
    assert "No sampled solution ends right on longer problems" in found.sentence
    assert not any("longer" in reading.where for reading in found.readings)


def test_the_claims_on_long_problems(record: Any, records_frame: Any) -> None:
    """Process and labeler solve half of the long problems, voting half of every other: 25 points less."""
    frame = records_frame([replace(row, experiment="generalization") for row in made(record, 0.5)])
    found = findings(frame)
    assert [one.verdict for one in found] == ["no records", *["reproduced"] * 2, *["no records"] * 3]
    assert [one.weakest.found.estimate for one in found[1:3]] == [0.25, 0.25]


def test_records_without_kinds(record: Any, records_frame: Any) -> None:
    frame = records_frame([record("process", HALF, 0)])
    assert generalization.headline(frame).sentence.startswith("The records do not say")
    assert generalization.differences_table(frame) is None


def test_the_figure_draws_each_arm_at_each_kind(record: Any, records_frame: Any) -> None:
    summary = summarize(records_frame(made(record, long_solved=0.5)))
    ax = figure.plot(summary, Figure().subplots())
    assert [label.get_text() for label in ax.get_xticklabels()] == ["usual", "longer"]
    heights = {bar.get_label(): bar.lines[0].get_ydata().tolist() for bar in ax.containers}
    assert heights["process supervision"] == [1.0, 0.5] and heights["majority voting"] == [0.5, 0.25]
