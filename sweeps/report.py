"""Results of a sweep: each arm's trials, importance of hyperparameters, and best point as a config."""

from collections.abc import Mapping
from pathlib import Path

import optuna
import pandas as pd
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, LogLocator, NullLocator
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from ablations.engine.garbage import ARTIFACTS_FILE
from ablations.experiments.hyperparameters import HyperparametersSettings
from results.figures.style import legend_above, percent_axis, save, styled
from results.tables.rendering import Table, as_text, heads, number, points, whole, word
from results.vocabulary import ARMS, arm_words
from results.writing import replacing, write_text
from sweeps.spaces import Categorical, Range, Space
from sweeps.study import PLANNED, artifacts, complete, failed, finished

LEAST = 8
"""Fewest complete trials for which importances are reported."""


def trials_frame(studies: Mapping[str, optuna.Study]) -> pd.DataFrame:
    """Returns a row per planned trial: arm, number, state, value (NaN if pruned or failed), parameters."""
    rows = []
    for arm, study in studies.items():
        for trial in (*finished(study), *failed(study)):
            row = {
                "arm": arm,
                "planned": trial.user_attrs[PLANNED],
                "state": trial.state.name,
                "value": trial.value if trial.state == TrialState.COMPLETE else None,
            }
            rows.append(row | {_column(name): value for name, value in trial.params.items()})
    return pd.DataFrame(rows)


def arms_table(studies: Mapping[str, optuna.Study]) -> Table:
    """Tabulates each arm's trials by how they ended, and its best value."""
    rows = []
    for arm, study in studies.items():
        values = [float(trial.value or 0) for trial in complete(study)]
        ended, completed = len(finished(study)), len(values)
        counts = (ended, completed, ended - completed, len(failed(study)))
        best = max(values, default=float("nan"))
        rows.append((word(arm_words(arm), arm=arm), *map(whole, counts), points(best)))
    return Table(
        id="trials",
        title="Trials",
        lead=(
            "Every arm has the same budget of trials. Best: percent of validation problems solved; the "
            "best of many looks better than it is."
        ),
        heads=heads("arm", "finished", "complete", "pruned", "failed", "best", text=("arm",)),
        rows=tuple(rows),
    )


def importance_table(studies: Mapping[str, optuna.Study]) -> Table | None:
    """Tabulates how well each hyperparameter separates the best trials from all (PED-ANOVA)."""
    by_arm = {
        arm: get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
        for arm, study in studies.items()
        if len(complete(study)) >= LEAST
    }
    if not by_arm:
        return None
    names = sorted({name for shares in by_arm.values() for name in shares})
    return Table(
        id="importance",
        title="Importance of hyperparameters",
        lead="By PED-ANOVA, from complete trials; sums to one for each arm.",
        heads=heads("arm", *(name.replace("_", " ") for name in names), text=("arm",)),
        rows=tuple(
            (word(arm_words(arm), arm=arm), *(number(shares.get(name, float("nan")), 2) for name in names))
            for arm, shares in by_arm.items()
        ),
    )


def draw(frame: pd.DataFrame, space: Space, out: Path) -> list[Path]:
    """Plots value against each hyperparameter, one point per complete trial; returns the files."""
    searched = {**space.of_all, **space.of_labeler}
    ranges = {name: values for name, values in searched.items() if _column(name) in frame}
    completed = frame[frame["state"] == TrialState.COMPLETE.name]
    columns = min(4, len(ranges))
    rows = -(-len(ranges) // columns)
    with styled():
        canvas = Canvas(figsize=(2.6 * columns + 0.8, 2.5 * rows + 0.5))
        axes = canvas.subplots(rows, columns, sharey=True, squeeze=False).ravel()
        for ax, (name, values) in zip(axes, ranges.items(), strict=False):
            for arm, trials in completed.groupby("arm", sort=False):
                suggested = trials[trials[_column(name)].notna()]
                ax.scatter(
                    suggested[_column(name)].astype(float),
                    suggested["value"],
                    s=24,
                    color=ARMS[str(arm)].color,
                    marker=ARMS[str(arm)].marker,
                    edgecolors="white",
                    linewidths=0.5,
                    label=arm_words(str(arm)),
                )
            _set_x_axis(ax, values)
            ax.set_xlabel(name.replace("_", " "))
            percent_axis(ax)
        for ax in axes[len(ranges) :]:
            ax.set_axis_off()
        canvas.supylabel("validation problems solved", fontsize=10)
        legend_above(canvas, list(axes[: len(ranges)]))
        return save(canvas, out)


def _set_x_axis(ax: Axes, values: Range | Categorical) -> None:
    """Shows a hyperparameter's whole range, or its values."""
    ax.grid(visible=False, axis="x")
    if isinstance(values, Categorical):
        places = [float(value) for value in values.values]
        margin = 0.1 * (max(places) - min(places))
        ax.set_xlim(min(places) - margin, max(places) + margin)
        ax.xaxis.set_major_locator(FixedLocator(places))
        ax.xaxis.set_major_formatter(FixedFormatter([f"{value}" for value in values.values]))
        return
    if values.log:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(numticks=5))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xlim(values.low, values.high)


def _column(name: str) -> str:
    return f"param_{name}"


def best_config(arm: str, study: optuna.Study, settings: HyperparametersSettings) -> str | None:
    """Returns an arm's best point as a config of `ablations run supervision`; None if no trial completed."""
    completed = complete(study)
    if not completed:
        return None
    best = max(completed, key=lambda trial: float(trial.value or 0))
    point = dict(best.params)
    threshold = point.pop("threshold", settings.source.labeler.threshold)
    if "learning_rate" in point:
        point["learning_rates"] = [point.pop("learning_rate")]
    content = {
        "experiment": "supervision",
        "scale": settings.scale,
        "world": settings.source.world,
        "settings": {"arms": [arm], "students": point, "source": {"labeler": {"threshold": threshold}}},
    }
    solved = f"{100 * float(best.value or 0):.1f} percent of the validation problems"
    return f"# Trial {best.user_attrs[PLANNED]}: {solved}\n{yaml.safe_dump(content, sort_keys=False)}"


def write(
    studies: Mapping[str, optuna.Study], space: Space, settings: HyperparametersSettings, out: Path
) -> str:
    """Writes trials, figure and the arms' best configs into a folder; returns the tables as text."""
    out.mkdir(parents=True, exist_ok=True)
    used = {address for study in studies.values() for trial in study.trials for address in artifacts(trial)}
    write_text(out / ARTIFACTS_FILE, "".join(f"{address}\n" for address in sorted(used)))
    frame = trials_frame(studies)
    if frame.empty:
        return "No trial has ended."
    with replacing(out / "trials.csv") as partial:
        frame.to_csv(partial, index=False)
    if (frame["state"] == TrialState.COMPLETE.name).any():
        draw(frame, space, out / "sensitivity")
    for arm, study in studies.items():
        config = best_config(arm, study, settings)
        if config is not None:
            write_text(out / f"best-{arm}.yaml", config)
    tables = [arms_table(studies), importance_table(studies)]
    text = "\n".join(as_text(table) for table in tables if table is not None)
    write_text(out / "table.txt", text + "\n")
    return text
