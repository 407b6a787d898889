"""``ablations evaluate``: evaluates any reward model, by its checkpoint or by scores computed elsewhere."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.commands.judge_flags import JudgeFlags, check_unset
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
_Label = Callable[[Path, Path, str], tuple[dict[str, int], dict[str, Any]]]
"""(file, file to write, labeler's name) -> how many solutions were left out, by reason; and its identity."""
NEED_THRESHOLD = (
    "threshold: found none; allowed: --threshold-on FILE, to choose it on other problems, --threshold T, "
    "chosen there before, or --no-first-error: a threshold must not be chosen on what is reported"
)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is evaluated, and how."""

    source: tuple[str, ...]
    """Files of scores, or a checkpoint, or a file of scores apart from what they score."""
    on: tuple[Path, ...]
    """What the checkpoint or the scores apart are evaluated on; none: the sources hold it themselves."""
    scoring: tuple[str, ...]
    """Ways to score solutions by their steps."""
    threshold: float | None
    threshold_on: Path | None
    no_first_error: bool
    name: str | None
    """Name in tables of a checkpoint or of scores apart; None: its own."""
    flags: LabelerFlags
    """How a checkpoint is loaded and read."""
    judge: JudgeFlags
    """How a judge behind an endpoint is asked."""
    store: Path
    log_format: LogFormat

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are evaluated."""
        return self.on or tuple(map(Path, self.source))

    @property
    def scores_apart(self) -> Path | None:
        """The file of scores apart from what they score, if there is one."""
        path = Path(self.source[0])
        return path if self.on and self.judge.endpoint is None and path.is_file() else None

    @property
    def checkpoint(self) -> str | None:
        """The checkpoint or the judge, if there is one."""
        return self.source[0] if self.on and self.scores_apart is None else None

    def __post_init__(self) -> None:
        from ablations.evaluation.summary import REDUCTION
        from ablations.formats.score_rows import check_solutions, has_score_rows

        if self.judge.endpoint is not None:
            check_unset(self.flags, "with --endpoint")
            self.judge.judge(self.source[0]), self.judge.chat_endpoint()
            if not self.on:
                raise ValueError("on: found none with --endpoint; allowed: solutions that the judge reads")
        for scoring in self.scoring:
            allowed("scoring", scoring, tuple(REDUCTION))
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold: found {self.threshold}; allowed: a number in [0, 1]")
        if (self.threshold is not None) + (self.threshold_on is not None) + self.no_first_error > 1:
            raise ValueError(
                "threshold: found more than one of --threshold, --threshold-on and --no-first-error; "
                "allowed: one"
            )
        if self.on and len(self.source) > 1:
            raise ValueError(f"source: found {len(self.source)} with --on; allowed: one checkpoint")
        for source in self.source:
            if not self.on and not Path(source).is_file():
                raise ValueError(
                    f"source: found no file {source}; allowed: a file of scores, or a checkpoint with --on "
                    "FILE"
                )
        for path in self.files:
            check_solutions("on" if self.on else "source", path)
        if self.threshold_on is not None:
            check_solutions("threshold_on", self.threshold_on)
        if self.scores_apart is not None and not has_score_rows(self.scores_apart):
            raise ValueError(
                f"on: found it next to {self.scores_apart}, a file of scores; allowed: with a checkpoint, or "
                "with scores apart from what they score"
            )


def evaluate(
    source: tuple[str, ...],
    *,
    on: tuple[Path, ...] = (),
    labeler: tuple[str, ...] = (),
    scoring: tuple[str, ...] = (),
    threshold: float | None = None,
    threshold_on: Path | None = None,
    no_first_error: bool = False,
    name: str | None = None,
    out: Path | None = None,
    flags: LabelerFlags = LabelerFlags(),
    judge: JudgeFlags = JudgeFlags(),
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    """Evaluates reward models. Files of scores need no model, so torch is not imported.

    Args:
        source: files of scores: pools, PRM800K's scored samples, or rated solutions with step_scores; or a
            checkpoint: its folder, or OWNER/NAME[@REVISION] on the hub; or a file of {id, scores}; or with an
            endpoint, a judge's name there.
        on: solutions that a checkpoint or a judge scores, or that {id, scores} are of: a pool, or rated
            steps; repeatable.
        labeler: a labeler of the file, repeatable (default: all).
        scoring: how steps score a solution, repeatable (default: product); a wrong name lists all.
        threshold: P(wrong) above which a step is predicted wrong.
        threshold_on: rated steps of other problems, on which the threshold with the highest F1 is chosen.
        no_first_error: leave out what needs a threshold.
        name: name in tables of a checkpoint, or of {id, scores} (default: its own).
        out: new folder for table, metrics and scores.
        flags: how the checkpoint is loaded and read.
        judge: how a judge behind an endpoint is asked.
        store: folder of artifacts, for a checkpoint or a judge.
        log_format: format of the progress.

    Raises:
        ValueError: an argument, a file or the checkpoint is invalid.
    """
    evaluation = Evaluation(
        source=source,
        on=on,
        scoring=tuple(dict.fromkeys(scoring or ["product"])),
        threshold=threshold,
        threshold_on=threshold_on,
        no_first_error=no_first_error,
        name=name,
        flags=flags,
        judge=judge,
        store=store,
        log_format=log_format,
    )
    if out is not None:
        check_new(out, "out")
    from ablations.evaluation.score_file import read_scored
    from ablations.evaluation.summary import final_rows, mean_rows, step_rows
    from ablations.formats.score_rows import read_score_rows

    folder_made: AbstractContextManager[Path | str]
    folder_made = tempfile.TemporaryDirectory() if out is None else new_folder(out, "out")
    with folder_made as folder_name:
        folder = Path(folder_name)
        other = None if threshold_on is None else read_scored(threshold_on)
        apart = evaluation.scores_apart
        scores = {} if apart is None else {name or apart.name.split(".")[0]: read_score_rows(apart)}
        files = [read_scored(file, scores) for file in evaluation.files]
        for scored in files:
            _check(evaluation, scored, other)
        facts: dict[str, Any] = {}
        if evaluation.checkpoint is not None:
            facts, files, other = _label_all(evaluation, evaluation.checkpoint, folder)
        files = [scored.only(labeler or scored.labelers) for scored in files]
        thresholds = _thresholds(evaluation, files, other)
        rows = []
        for scored in files:
            found = final_rows(scored, evaluation.scoring) if scored.finals is not None else []
            if scored.rated:
                values = {name: thresholds[name]["value"] for name in scored.steps}
                found += step_rows(scored, evaluation.scoring, values)
            rows.append([row | {"file": str(scored.path)} for row in found])
        means = mean_rows(rows) if len(rows) > 1 else []
        text = _text(files, rows, means)
        print(text, end="")
        if out is not None:
            facts |= _facts_of(evaluation, files) | ({"thresholds": thresholds} if thresholds else {})
            _write(folder, [row for part in (*rows, means) for row in part], text, facts)
            print(f"\n{out}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


def _text(files: Sequence[Scored], rows: Sequence[list[dict[str, Any]]], means: list[dict[str, Any]]) -> str:
    """Returns the tables and notes of each file, under its name if there are several; then the means."""
    from results.analyses.evaluations import tables_of
    from results.tables.rendering import as_text

    parts = []
    for scored, found in zip(files, rows, strict=True):
        if len(files) > 1:
            parts.append(f"# {scored.path}\n")
        parts += map(as_text, tables_of(found))
        if scored.notes:
            parts.append("".join(f"{line}\n" for line in scored.notes))
    if means:
        parts += [f"# Mean over {len(files)} files\n", *map(as_text, tables_of(means))]
    return "\n".join(parts)


def _check(evaluation: Evaluation, scored: Scored, other: Scored | None) -> None:
    """Checks what can be checked before anything is scored."""
    from ablations.evaluation.score_file import SOFT_LABELS

    if scored.finals is None and not scored.rated:
        graded = "graded final answers (of at least half of a problem's solutions)"
        raise ValueError(f"{scored.path}: found neither {graded} nor rated steps; allowed: one of them")
    if not scored.labelers and evaluation.checkpoint is None:
        raise ValueError(
            f"source: found no scores in {scored.path}; allowed: a file of scores, or a checkpoint with --on "
            f"{scored.path}"
        )
    if not scored.rated:
        if evaluation.threshold is not None or other is not None:
            soft = f" ({SOFT_LABELS})" if f"{SOFT_LABELS}." in scored.notes else ""
            raise ValueError(
                f"threshold: found one, but no rated step in {scored.path}{soft}; allowed: with rated steps"
            )
    elif evaluation.threshold is None and other is None and not evaluation.no_first_error:
        raise ValueError(NEED_THRESHOLD)
    shared = set() if other is None else set(held_in(other.problems, scored.problems))
    if shared:
        raise ValueError(
            f"threshold_on: found {len(shared)} problems of {scored.path} there too, such as "
            f"{min(shared)[:60]!r}; allowed: other problems than those that are reported"
        )


def _label_all(
    evaluation: Evaluation, checkpoint: str, folder: Path
) -> tuple[dict[str, Any], list[Scored], Scored | None]:
    """Writes a checkpoint's scores of all files and of that for the threshold; reads them, with facts."""
    from ablations.evaluation.score_file import read_scored
    from ablations.labelers.checkpoints import short_name

    name, on, left_out = evaluation.name or short_name(checkpoint), evaluation.on, {}
    outs = [SCORES] if len(on) == 1 else [f"scores-{number}.jsonl.gz" for number in range(len(on))]
    targets = dict(zip(outs, on, strict=True))
    if evaluation.threshold_on is not None:
        targets[OTHER_SCORES] = evaluation.threshold_on
    label = _judge(evaluation, checkpoint) if evaluation.judge.endpoint else _labeler(evaluation, checkpoint)
    for file, source in targets.items():
        counts, identity = label(source, folder / file, name)
        left_out[str(source)] = counts
        if any(counts.values()):
            shown = [f"{count:,} {reason}" for reason, count in counts.items() if count]
            print(f"left out of {source}: {', '.join(shown)}\n")
    facts = {"checkpoint": {name: identity}, "left_out": left_out}
    files = [replace(read_scored(folder / file), path=source) for file, source in zip(outs, on, strict=True)]
    return facts, files, read_scored(folder / OTHER_SCORES) if OTHER_SCORES in targets else None


def _labeler(evaluation: Evaluation, checkpoint: str) -> _Label:
    from ablations.commands.labeled_file import label_file
    from ablations.commands.labeled_pool import Labeling

    labeling = Labeling(
        choice=evaluation.flags.choice(checkpoint),
        store=Store(evaluation.store),
        max_tokens=evaluation.flags.max_tokens,
        log_format=evaluation.log_format,
    )

    def label(source: Path, out: Path, name: str) -> tuple[dict[str, int], dict[str, Any]]:
        return label_file(source, out, name, labeling), labeling.labeler.identity.as_dict()

    return label


def _judge(evaluation: Evaluation, model: str) -> _Label:
    from ablations.commands.judged_file import judge_file
    from ablations.commands.judging import Judging

    judge = evaluation.judge
    judging = Judging(
        judge=judge.judge(model),
        endpoint=judge.chat_endpoint(),
        store=Store(evaluation.store),
        log_format=evaluation.log_format,
    )

    def label(source: Path, out: Path, name: str) -> tuple[dict[str, int], dict[str, Any]]:
        counts, usage = judge_file(source, out, name, judging)
        print(f"{source}\n{usage.describe(judging.judge, judge.prices)}\n")
        return dict(counts), judging.identity(usage)

    return label


def _thresholds(
    evaluation: Evaluation, files: Sequence[Scored], other: Scored | None
) -> dict[str, dict[str, Any]]:
    """Returns labeler -> its threshold, the source of the threshold, and its F1 there."""
    from ablations.evaluation.summary import chosen_threshold

    names = dict.fromkeys(name for scored in files if scored.rated for name in scored.steps)
    if other is None or evaluation.threshold_on is None:
        return {name: {"value": evaluation.threshold} for name in names}
    file = _identity(evaluation.threshold_on)
    chosen = {name: chosen_threshold(other, name) for name in names}
    return {name: {"value": best.value, "f1": best.f1, "chosen_on": file} for name, best in chosen.items()}


def _identity(file: Path) -> dict[str, str]:
    return {"file": str(file), "sha256": sha256_of(file)}


def _facts_of(evaluation: Evaluation, files: Sequence[Scored]) -> dict[str, Any]:
    from ablations.engine.revision import revision
    from ablations.evaluation.summary import BINS, DRAWS
    from results.stats.intervals import LEVEL, RESAMPLES

    apart = {} if evaluation.scores_apart is None else {"scores": _identity(evaluation.scores_apart)}
    return apart | {
        "files": [
            _identity(scored.path)
            | {
                "format": scored.form,
                "problems": len(scored.problems),
                "rows": len(scored.problem_R),
                "labelers": list(scored.labelers),
                "notes": list(scored.notes),
            }
            | ({} if scored.finals is None else {"final_answers": scored.finals.facts()})
            for scored in files
        ],
        "scoring": list(evaluation.scoring),
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
