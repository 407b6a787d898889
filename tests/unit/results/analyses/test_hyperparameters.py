"""What is made of a sweep's records, on made ones whose truth is known."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from results.analyses.catalogue import analysis_of
from results.analyses.hyperparameters import best_table, headline, sensitivity_table, training_table
from results.analyses.sensitivity import FACTORS, best_learning_rates, best_points, centers, curves
from results.figures import hyperparameters as figure
from results.figures.gallery import FIGURES
from results.records import Record
from results.stats.summaries import summarize
from results.tables.rendering import text_of
from results.vocabulary import ARMS

PROBLEMS, SEEDS = 40, 3
CENTRE = {"learning_rate": 1e-3, "batch_size": 64, "max_updates": 300, "threshold": 0.2}
GAIN = {
    "learning_rate": {5e-4: -0.20, 1e-3: 0.0, 2e-3: 0.10, 4e-3: -0.30},
    "batch_size": {32: 0.0, 64: 0.0, 128: -0.15},
    "max_updates": {150: 0.0, 300: 0.0, 600: 0.0},
    "threshold": {0.1: 0.0, 0.2: 0.0, 0.4: 0.25},
}
"""What each level adds to best-of-8 of process supervision; half of it to the PRM-derived outcome's."""
SHARE = {"process": 1.0, "prm_outcome": 0.5, "final_answer": 0.0}


def sweep() -> list[Record]:
    rng = np.random.default_rng(5)
    easy_P = rng.uniform(0.35, 0.65, PROBLEMS)
    rows = []
    for arm, share in SHARE.items():
        factors = [name for name in GAIN if name != "threshold" or arm != "final_answer"]
        for seed in range(SEEDS):
            points = {"center": (0.0, CENTRE, [(None, None), *((name, CENTRE[name]) for name in factors)])}
            for name in factors:
                for level, gain in GAIN[name].items():
                    if level != CENTRE[name]:
                        points[f"{name}-{level}"] = (share * gain, CENTRE | {name: level}, [(name, level)])
            for point, (gain, values, shown) in points.items():
                value_P = np.clip(easy_P + gain + rng.normal(0, 0.004, PROBLEMS), 0, 1)
                fact = values | {"updates": 340, "passed_over": 340 * values["batch_size"]}
                for variant, level in shown:
                    common = dict(
                        experiment="hyperparameters",
                        scale="small",
                        dataset="dropped",
                        config=json.dumps({"chosen": [fact]}),
                        revision="r",
                        arm=arm,
                        acquisition="uniform",
                        data_scale=6,
                        seed=seed,
                        cell=f"{arm}-{seed}-{point}",
                        variant=variant,
                        level=None if level is None else float(level),
                        solutions_hash=f"{seed}" * 64,
                        labelled_solutions=600,
                        distinct_solutions=500,
                    )
                    rows.append(
                        Record(
                            **common,
                            metric="kept_best_of_n",
                            n=8,
                            value=float(value_P.mean()),
                            problem_values=tuple(value_P),
                        )
                    )
                    rows.append(Record(**common, metric="validation_best_of_n", n=340, value=0.5))
    return rows


@pytest.fixture(scope="module")
def frame(records_frame) -> pd.DataFrame:
    return records_frame(sweep())


