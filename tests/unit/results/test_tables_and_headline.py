"""What a run prints, and the result in words."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.analyses.catalogue import analysis_of
from results.analyses.supervision import _sentence, headline
from results.records import Record
from results.stats.differences import differences
from results.stats.summaries import summarize
from results.tables.rendering import (
    Table,
    as_text,
    heads,
    number,
    points,
    text_of,
    verdict_words,
    whole,
    word,
)
from results.tables.shared import (
    arms_table,
    differences_table,
    few_ns,
    format_run,
    further_differences_table,
)
from results.vocabulary import arm_words


def test_cells_as_text() -> None:
    assert text_of(points(0.5, 0.25, 0.75)) == "50.0 [25.0, 75.0]"
    assert text_of(points(0.012, -0.034, 0.05, signed=True)) == "+1.2 [-3.4, +5.0]"
    assert text_of(points(0.5)) == "50.0" and text_of(points(float("nan"))) == "-"
    assert text_of(number(2.6, 2, 1.3, 4.25)) == "2.60 [1.30, 4.25]" and text_of(number(0.5)) == "0.500"
    assert text_of(whole(1234567)) == "1234567" and text_of(whole(pd.NA)) == "-"


def test_a_table_as_text() -> None:
    table = Table(
        id="t",
        title="Title",
        lead="What it is.",
        heads=heads("arm", "points", text=("arm",)),
        rows=((word("a"), points(0.5)), (word("long"), points(0.25))),
    )
    assert as_text(table) == "Title\nWhat it is.\n\narm   points\n----  ------\na       50.0\nlong    25.0\n"


def test_the_table_of_arms(made_frame: pd.DataFrame) -> None:
    summary = summarize(made_frame)
    assert few_ns(summary) == [4, 16, 64, 128]
    table = arms_table(made_frame)
    assert [head.name for head in table.heads] == [
        *("arm", "labeled", "best-of-4", "best-of-16", "best-of-64", "best-of-128*"),
        *("solution AUROC", "step AUROC", "seeds", "seeds learned"),
    ]
    assert len(table.rows) == 12 + 4 and "* A single draw" in table.lead
    shown = [[text_of(cell) for cell in row] for row in table.rows]
    assert [row[:2] for row in shown[:4]] == [["process supervision", n] for n in ("1", "4", "16", "64")]
    assert shown[12][:2] == ["labeler (large PRM)", "-"] and shown[12][-2:] == ["-", "-"]
    assert {row[-1] for row in shown[:12]} == {"3 of 3"}
    best = summary[
        (summary["arm"] == "process")
        & (summary["data_scale"] == 64)
        & (summary["metric"] == "best_of_n")
        & (summary["n"] == 16)
    ].iloc[0]
    assert shown[3][3] == text_of(points(best["estimate"], best["lower"], best["upper"]))
    (pass_1,) = [row for row in shown if row[0] == "pass@1"]
    assert pass_1[2] == pass_1[5] != "-"


def test_the_table_of_differences(made_frame: pd.DataFrame) -> None:
    table = differences_table(made_frame)
    # three pairs of arms at four data scales; with majority and pass@1: three arms at the largest one; the
    # labeler twice
    assert table.title == "Differences in best-of-64" and len(table.rows) == 12 + 6 + 2
    found = differences(made_frame, [("process", "final_answer")], "best_of_n", 64)
    for cells, row in zip(table.rows, found.itertuples(), strict=False):
        assert [text_of(cell) for cell in cells] == [
            *("process supervision", "final-answer outcome", str(row.data_scale)),
            *(text_of(points(row.estimate, row.lower, row.upper, signed=True)), verdict_words(row), "3"),
        ]
    further = further_differences_table(made_frame)
    assert len(further.rows) == 3 * 6 and not further.printed


def test_what_else_is_varied_stands_in_tables_of_its_own(made_frame: pd.DataFrame) -> None:
    varied = made_frame.assign(variant="minimum", value=0.0)
    both = pd.concat([made_frame, varied])
    assert arms_table(both) == arms_table(made_frame)
    assert differences_table(both) == differences_table(made_frame)


def test_a_run_is_printed_whole(made_frame: pd.DataFrame) -> None:
    tables = analysis_of(made_frame).account(made_frame).tables
    others = ["results", "differences", "further-differences", "solutions"]
    assert [table.id for table in tables] == ["claims", *others]
    assert [table.lead.startswith("Descriptive: ") for table in tables] == [False, True, True, True, True]
    text = format_run(made_frame, tables)
    assert text == "\n".join(
        [
            *map(as_text, tables[:3]),
            "Step AUROC of the labeler on the students' training solutions: 0.981.",
        ]
    )
    without = made_frame[made_frame["metric"] == "step_auroc"]
    assert [table.id for table in analysis_of(without).account(without).tables] == ["results", "solutions"]


def test_only_pairs_that_are_there_are_compared(made_frame: pd.DataFrame) -> None:
    some = made_frame[made_frame["arm"].isin(["process", "majority", "random"])]
    pairs = {tuple(text_of(cell) for cell in row[:2]) for row in differences_table(some).rows}
    assert pairs == {("process supervision", "majority voting"), ("process supervision", "pass@1")}


def test_verdicts_in_words() -> None:
    def words(verdict: str, detectable: float = float("nan"), seeds: int = 3, problems: int = 60) -> str:
        row = {"verdict": verdict, "detectable": detectable, "seeds": seeds, "problems": problems}
        return verdict_words(SimpleNamespace(**row))

    assert words("above zero") == "above zero"
    assert words("above zero", seeds=1) == "above zero (one seed)"
    assert words("inconclusive", 0.0612) == "inconclusive (could detect 6.1 points)"
    assert words("inconclusive", 0.0612, seeds=1) == "inconclusive (one seed, could detect 6.1 points)"
    assert words("inconclusive", problems=4) == "inconclusive (fewer than 6 problems detect nothing)"
    assert words("inconclusive") == "inconclusive (no interval)"


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        (["above zero"], "more test problems solved at 1 of 1 data scale."),
        (["above zero"] * 3, "more test problems solved at 3 of 3 data scales."),
        (
            ["below zero", "above zero", "inconclusive", "inconclusive", "equivalent"],
            "more test problems solved at 1 of 5 data scales; fewer test problems solved at 1 of 5 data "
            "scales; as many test problems solved, to within 3 points, at 1 of 5 data scales; inconclusive "
            "at 2 of 5 data scales (could detect 7.5 points or less).",
        ),
    ],
)
def test_the_headline_in_words(verdicts: list[str], words: str) -> None:
    sizes = iter((0.05, 0.075))
    detectable = [next(sizes) if verdict == "inconclusive" else float("nan") for verdict in verdicts]
    found = pd.DataFrame({"verdict": verdicts, "detectable": detectable, "problems": 60})
    start = "With best-of-8, process supervision against supervision by the final answer: "
    assert _sentence(found, 8) == start + words


def test_the_headline_is_computed(made_frame: pd.DataFrame) -> None:
    found = headline(made_frame)
    wanted = differences(made_frame, [("process", "final_answer")], "best_of_n", 64)
    assert [r.verdict for r in found.readings] == list(wanted["verdict"]) and len(found.readings) == 4
    assert [r.where for r in found.readings] == [f"{n} labeled per problem" for n in (1, 4, 16, 64)]
    assert [float(r.difference.removesuffix(" points")) for r in found.readings] == pytest.approx(
        list(100 * wanted["estimate"]), abs=0.0501
    )
    assert "(12 comparisons)" in found.further[-1]
    swapped = made_frame.assign(
        arm=made_frame["arm"].replace({"process": "final_answer", "final_answer": "process"})
    )
    assert [float(r.difference.removesuffix(" points")) for r in headline(swapped).readings] == pytest.approx(
        [-float(r.difference.removesuffix(" points")) for r in found.readings]
    )


def test_arms_that_are_not_there_are_not_compared(records_frame: Any) -> None:
    value = np.array([0.0, 1.0])
    row = Record(
        experiment="e",
        scale="s",
        dataset="d",
        config="{}",
        revision="r",
        arm="labeler",
        metric="best_of_n",
        n=2,
        value=float(value.mean()),
        problem_values=tuple(value),
    )
    found = headline(records_frame([row]))
    assert "they are not compared here" in found.sentence and found.readings == () and found.further == ()


def test_arms_in_words() -> None:
    assert (
        arm_words("process")
        == arm_words("process", "uniform")
        == arm_words("process", float("nan"))
        == "process supervision"
    )
    assert arm_words("process", "convincing_wrong") == "process supervision, convincing wrong"
