"""``ablations evaluate``: evaluates any reward model, by its checkpoint or by scores computed elsewhere."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.commands.labeler_flags import LabelerFlags
from ablations.data.checks import allowed
from ablations.engine.files import check_new, new_folder, sha256_of
from ablations.engine.progress import LogFormat
from ablations.engine.store import STORE, Store
from ablations.formats.questions import held_in
from results.writing import write_text

if TYPE_CHECKING:
    from ablations.evaluation.score_file import Scored

SCORES, OTHER_SCORES = "scores.jsonl.gz", "threshold_on.jsonl.gz"
METRICS, FACTS, TABLE = "metrics.csv", "facts.json", "table.txt"
NEED_THRESHOLD = (
    "threshold: found none; allowed: --threshold-on FILE, to choose it on other problems, --threshold T, "
    "chosen there before, or --no-first-error: a threshold must not be chosen on what is reported"
)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is evaluated, and how."""

    source: str
    """A file of scores, or a checkpoint."""
    on: Path | None
    """What a checkpoint scores; None: the source is a file of scores."""
    scoring: tuple[str, ...]
    """Ways to score solutions by their steps."""
    threshold: float | None
    threshold_on: Path | None
    no_first_error: bool
    name: str | None
    """Name of a checkpoint in tables; None: its own."""
    flags: LabelerFlags
    """How a checkpoint is loaded and read."""
    store: Path
    log_format: LogFormat

    @property
    def file(self) -> Path:
        """The file that is read."""
        return Path(self.source) if self.on is None else self.on

    @property
    def field(self) -> str:
        """The argument that names it."""
        return "source" if self.on is None else "on"

    def __post_init__(self) -> None:
        from ablations.evaluation.summary import REDUCTION

        for scoring in self.scoring:
            allowed("scoring", scoring, tuple(REDUCTION))
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold: found {self.threshold}; allowed: a number in [0, 1]")
        if (self.threshold is not None) + (self.threshold_on is not None) + self.no_first_error > 1:
            raise ValueError(
                "threshold: found more than one of --threshold, --threshold-on and --no-first-error; "
                "allowed: one"
            )
        is_file = Path(self.source).is_file()
        if is_file and self.on is not None:
            raise ValueError(
                f"on: found it beside {self.source}, a file of scores; allowed: with a checkpoint"
            )
        if not is_file and self.on is None:
            raise ValueError(
                f"source: found no file {self.source}; allowed: a file of scores, or a checkpoint with --on "
                "FILE"
            )


