"""Every figure draws what the numbers say, as a function and as a script, and twice the same."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from paths import ROOT

from results.figures import best_of_n_by_n, best_of_n_by_scale, labeler_calibration, learning_curves
from results.figures.__main__ import main
from results.figures.gallery import FIGURES, draw_all
from results.figures.style import (
    EndLabel,
    doubling_axis,
    label_ends,
    spread,
    styled,
)
from results.records import read_records
from results.schema import SCHEMA
from results.stats.summaries import summarize
from results.vocabulary import ARMS, STUDENT_ARMS


def with_kinds(records: Path, out: Path) -> Path:
    """The records as if they told of usual problems and of longer ones."""
    frame = read_records(records)
    most = frame["data_scale"].max()
    frame = frame[frame["variant"].isna() & frame["data_scale"].isin([most, None])]
    kinds = [frame.assign(variant=kind, cell=frame["cell"] + kind) for kind in ("usual", "long")]
    table = pa.Table.from_pandas(pd.concat(kinds), schema=SCHEMA, preserve_index=False)
    pq.write_table(table, out)
    return out


@pytest.fixture(scope="module")
def summary(made_frame: pd.DataFrame) -> pd.DataFrame:
    return summarize(made_frame)


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(6, 4)).subplots()


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def line_of(ax: Axes, color: str, points: int) -> np.ndarray:
    found = [line for line in ax.lines if line.get_color() == color and len(line.get_xdata()) == points]
    return np.asarray(found[0].get_ydata(), dtype=float)


def with_another_acquisition(records: Path, out: Path) -> Path:
    """The same records, and once more those of process supervision, as if chosen otherwise."""
    table = pq.read_table(records)
    rows = table.filter(pc.equal(table["arm"], "process"))
    place = rows.schema.get_field_index("acquisition")
    other = rows.set_column(place, rows.schema.field(place), pa.array(["diverse"] * len(rows)))
    pq.write_table(pa.concat_tables([table, other]), out)
    return out


def with_levels(records: Path, out: Path) -> Path:
    """The best-of-8 of the least data scale, as if a sweep of the learning rate had found it."""
    table = pq.read_table(records)
    chosen = pc.and_(pc.equal(table["metric"], "best_of_n"), pc.equal(table["n"], 8))
    rows = table.filter(pc.and_(chosen, pc.equal(table["data_scale"], 1)))
    columns = {"metric": "kept_best_of_n", "variant": "learning_rate", "level": 1e-3}
    for name, value in columns.items():
        place = rows.schema.get_field_index(name)
        kind = rows.schema.field(place)
        rows = rows.set_column(place, kind, pa.array([value] * len(rows), type=kind.type))
    pq.write_table(rows, out)
    return out


def with_rounds(records: Path, out: Path) -> Path:
    """The same records, and the step AUROCs of process supervision as if they told of two rounds."""
    frame = read_records(records)
    rows = frame[(frame["arm"] == "process") & (frame["metric"] == "step_auroc")]
    rounds = [
        rows.assign(metric=metric, variant=way, level=level, data_scale=scale, cell=f"{way}{level}{metric}")
        for way, level, scale in (("first_selector", 0.0, 1), ("train_on", 1.0, 4))
        for metric in ("rank_correlation", "pool_agreement")
    ]
    changed = pd.concat(rounds).drop_duplicates(["metric", "variant", "seed"])
    table = pa.Table.from_pandas(changed, schema=SCHEMA, preserve_index=False)
    pq.write_table(pa.concat_tables([pq.read_table(records), table]), out)
    return out


def with_forms(records: Path, out: Path) -> Path:
    """The records, and validation problems solved under two forms of the outcome loss."""
    frame = read_records(records)
    rows = frame[(frame["arm"] == "final_answer") & (frame["metric"] == "best_of_n") & (frame["n"] == 8)]
    forms = [
        rows.assign(metric="kept_best_of_n", variant=form, cell=rows["cell"] + form)
        for form in ("every_token", "mean_logit")
    ]
    table = pa.Table.from_pandas(pd.concat(forms), schema=SCHEMA, preserve_index=False)
    pq.write_table(pa.concat_tables([pq.read_table(records), table]), out)
    return out


def with_costs(records: Path, out: Path) -> Path:
    """Writes the records with what labels cost: as many operations for each arm."""
    frame = read_records(records)
    cells = frame[(frame["metric"] == "best_of_n") & (frame["n"] == 1) & frame["seed"].notna()]
    costs = cells.assign(metric="label_operations", value=2e6, n=None, problem_values=None)
    table = pa.Table.from_pandas(costs, schema=SCHEMA, preserve_index=False)
    pq.write_table(pa.concat_tables([pq.read_table(records), table]), out)
    return out


def with_ensembles(records: Path, out: Path) -> Path:
    """The records, and their models once more alone and as an ensemble, with what they believe."""
    frame = read_records(records)
    rows = frame[frame["arm"].isin(list(STUDENT_ARMS)) & (frame["metric"] == "best_of_n")]
    parts = [
        part.assign(metric=metric, variant=variant, cell=None)
        for variant, part in (
            ("one_model", rows),
            ("mean_score", rows[rows["seed"] == 0].assign(seed=pd.NA)),
        )
        for metric in ("best_of_n", "believed_right", "top_right")
    ]
    table = pa.Table.from_pandas(pd.concat(parts), schema=SCHEMA, preserve_index=False)
    pq.write_table(pa.concat_tables([pq.read_table(records), table]), out)
    return out


def with_labelers(records: Path, out: Path) -> Path:
    """The records, and those of the largest data scale as if they told of labelers of three qualities."""
    frame = read_records(records)
    rows = frame[(frame["metric"] == "best_of_n") & (frame["data_scale"] == 64)]
    rows = rows[rows["arm"].isin(["process", "prm_outcome"])]
    labelers = [
        rows.assign(variant=variant, level=level, cell=rows["cell"] + f"{variant}{level}")
        for variant, level in (("oracle", 0.0), ("random", 0.2), ("random", 0.4), ("fewer_labels", 10.0))
    ]
    errors = [
        frame[frame["metric"] == "step_auroc"][:1].assign(
            arm="labeler", metric=metric, variant=variant, level=level, value=0.2, problem_values=None
        )
        for metric in ("missed_errors", "false_alarms")
        for variant, level in (("oracle", 0.0), ("fewer_labels", 10.0))
    ]
    plain = frame[frame["data_scale"].isin([64]) & (frame["arm"] == "final_answer")]
    changed = pd.concat([plain, *labelers])
    for name in ("data_scale", "seed", "acquisition", "cell", "solutions_hash"):
        errors = [one.assign(**{name: None}) for one in errors]
    changed = pd.concat([changed, *errors])
    pq.write_table(pa.Table.from_pandas(changed, schema=SCHEMA, preserve_index=False), out)
    return out


def nothing_is_cut_off(png: Path) -> bool:
    """Whether the outermost pixels are all white."""
    image = imread(png)[..., :3]
    return bool((image[[0, -1]] == 1).all() and (image[:, [0, -1]] == 1).all())


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_can_be_drawn_from_records(
    name: str,
    made_records: Path,
    strategy_records: Path,
    large_records: Path,
    superset_records: Path,
    tmp_path: Path,
) -> None:
    if name == "active_learning":  # it compares acquisitions
        made_records = with_another_acquisition(made_records, tmp_path / "records.parquet")
    if name == "hyperparameters":  # it shows what else is varied
        made_records = with_levels(made_records, tmp_path / "records.parquet")
    if name == "iterative_retraining":
        made_records = with_rounds(made_records, tmp_path / "records.parquet")
    if name == "generalization":
        made_records = with_kinds(made_records, tmp_path / "records.parquet")
    if name == "labeler_quality":
        made_records = with_labelers(made_records, tmp_path / "records.parquet")
    if name == "supervision_forms":
        made_records = with_costs(made_records, tmp_path / "records.parquet")
    if name == "orm_forms":
        made_records = with_forms(made_records, tmp_path / "records.parquet")
    if name in ("over_optimization", "tail_precision"):
        made_records = with_ensembles(made_records, tmp_path / "records.parquet")
    of_their_own = {
        "scoring": strategy_records,
        "large_scale": large_records,
        "difficulty": large_records,
        "orm_superset": superset_records,
    }
    made_records = of_their_own.get(name, made_records)
    png, svg = main([name, str(made_records), str(tmp_path / "figure.svg")])
    assert (png.name, svg.name) == ("figure.png", "figure.svg")
    assert png.read_bytes().startswith(b"\x89PNG") and nothing_is_cut_off(png)
    assert ET.parse(svg).getroot().tag.endswith("svg")
    figure, module = FIGURES[name], sys.modules[f"results.figures.{name}"]
    assert figure.name == name
    assert figure.draw is module.draw if figure.plot is None else figure.plot is module.plot


def test_the_same_numbers_make_the_same_files(summary: pd.DataFrame, tmp_path: Path) -> None:
    figure = FIGURES["best_of_n_by_scale"]
    one, two = figure.make(summary, tmp_path / "one"), figure.make(summary, tmp_path / "two")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert b"<dc:date>" not in one[1].read_bytes()


def test_a_script_runs_from_the_command_line(made_records: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "results.figures",
        "best_of_n_by_scale",
        str(made_records),
        str(tmp_path / "a.b"),
        "--n",
        "8",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == [str(tmp_path / "a.b.png"), str(tmp_path / "a.b.svg")] and done.stderr == ""


def test_help_and_errors(made_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0 and "Parquet table of records" in capsys.readouterr().out
    for arguments, message in (
        ([str(made_records), str(tmp_path / "x"), "--n", "3"], "n: found 3, allowed [1, 2, 4, 8"),
        ([str(tmp_path / "none.parquet"), str(tmp_path / "x")], "none.parquet"),
    ):
        with pytest.raises(SystemExit) as left:
            main(["best_of_n_by_scale", *arguments])
        assert left.value.code == 2 and message in capsys.readouterr().err


def test_by_scale_shows_the_numbers_at_the_largest_expected_n(summary: pd.DataFrame, ax: Axes) -> None:
    assert best_of_n_by_scale.plot(summary, ax) is ax
    for arm in set(STUDENT_ARMS) & set(summary["arm"]):
        rows = summary[(summary["arm"] == arm) & (summary["metric"] == "best_of_n") & (summary["n"] == 64)]
        np.testing.assert_allclose(
            line_of(ax, ARMS[arm].color, 4), rows.sort_values("data_scale")["estimate"]
        )
    assert set(texts(ax)) == {
        "process supervision",
        "PRM-derived outcome",
        "final-answer outcome",
        "labeler (large PRM)",
        "majority voting",
        "pass@1",
    }
    assert "best of 64" in ax.get_ylabel()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "4", "16", "64"]
    level = float(summary[(summary["arm"] == "majority") & (summary["n"] == 64)]["estimate"].iloc[0])
    assert [line.get_ydata()[0] for line in ax.lines if line.get_color() == ARMS["majority"].color] == [level]


def test_by_n_marks_the_single_draw(summary: pd.DataFrame, ax: Axes) -> None:
    best_of_n_by_n.plot(summary, ax)
    rows = summary[
        (summary["arm"] == "process") & (summary["metric"] == "best_of_n") & (summary["data_scale"] == 64)
    ]
    np.testing.assert_allclose(line_of(ax, ARMS["process"].color, 8), rows.sort_values("n")["estimate"])
    hollow = [
        line
        for line in ax.lines
        if line.get_markerfacecolor() == "white" and line.get_marker() == ARMS["process"].marker
    ]
    assert [list(line.get_xdata()) for line in hollow] == [[128.0]]
    assert set(texts(ax)) == {ARMS[arm].words for arm in set(summary["arm"])}
    assert "64 solutions labeled" in ax.get_title()


def test_calibration_shows_every_bin_and_its_count(summary: pd.DataFrame, ax: Axes) -> None:
    labeler_calibration.plot(summary, ax)
    middle = (np.arange(10) + 0.5) / 10
    np.testing.assert_allclose(line_of(ax, ARMS["labeler"].color, 10), middle**1.3)
    assert {"4.1k", "800", "190", "21k"} <= set(texts(ax))
    with pytest.raises(ValueError, match="found no calibration of the labeler"):
        labeler_calibration.plot(summary[summary["arm"] == "process"], ax)


def test_learning_curves_have_a_panel_a_data_scale(summary: pd.DataFrame, ax: Axes) -> None:
    learning_curves.plot(summary, ax, data_scale=4)
    rows = summary[
        (summary["arm"] == "process")
        & (summary["metric"] == "validation_best_of_n")
        & (summary["data_scale"] == 4)
    ]
    np.testing.assert_allclose(line_of(ax, ARMS["process"].color, 5), rows.sort_values("n")["estimate"])
    canvas = Figure()
    learning_curves.draw(summary, canvas)
    assert [panel.get_title(loc="left") or panel.get_title() for panel in canvas.axes] == [
        f"{scale} labeled per problem" for scale in (1, 4, 16, 64)
    ]


def test_what_is_missing_is_not_drawn(summary: pd.DataFrame, tmp_path: Path) -> None:
    few = summary[
        (summary["metric"] == "best_of_n") & (summary["arm"] == "process") & (summary["data_scale"] == 4)
    ]
    assert [path.name for path in draw_all(few, tmp_path, FIGURES)] == [
        "best_of_n_by_scale.png",
        "best_of_n_by_scale.svg",
        "best_of_n_by_n.png",
        "best_of_n_by_n.svg",
    ]
    with pytest.raises(ValueError, match="found no calibration in the records"):
        FIGURES["labeler_calibration"].make(few, tmp_path / "x")
    labeler = summary[(summary["metric"] == "best_of_n") & (summary["arm"] == "labeler")]
    assert [path.name for path in draw_all(labeler, tmp_path, FIGURES)] == [
        "best_of_n_by_n.png",
        "best_of_n_by_n.svg",
    ]


def test_another_acquisition_is_another_line(summary: pd.DataFrame, ax: Axes) -> None:
    active = summary[summary["arm"] == "process"].assign(acquisition="convincing_wrong_answers")
    best_of_n_by_scale.plot(pd.concat([summary, active]), ax)
    assert "process supervision, convincing wrong answers" in texts(ax) and "process supervision" in texts(ax)
    # The arms keep their colors where it is they that are compared; the acquisition is told by its dashes.
    assert {ARMS[arm].color for arm in STUDENT_ARMS if arm in set(summary["arm"])} <= {
        line.get_color() for line in ax.lines
    }


@pytest.mark.parametrize("name", ["best_of_n_by_n", "best_of_n_by_scale"])
def test_long_names_leave_room_for_the_axes(name: str, summary: pd.DataFrame, tmp_path: Path) -> None:
    active = summary[summary["arm"] == "process"].assign(acquisition="convincing_wrong_answers")
    png, _ = FIGURES[name].make(pd.concat([summary, active]), tmp_path / name)
    assert nothing_is_cut_off(png)


def test_every_arm_has_a_look() -> None:
    markers = [arm.marker for arm in ARMS.values() if arm.marker]
    assert len({arm.color for arm in ARMS.values()}) == len(ARMS) and len(set(markers)) == len(markers)
    assert all(arm.marker and arm.line == "-" for arm in STUDENT_ARMS.values())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.01, 0.3))
def test_labels_are_spread(targets: list[float], gap: float) -> None:
    targets = sorted(targets)
    placed = spread(targets, gap)
    assert all(b - a >= gap - 1e-9 for a, b in zip(placed, placed[1:], strict=False))
    assert sum(placed) == pytest.approx(sum(targets), abs=1e-9)  # blocks keep their mean
    if all(b - a > gap for a, b in zip(targets, targets[1:], strict=False)):
        assert placed == pytest.approx(targets)


def test_labels_that_would_touch_by_hand() -> None:
    # 0.5 and 0.52 need 0.1 between them: 0.46 and 0.56 around their mean 0.51; 0.9 is free
    assert spread([0.5, 0.52, 0.9], 0.1) == pytest.approx([0.46, 0.56, 0.9])


def test_axes_and_labels_at_their_limits(ax: Axes) -> None:
    doubling_axis(ax, [4])
    low, high = ax.get_xlim()
    assert low < 4 < high
    doubling_axis(ax, [2**k for k in range(14)])
    assert len(ax.get_xticks()) == 7
    label_ends(ax, [])
    assert texts(ax) == []
    with styled():
        label_ends(ax, [EndLabel(y=5.0, text="above", color="black")])
    assert texts(ax) == ["above"]


def test_one_data_scale_and_a_narrow_range_are_readable(summary: pd.DataFrame, ax: Axes) -> None:
    rows = summary[(summary["data_scale"] == 4).fillna(False).astype(bool) & (summary["n"] == 64)]
    best_of_n_by_scale.plot(rows, ax, n=64)
    low, high = ax.get_xlim()
    drawn = [
        float(line.get_xdata()[0])
        for line in ax.lines
        if line.get_marker() in {arm.marker for arm in ARMS.values() if arm.marker}
    ]
    assert len(drawn) == 3 and all(low < x < high for x in drawn)
    ax.set_ylim(0.40, 0.48)
    ax.set_yticks([0.425, 0.45])  # must not be rounded to 42% and 45%
    ax.figure.draw_without_rendering()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["42.5%", "45%"]
