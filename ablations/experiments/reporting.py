"""The end of every run: figures, report and the printed table, from its records."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from ablations.data.artifacts import EXAMPLES, LEFT_OUT, RECORDS
from ablations.experiments.source_settings import PoolSettings
from ablations.supervision import PAPER_THRESHOLD
from results.analyses.catalogue import analysis_of
from results.analyses.learning_rates import choices_of, edge_sentence
from results.analyses.training_effort import effort_sentence
from results.figures.gallery import draw_all
from results.records import read_records
from results.report import write_report
from results.stats.summaries import summarize
from results.tables.shared import format_run
from results.writing import write_text

REPORT, TABLE = "report.html", "table.txt"
Trained = Mapping[str, Any]
"""What the records say about a trained model."""


def report(settings: Any, out: Path) -> None:
    """Draws the figures and writes table and report from a run's records; prints the table and the paths."""
    if not (out / RECORDS).is_file():
        raise ValueError(f"{out / RECORDS}: found no such file; allowed: the out folder of a finished run")
    frame = read_records(out / RECORDS)
    analysis = analysis_of(frame)
    figures = draw_all(summarize(frame), out / "figures", analysis.figures)
    examples = out / EXAMPLES
    left_out = (out / LEFT_OUT).read_text(encoding="utf-8").strip() if (out / LEFT_OUT).is_file() else None
    below = [*filter(None, [left_out]), *_of_unscored(_trained(frame))]
    account = analysis.account(frame)
    table = "\n\n".join([format_run(frame, account.tables), *below])
    write_text(out / TABLE, table + "\n")
    write_report(
        out / RECORDS,
        examples if examples.is_file() else None,
        out / REPORT,
        title=f"{analysis.title}: {settings.source.dataset}, scale {settings.scale}",
        config=asdict(settings),
        notes=notes(settings, frame, left_out),
        figures=[path for path in figures if path.suffix == ".svg"],
        account=account,
    )
    print(table)
    print()
    if any(not choice.bracketed for choice in choices_of(frame)):
        print(f"students.learning_rates: {edge_sentence(choices_of(frame))}", file=sys.stderr)
    for path in (
        *(path for path in figures if path.suffix == ".png"),
        out / TABLE,
        out / RECORDS,
        out / REPORT,
    ):
        print(path)


def notes(settings: Any, frame: pd.DataFrame, left_out: str | None = None) -> list[str]:
    """Collects the notes for a report's readers.

    Args:
        settings: the run's settings.
        frame: the run's records.
        left_out: account of the pool's solutions that were left out; None: none were.
    """
    found = list(analysis_of(frame).notes)
    if settings.scale == "smoke":
        found.append("Scale smoke shows that all parts run. Its numbers support no claim.")
    if isinstance(settings.source, PoolSettings):
        begun = "trained from scratch" if settings.students.checkpoint is None else "finetuned"
        found.append(
            f"Real solutions, cross-fitted over {settings.source.folds} folds of problems; the students are "
            f"{begun}, and the labels are the stored step scores of {settings.source.labeler.name}."
        )
    if left_out:
        found.append(left_out)
    trained = _trained(frame)
    found += _of_checkpoints(settings, trained) + _of_untaught(trained) + _of_unscored(trained)
    found += filter(None, [edge_sentence(choices_of(frame)), effort_sentence(frame)])
    thresholds = {chosen["threshold"] for chosen in trained} - {None}
    if thresholds:
        fixed = isinstance(settings.source, PoolSettings) and thresholds == {PAPER_THRESHOLD}
        how = "the paper's for its own PRM; a pool has no step labels to choose one" if fixed else "as set"
        found.append(f"A step is incorrect if the labeler's P(negative) exceeds {_range(thresholds)}, {how}.")
    return found


def _of_checkpoints(settings: Any, trained: list[Trained]) -> list[str]:
    """Describes the checkpoints that students start from, if the user named any, and their input."""
    held = {json.dumps(one["checkpoint"], sort_keys=True) for one in trained if "checkpoint" in one}
    told = []
    for one in map(json.loads, sorted(held)):
        lora = settings.students.lora
        read = "through its chat template" if one["chat_template"] else "as plain text"
        how = "" if lora is None else f" Adapters of rank {lora.rank} and the head are trained, nothing else."
        told.append(
            f"The students begin with the checkpoint {one['name']} ({one['architecture']}, revision "
            f"{one['revision'][:12]}) and read problems {read}.{how}"
        )
    return told


def _of_untaught(trained: list[Trained]) -> list[str]:
    """Reports solutions that taught nothing, which labels alone do not show."""
    short = [one["untaught"] for one in trained if "untaught" in one]
    if not short:
        return []
    most = max(short, key=lambda one: one["no_target"] + one["cut"])
    return [
        f"In {len(short)} of {len(trained)} trainings some solutions taught nothing: at most "
        f"{most['no_target']} without a target and {most['cut']} cut before their first one (first of them: "
        f"{', '.join(most['first'])})."
    ]


def _trained(frame: pd.DataFrame) -> list[Trained]:
    """Returns what the run's own records say about its trained models."""
    set_beside = frame["variant"] == "threshold"  # points of a sweep
    of_run = frame[~set_beside.fillna(False).astype(bool)]
    configs = [json.loads(config) for config in set(of_run["config"])]
    return [chosen for config in configs for chosen in config.get("chosen", [])]


def _of_unscored(trained: list[Trained]) -> list[str]:
    """Reports test solutions that the students could not read in full."""
    unread = [one["unscored"] for one in trained if "unscored" in one]
    if not unread:
        return []
    most = max(unread, key=lambda one: one["count"] / one["of"])
    return [
        f"Up to {most['count']} of {most['of']} test solutions of a fold are longer than source.max_length "
        "and are unscored: best-of-N never chooses them over a scored one. The first of them: "
        f"{', '.join(most['first'])}."
    ]


def _range(values: set[float]) -> str:
    least, most = f"{min(values):.2f}", f"{max(values):.2f}"
    return least if least == most else f"{least} to {most}, by fold"