def at(found: pd.DataFrame, arm: str, variant: str, level: float) -> pd.Series:
    rows = found[(found["arm"] == arm) & (found["variant"] == variant) & (found["level"] == level)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_center_is_known_by_its_plain_rows(frame):
    assert centers(frame) == CENTRE


def test_curves_hold_every_level_once_and_differ_from_the_center_as_made(frame):
    found = curves(frame)
    assert len(found) == 3 * (4 + 3 + 3) + 2 * 3
    assert list(found["arm"].unique()) == list(SHARE)
    process = found[found["arm"] == "process"]
    assert process["level"].tolist() == [level for levels in GAIN.values() for level in levels]
    for arm, share in SHARE.items():
        for variant in ("learning_rate", "batch_size", "max_updates"):
            for level, gain in GAIN[variant].items():
                row = at(found, arm, variant, level)
                assert row["center"] == (level == CENTRE[variant]) == bool(np.isnan(row["delta"]))
                if not row["center"]:
                    assert row["delta"] == pytest.approx(share * gain, abs=0.004)
    assert at(found, "process", "learning_rate", 4e-3)["verdict"] == "below zero"
    assert at(found, "process", "learning_rate", 2e-3)["verdict"] == "above zero"
    assert at(found, "process", "learning_rate", 4e-3)["p"] < 0.001
    assert at(found, "final_answer", "learning_rate", 2e-3)["p"] > 0.05
    assert at(found, "process", "learning_rate", 1e-3)["estimate"] == pytest.approx(
        at(found, "process", "max_updates", 300)["estimate"], abs=0
    )


def test_the_best_point_is_among_those_that_all_arms_have(frame):
    """The threshold of 0.4 would gain process supervision most; the final answers have none."""
    process, prm, answer = best_points(frame)
    assert (process.row.variant, process.row.level) == ("learning_rate", 2e-3)
    assert (prm.row.variant, prm.row.level) == ("learning_rate", 2e-3)
    assert not process.at_the_end  # 0.004 lies beyond
    # center, 3 further rates, 2 batch sizes, 2 passes
    assert [one.points for one in (process, prm, answer)] == [8, 8, 8]
    assert [one.trainings for one in (process, prm, answer)] == [24, 24, 24]
    assert [one.updates for one in (process, prm, answer)] == [24 * 340] * 3
    # 6 points of 64, one of 32, one of 128, for three seeds
    assert {one.solutions for one in (process, prm, answer)} == {340 * (6 * 64 + 32 + 128) * 3}
    assert [one.further for one in (process, prm, answer)] == [6, 6, 0]


def test_of_equal_points_the_center_is_the_best(frame):
    same = (0.5,) * PROBLEMS
    equal = frame.assign(value=0.5, problem_values=[np.array(same)] * len(frame))
    assert all(one.row.center for one in best_points(equal))
    assert best_learning_rates(equal) == dict.fromkeys(SHARE, 1e-3)


def test_the_best_learning_rates(frame):
    found = best_learning_rates(frame)
    assert (found["process"], found["prm_outcome"]) == (2e-3, 2e-3) and list(found) == list(SHARE)


def test_the_headline_names_what_matters_by_its_rule(frame):
    found = headline(frame)
    told = "is sensitive to learning rate, batch size and labeler's threshold"
    assert found.sentence == (
        f"With best-of-8 on validation problems and 6 labeled per problem, process supervision {told}; "
        f"PRM-derived outcome {told}; final-answer outcome is sensitive to no hyperparameter that "
        "the sweep shows."
    )
    assert len(found.readings) == 4 + 4 + 3
    first = found.readings[0]
    assert first.where == "process supervision, learning rate 0.004" and first.verdict == "below zero"
    assert float(first.difference.removesuffix(" points")) == pytest.approx(-30, abs=0.5)
    assert "At the points that all arms have, the effort was the same for all of them." in found.further
    assert any("No test problem was read." in sentence for sentence in found.further)


def test_unequal_effort_is_told(frame):
    fewer = frame[~((frame["arm"] == "process") & (frame["variant"] == "batch_size") & (frame["seed"] == 1))]
    assert any("was NOT the same" in sentence for sentence in headline(fewer).further)


def test_a_best_level_at_the_end_of_those_tried_is_told(frame):
    shorter = frame[~(frame["variant"].eq("learning_rate") & frame["level"].eq(4e-3))]
    assert best_points(shorter)[0].at_the_end
    (told,) = [one for one in headline(shorter).further if one.startswith("Best of process supervision")]
    assert "learning rate 0.002 (the last level tried: the best may lie beyond)" in told


def test_tables(frame):
    table = sensitivity_table(frame)
    shown = [[text_of(cell) for cell in row] for row in table.rows]
    assert len(shown) == len(curves(frame)) and [head.name for head in table.heads][3] == "best-of-8"
    assert [row[2] for row in shown[:4]] == ["0.0005", "0.001", "0.002", "0.004"]
    assert shown[1][4:7] == ["-", "center", "-"] and shown[2][5] == "above zero"
    best = [[text_of(cell) for cell in row] for row in best_table(frame).rows]
    assert [row[0] for row in best] == [
        *("process supervision", "PRM-derived outcome", "final-answer outcome")
    ]
    assert best[0][1:3] == ["learning rate", "0.002"] and best[0][6:8] == ["8", "24"]
    assert len(training_table(frame).rows) == 3 * SEEDS


def test_records_without_a_sweep_tell_so(frame):
    without = frame[frame["variant"].isna()]
    assert headline(without).sentence == "The records hold no sweep with its center."
    assert sensitivity_table(without) is None and best_points(without) == []
    assert best_learning_rates(without) == {}


def test_a_center_that_is_missing_is_not_compared_with(frame):
    """Of one arm it inconclusive; of all arms the hyperparameter is left out."""
    at_center = frame["cell"].str.endswith("center")
    one_arm = frame[~(at_center & (frame["arm"] == "process"))]
    rows = curves(one_arm)
    lost = rows[rows["arm"] == "process"]
    assert len(lost) and set(lost["verdict"]) == {"inconclusive"} and lost["delta"].isna().all()
    assert "process supervision" not in headline(one_arm).sentence
    assert len(sensitivity_table(one_arm).rows) == len(rows) and best_table(one_arm).rows
    assert headline(frame[~at_center]).sentence == "The records hold no sweep with its center."


def test_the_analysis(frame):
    analysis = analysis_of(frame)
    account = analysis.account(frame)
    assert [table.id for table in account.tables] == ["sensitivity", "best", "solutions"]
    assert account.headline == headline(frame)
    other = replace(analysis, metric="none").account(frame)
    assert other.headline.sentence.startswith("The records hold no")


def test_the_figure_has_a_panel_a_hyperparameter_and_shows_the_numbers(frame, tmp_path):
    summary = summarize(frame)
    canvas = Figure()
    figure.draw(summary, canvas)
    titles = [ax.get_title(loc="left") or ax.get_title() for ax in canvas.axes]
    assert titles == [FACTORS[name].name for name in GAIN]
    (line,) = [line for line in canvas.axes[0].lines if line.get_color() == ARMS["process"].color][:1]
    found = curves(frame)
    wanted = found[(found["arm"] == "process") & (found["variant"] == "learning_rate")]["estimate"]
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), wanted)
    assert [ax.get_xscale() for ax in canvas.axes] == ["log"] * 4
    assert [text.get_text() for text in canvas.legends[0].get_texts()] == [
        *("process supervision", "PRM-derived outcome", "final-answer outcome")
    ]
    assert len(FIGURES["hyperparameters"].make(summary, tmp_path / "figure")) == 2
    assert not FIGURES["hyperparameters"].available(summary[summary["variant"].isna()])


def test_a_level_of_zero_has_a_linear_axis(frame):
    summary = summarize(frame)
    rows = summary[summary["variant"] == "max_updates"].assign(variant="weight_decay")
    rows["level"] = rows["level"] - 150
    ax = figure.plot(rows, Figure().subplots(), "weight_decay")
    assert ax.get_xscale() == "linear" and ax.get_xticks().tolist() == [0, 150, 450]
