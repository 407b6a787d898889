"""What a run prints, and the result in words."""

import numpy as np
import pandas as pd
import pytest

from results.headline import _sentence, headline
from results.schema import Record, arm_words, records_frame
from results.statistics import differences, summarise
from results.tables import (
    compared_pairs,
    differences_table,
    few_ns,
    format_run,
    interval_text,
    result_rows,
    results_table,
)


def test_interval_text() -> None:
    assert interval_text(0.5, 0.25, 0.75) == "50.0 [25.0, 75.0]"
    assert interval_text(0.012, -0.034, 0.05, signed=True) == "+1.2 [-3.4, +5.0]"
    assert interval_text(0.5, float("nan"), float("nan")) == "50.0"
    assert interval_text(float("nan"), float("nan"), float("nan")) == "-"


def test_the_results_table(made_frame: pd.DataFrame) -> None:
    summary = summarise(made_frame)
    assert few_ns(summary) == [4, 16, 64, 128]
    lines = results_table(summary).splitlines()
    assert lines[0].split() == [
        "arm",
        "labelled",
        "seeds",
        "best-of-4",
        "best-of-16",
        "best-of-64",
        "best-of-128*",
        "solution",
        "AUROC",
        "step",
        "AUROC",
    ]
    assert len(lines) == 2 + 12 + 4 + 1 and lines[-1].startswith("* a single draw")
    assert lines[2].startswith("process supervision          1      3") and lines[14].startswith(
        "labeler (large PRM)          -      -"
    )
    rows = result_rows(summary)
    assert rows["data_scale"].tolist()[:4] == [1, 4, 16, 64]
    best = summary[
        (summary["arm"] == "process")
        & (summary["data_scale"] == 64)
        & (summary["metric"] == "best_of_n")
        & (summary["n"] == 16)
    ]
    assert rows["best_of_16"].iloc[3] == best["estimate"].iloc[0]
    pass_1 = rows[rows["arm"] == "random"].iloc[0]
    assert (
        pass_1["best_of_4"]
        == pass_1["best_of_128"]
        == made_frame[made_frame["arm"] == "random"]["value"].iloc[0]
    )
    assert interval_text(best["estimate"].iloc[0], best["lower"].iloc[0], best["upper"].iloc[0]) in lines[5]


def test_the_printed_differences(made_frame: pd.DataFrame) -> None:
    found = differences(made_frame, [("process", "final_answer")], "best_of_n", 64)
    lines = differences_table(found).splitlines()
    assert len(lines) == 2 + 4
    for line, row in zip(lines[2:], found.itertuples(), strict=True):
        assert line.startswith("process supervision - final-answer outcome")
        assert (
            line.endswith(row.verdict)
            and interval_text(row.estimate, row.lower, row.upper, signed=True) in line
        )


def test_a_run_is_printed_whole(made_frame: pd.DataFrame) -> None:
    text = format_run(made_frame)
    assert "Paired differences in best-of-64, 95% intervals" in text
    # three pairs of arms at four data scales; with majority and pass@1: three arms at the largest one; the
    # labeler twice
    assert text.split("reading\n")[1].count("\n") == 1 + 12 + 6 + 2 + 1
    assert text.endswith("\nStep AUROC of the labeler on the students' training solutions: 0.981.")
    assert format_run(made_frame[made_frame["metric"] == "step_auroc"]).count("\n") == 2 + 12 + 1


def test_only_pairs_that_are_there_are_compared(made_frame: pd.DataFrame) -> None:
    some = made_frame[made_frame["arm"].isin(["process", "majority", "random"])]
    assert compared_pairs(some) == [("process", "majority"), ("process", "random")]


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        (
            ["above zero"],
            "With best-of-8, process supervision solves more test problems than supervision by the final "
            "answer at the one data scale.",
        ),
        (
            ["above zero"] * 3,
            "With best-of-8, process supervision solves more test problems than supervision by the final "
            "answer at all three data scales.",
        ),
        (
            ["cannot be told", "above zero"],
            "With best-of-8, process supervision solves more test problems than supervision by the final "
            "answer at "
            "one of two data scales; at the other the difference cannot be told from zero.",
        ),
        (
            ["below zero", "above zero", "cannot be told", "cannot be told"],
            "With best-of-8, process supervision solves more test problems than supervision by the final "
            "answer at one of four data scales; "
            "fewer at one of four data scales; at the other two the difference cannot be told from zero.",
        ),
        (
            ["below zero"] * 2,
            "With best-of-8, process supervision solves fewer test problems than supervision by the "
            "final answer at all two data scales.",
        ),
        (
            ["cannot be told"] * 2,
            "With best-of-8, it cannot be told at all two data scales whether process supervision solves "
            "more test problems "
            "than supervision by the final answer.",
        ),
    ],
)
def test_the_headline_in_words(verdicts: list[str], words: str) -> None:
    assert _sentence(verdicts, 8) == words.replace("all two", "both")


def test_the_headline_is_computed(made_frame: pd.DataFrame) -> None:
    found = headline(made_frame)
    wanted = differences(made_frame, [("process", "final_answer")], "best_of_n", 64)
    assert [r.verdict for r in found.readings] == list(wanted["verdict"]) and len(found.readings) == 4
    assert [r.where for r in found.readings] == [f"{n} labelled a problem" for n in (1, 4, 16, 64)]
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


def test_arms_that_are_not_there_are_not_compared() -> None:
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