def evaluate(
    source: str,
    *,
    on: Path | None = None,
    labeler: tuple[str, ...] = (),
    scoring: tuple[str, ...] = (),
    threshold: float | None = None,
    threshold_on: Path | None = None,
    no_first_error: bool = False,
    name: str | None = None,
    out: Path | None = None,
    flags: LabelerFlags = LabelerFlags(),
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    """Evaluates a reward model. A file of scores needs no model, so torch is not imported.

    Args:
        source: a file of scores: a pool, PRM800K's scored samples, or rated paths with step_scores; or a
            checkpoint: its folder, or OWNER/NAME[@REVISION] on the hub.
        on: what a checkpoint scores: a pool, or rated steps.
        labeler: a labeler of the file, repeatable (default: all).
        scoring: how steps score a solution, repeatable (default: product); a wrong name lists all.
        threshold: P(wrong) above which a step is predicted wrong.
        threshold_on: rated steps of other problems, on which the threshold with the highest F1 is chosen.
        no_first_error: leave the first-error F1 out.
        name: name of the checkpoint in tables (default: its own).
        out: new folder for table, metrics and scores.
        flags: how the checkpoint is loaded and read.
        store: folder of artifacts, for a checkpoint.
        log_format: format of the progress.

    Raises:
        ValueError: an argument, a file or the checkpoint is invalid.
    """
    how = Evaluation(
        source=source,
        on=on,
        scoring=tuple(dict.fromkeys(scoring or ["product"])),
        threshold=threshold,
        threshold_on=threshold_on,
        no_first_error=no_first_error,
        name=name,
        flags=flags,
        store=store,
        log_format=log_format,
    )
    if out is not None:
        check_new(out, "out")
    from ablations.evaluation.summary import final_rows, step_rows
    from results.analyses.evaluations import tables_of
    from results.tables.rendering import as_text

    with _workplace(out) as folder:
        scored, other = _read(how.file, how.field), None
        if threshold_on is not None:
            other = _read(threshold_on, "threshold_on")
        _check(how, scored, other)
        facts: dict[str, Any] = {"solutions": _named(how.file)}
        if on is not None:
            facts |= _label_all(how, folder)
            scored = _read(folder / SCORES, how.field)
            other = None if other is None else _read(folder / OTHER_SCORES, "threshold_on")
        scored = scored.only(labeler or scored.labelers)
        rows = final_rows(scored, how.scoring) if scored.finals is not None else []
        if scored.rated:
            facts["thresholds"] = _thresholds(how, scored, other)
            rows += step_rows(scored, {name: one["value"] for name, one in facts["thresholds"].items()})
        notes = [f"{line}\n" for line in scored.notes]
        text = "\n".join(
            [*(as_text(table) for table in tables_of(rows)), *(["".join(notes)] if notes else [])]
        )
        print(text, end="")
        if out is not None:
            _write(folder, rows, text, facts | _facts_of(how, scored))
            print(f"\n{out}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


@contextmanager
def _workplace(out: Path | None) -> Iterator[Path]:
    """Yields the folder to write into: the future out folder, or a temporary one."""
    if out is not None:
        with new_folder(out, "out") as folder:
            yield folder
    else:
        with tempfile.TemporaryDirectory() as folder_name:
            yield Path(folder_name)


def _check(how: Evaluation, scored: Scored, other: Scored | None) -> None:
    """Checks what can be checked before anything is scored."""
    from ablations.evaluation.score_file import SOFT_LABELS

    if scored.finals is None and not scored.rated:
        graded = "graded final answers (of at least half of a problem's solutions)"
        raise ValueError(f"{scored.path}: found neither {graded} nor rated steps; allowed: one of them")
    if not scored.labelers and how.on is None:
        raise ValueError(
            f"source: found no scores in {scored.path}; allowed: a file of scores, or a checkpoint with --on "
            f"{scored.path}"
        )
    if not scored.rated:
        if how.threshold is not None or other is not None:
            soft = f" ({SOFT_LABELS})" if f"{SOFT_LABELS}." in scored.notes else ""
            raise ValueError(
                f"threshold: found one, but no rated step in {scored.path}{soft}; allowed: with rated steps"
            )
    elif how.threshold is None and other is None and not how.no_first_error:
        raise ValueError(NEED_THRESHOLD)
    shared = set() if other is None else set(held_in(other.problems, scored.problems))
    if shared:
        raise ValueError(
            f"threshold_on: found {len(shared)} problems of {scored.path} there too, such as "
            f"{min(shared)[:60]!r}; allowed: other problems than those that are reported"
        )


def _read(file: Path, field: str) -> Scored:
    from ablations.evaluation.score_file import read_scored

    if not file.is_file():
        raise ValueError(f"{field}: found no file {file}; allowed: an existing one")
    return read_scored(file)


def _label_all(how: Evaluation, folder: Path) -> dict[str, Any]:
    """Writes a checkpoint's scores of the solutions and of those for the threshold; returns facts on both."""
    from ablations.commands.labeled_file import label_file
    from ablations.commands.labeled_pool import Labeling
    from ablations.labelers.checkpoints import short_name

    labeling = Labeling(
        choice=how.flags.choice(how.source),
        store=Store(how.store),
        max_tokens=how.flags.max_tokens,
        log_format=how.log_format,
    )
    name, left_out = how.name or short_name(how.source), {}
    for source, file in ((how.on, SCORES), (how.threshold_on, OTHER_SCORES)):
        if source is not None:
            found = label_file(source, folder / file, name, labeling)
            left_out[str(source)] = found
            told = [f"{count:,} {what}" for what, count in found.items() if count]
            if told:
                print(f"left out of {source}: {', '.join(told)}\n")
    return {"checkpoint": {name: labeling.labeler.identity.as_dict()}, "left_out": left_out}


def _thresholds(how: Evaluation, scored: Scored, other: Scored | None) -> dict[str, dict[str, Any]]:
    """Returns labeler -> its threshold, the source of the threshold, and its F1 there."""
    from ablations.evaluation.summary import chosen_threshold

    if other is None or how.threshold_on is None:
        return {name: {"value": how.threshold} for name in scored.steps}
    named = _named(how.threshold_on)
    found = {name: chosen_threshold(other, name) for name in scored.steps}
    return {name: {"value": one.value, "f1": one.f1, "chosen_on": named} for name, one in found.items()}


def _named(file: Path) -> dict[str, str]:
    return {"file": str(file), "sha256": sha256_of(file)}


def _facts_of(how: Evaluation, scored: Scored) -> dict[str, Any]:
    from ablations.engine.revision import revision
    from ablations.evaluation.summary import BINS, DRAWS
    from results.stats.intervals import LEVEL, RESAMPLES

    answers = {} if scored.finals is None else {"final_answers": scored.finals.facts()}
    return answers | {
        "format": scored.form,
        "problems": len(scored.problems),
        "rows": len(scored.problem_R),
        "labelers": list(scored.labelers),
        "notes": list(scored.notes),
        "scoring": list(how.scoring),
        "votes": {"draws": DRAWS, "seed": 0},
        "bins": BINS,
        "intervals": {"level": LEVEL, "resamples": RESAMPLES, "of": "problems"},
        "revision": revision(),
    }


def _write(folder: Path, rows: list[dict[str, Any]], text: str, facts: dict[str, Any]) -> None:
    import pandas as pd

    from results.analyses.evaluations import COLUMNS

    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n": "Int64", "count": "Int64"})
    frame.to_csv(folder / METRICS, index=False)
    write_text(folder / TABLE, text)
    write_text(folder / FACTS, json.dumps(facts, indent=1, sort_keys=True) + "\n")
