"""``ablations compare A B ...``: compares reward models by their scores, or runs by their records."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.commands.arguments import RUN_FILE
from ablations.data.checks import allowed
from ablations.engine.files import check_new, new_folder
from results.writing import write_text

if TYPE_CHECKING:
    from ablations.evaluation.score_file import Scored
    from results.tables.rendering import Table

TABLE, DIFFERENCES = "table.txt", "differences.csv"


def compare(
    source: tuple[Path, ...],
    *,
    on: Path | None = None,
    labeler: tuple[str, ...] = (),
    against: str | None = None,
    scoring: tuple[str, ...] = (),
    threshold: float | None = None,
    out: Path | None = None,
) -> None:
    """Compares reward models on the same solutions, or runs on the same problems. Needs no torch.

    Args:
        source: files of scores of the same solutions; one file is enough if it holds several labelers. Or
            out folders of runs.
        on: the solutions, if the sources are files of {id, scores}.
        labeler: a labeler to compare, repeatable (default: all).
        against: compare all with this labeler, or with majority (default: all pairs).
        scoring: how steps score a solution, repeatable (default: product); a wrong name lists all.
        threshold: P(wrong) above which a step is predicted wrong, chosen elsewhere, for F1 of rated steps.
        out: new folder for tables and differences.

    Raises:
        ValueError: an argument or a file is invalid, or the sources are not of the same solutions.
    """
    from results.tables.rendering import as_text

    if out is not None:
        check_new(out, "out")
    runs = [path for path in source if (path / RUN_FILE).is_file()]
    if runs and len(runs) < len(source):
        raise ValueError(f"source: found the run {runs[0]} next to files; allowed: files of scores, or runs")
    if runs:
        tables, frame = [_runs(source)], None
    else:
        from results.analyses.comparisons import compared_frame, comparison_tables

        scored = read_sources(source, on)
        scored = scored.only(labeler or scored.labelers)
        scorings = tuple(dict.fromkeys(scoring or ["product"]))
        frame = compared_frame(_differences(scored, against, scorings, threshold))
        tables = comparison_tables(frame)
    text = "\n".join(map(as_text, tables))
    print(text, end="")
    if out is not None:
        with new_folder(out, "out") as folder:
            write_text(folder / TABLE, text)
            if frame is not None:
                frame.drop(columns="found").to_csv(folder / DIFFERENCES, index=False)


def _runs(source: tuple[Path, ...]) -> Table:
    """Returns the table of the differences between runs."""
    from ablations.data.artifacts import RECORDS
    from results.analyses.comparisons import runs_table
    from results.records import read_records

    names = [path.name for path in source]
    if len(set(names)) < len(names):
        names = list(map(str, source))
    if len(set(names)) < 2:
        raise ValueError(f"source: found {', '.join(names)}; allowed: two different runs or more")
    for path in source:
        if not (path / RECORDS).is_file():
            raise ValueError(f"source: found no {RECORDS} in {path}; allowed: a finished run")
    frames = {name: read_records(path / RECORDS) for name, path in zip(names, source, strict=True)}
    return runs_table(frames, list(combinations(names, 2)))


def _differences(
    scored: Scored, against: str | None, scorings: tuple[str, ...], threshold: float | None
) -> list[dict[str, Any]]:
    """Returns the rows of the differences between labelers."""
    from ablations.evaluation.comparison import MAJORITY, difference_rows
    from ablations.evaluation.summary import REDUCTION, final_rows, step_rows

    for scoring in scorings:
        allowed("scoring", scoring, tuple(REDUCTION))
    least = 1 if against == MAJORITY else 2
    if len(scored.labelers) < least:
        named = ", ".join(scored.labelers) or "no labeler"
        raise ValueError(f"source: found scores of {named}; allowed: of {least} labelers or more")
    if against is not None:
        allowed("against", against, (*scored.labelers, MAJORITY))
    rows = final_rows(scored, scorings) if scored.finals is not None else []
    if scored.rated:
        rows += step_rows(scored, scorings, dict.fromkeys(scored.steps, threshold))
    return difference_rows(rows, against)


def read_sources(source: tuple[Path, ...], on: Path | None) -> Scored:
    """Reads the scores of all sources, joined by solution; a taken name is prefixed with its file's name."""
    from ablations.evaluation.score_file import labelers_in, read_scored, scores_of
    from ablations.formats.score_rows import ScoreRows, check_solutions, has_score_rows, read_score_rows

    for path in source:
        if not path.is_file():
            raise ValueError(f"source: found no file {path}; allowed: files of scores, or runs")
    base, *others = source if on is None else (on, *source)
    check_solutions("source" if on is None else "on", base)
    taken, more = labelers_in(base), dict[str, ScoreRows]()
    for path in others:
        stem = path.name.split(".")[0]
        found = {stem: read_score_rows(path)} if has_score_rows(path) else scores_of(path)
        for name, rows in found.items():
            new_name = f"{stem}:{name}" if name in taken else name
            taken.add(new_name)
            more[new_name] = rows
    return read_scored(base, more)
