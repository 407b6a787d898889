"""The end of every run: figures, report and printed table, from its records."""

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
from results.figures.gallery import draw_all, summarize_for
from results.records import read_records
from results.report import write_report
from results.tables.shared import format_run
from results.writing import write_text

REPORT, TABLE = "report.html", "table.txt"
Facts = Mapping[str, Any]
"""Facts about a trained model in the records."""


def report(settings: Any, out: Path) -> None:
    """Draws figures and writes table and report from a run's records; prints the table and the paths."""
    if not (out / RECORDS).is_file():
        raise ValueError(f"{out / RECORDS}: found no such file; allowed: the out folder of a finished run")
    frame = read_records(out / RECORDS)
    analysis = analysis_of(frame)
    figures = draw_all(summarize_for(frame, analysis.figures), out / "figures", analysis.figures)
    examples = out / EXAMPLES
    left_out = (out / LEFT_OUT).read_text(encoding="utf-8").strip() if (out / LEFT_OUT).is_file() else None
    below = [*filter(None, [left_out]), *_unscored_notes(_facts(frame))]
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
    print(f"{table}\n")
    choices = choices_of(frame)
    if any(not choice.bracketed for choice in choices):
        print(f"students.learning_rates: {edge_sentence(choices)}", file=sys.stderr)
    pictures = [path for path in figures if path.suffix == ".png"]
    print(*pictures, out / TABLE, out / RECORDS, out / REPORT, sep="\n")


def notes(settings: Any, frame: pd.DataFrame, left_out: str | None = None) -> list[str]:
    """Collects the notes for a report's readers.

    Args:
        settings: the run's settings.
        frame: the run's records.
        left_out: note on the pool's solutions that were left out; None: none were.
    """
    found = list(analysis_of(frame).notes)
    if settings.scale == "smoke":
        found.append("Scale smoke shows that all parts run. Its numbers support no claim.")
    if isinstance(settings.source, PoolSettings):
        training = "trained from scratch" if settings.students.checkpoint is None else "finetuned"
        found.append(
            f"Real solutions, cross-fitted over {settings.source.folds} folds of problems; the students are "
            f"{training}, and the labels are the stored step scores of {settings.source.labeler.name}."
        )
    if left_out:
        found.append(left_out)
    trained = _facts(frame)
    found += _checkpoint_notes(settings, trained) + _untaught_notes(trained) + _unscored_notes(trained)
    found += filter(None, [edge_sentence(choices_of(frame)), effort_sentence(frame)])
    thresholds = {facts["threshold"] for facts in trained} - {None}
    if thresholds:
        fixed = isinstance(settings.source, PoolSettings) and thresholds == {PAPER_THRESHOLD}
        origin = "the paper's for its own PRM; a pool has no step labels to choose one" if fixed else "as set"
        least, most = f"{min(thresholds):.2f}", f"{max(thresholds):.2f}"
        value = least if least == most else f"{least} to {most}, by fold"
        found.append(f"A step is incorrect if the labeler's P(negative) exceeds {value}, {origin}.")
    return found


def _checkpoint_notes(settings: Any, trained: list[Facts]) -> list[str]:
    """Describes the checkpoints that students start from, if the user named any, and their input."""
    checkpoints = {
        json.dumps(facts["checkpoint"], sort_keys=True) for facts in trained if "checkpoint" in facts
    }
    found = []
    for checkpoint in map(json.loads, sorted(checkpoints)):
        lora = settings.students.lora
        tuned = "" if lora is None else f" Only adapters of rank {lora.rank} and the head are trained."
        form = "through its chat template" if checkpoint["chat_template"] else "as plain text"
        found.append(
            f"The students start from the checkpoint {checkpoint['name']} ({checkpoint['architecture']}, "
            f"revision {checkpoint['revision'][:12]}) and read problems {form}.{tuned}"
        )
    return found


def _untaught_notes(trained: list[Facts]) -> list[str]:
    """Reports solutions that taught nothing, which numbers of labels do not show."""
    found = [facts["untaught"] for facts in trained if "untaught" in facts]
    if not found:
        return []
    most = max(found, key=lambda untaught: untaught["no_target"] + untaught["cut"])
    return [
        f"In {len(found)} of {len(trained)} trainings some solutions taught nothing: at most "
        f"{most['no_target']} without a target and {most['cut']} cut before their first one (first of them: "
        f"{', '.join(most['first'])})."
    ]


def _facts(frame: pd.DataFrame) -> list[Facts]:
    """Returns the facts about the run's trained models, except at points of a sweep of the threshold."""
    swept = (frame["variant"] == "threshold").fillna(False).astype(bool)
    configs = [json.loads(config) for config in set(frame.loc[~swept, "config"])]
    return [facts for config in configs for facts in config.get("chosen", [])]


def _unscored_notes(trained: list[Facts]) -> list[str]:
    """Reports test solutions that the students could not read in full."""
    found = [facts["unscored"] for facts in trained if "unscored" in facts]
    if not found:
        return []
    most = max(found, key=lambda unscored: unscored["count"] / unscored["of"])
    return [
        f"Up to {most['count']} of {most['of']} test solutions of a fold are longer than source.max_length "
        "and are unscored: best-of-N never chooses them over a scored one. The first of them: "
        f"{', '.join(most['first'])}."
    ]
