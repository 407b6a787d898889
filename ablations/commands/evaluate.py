"""``ablations evaluate``: evaluates any reward model, by its checkpoint or by scores computed elsewhere."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.commands.cli import COMMANDS
from ablations.commands.labeler_flags import add_choice, choice_of
from ablations.data.checks import allowed
from ablations.engine.files import check_new, new_folder, sha256_of
from ablations.engine.progress import LOG_FORMATS
from ablations.engine.store import Store
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


def evaluate(argv: Sequence[str]) -> None:
    """Runs the command. A file of scores needs no model, so torch is not imported.

    Args:
        argv: the command's arguments.

    Raises:
        ValueError: an argument, a file or the checkpoint is invalid.
    """
    args = _parse(argv)
    from ablations.evaluation.summary import final_rows, step_rows
    from results.analyses.evaluations import tables_of
    from results.tables.rendering import as_text

    with _workplace(args.out) as folder:
        scored, other = _read(args.file, args.field), None
        if args.threshold_on is not None:
            other = _read(args.threshold_on, "threshold_on")
        _check(args, scored, other)
        facts: dict[str, Any] = {"solutions": _named(args.file)}
        if args.on is not None:
            facts |= _label_all(args, folder)
            scored = _read(folder / SCORES, args.field)
            other = None if other is None else _read(folder / OTHER_SCORES, "threshold_on")
        scored = scored.only(args.labeler or scored.labelers)
        rows = final_rows(scored, args.scoring) if scored.finals is not None else []
        if scored.rated:
            facts["thresholds"] = _thresholds(args, scored, other)
            rows += step_rows(scored, {name: one["value"] for name, one in facts["thresholds"].items()})
        notes = [f"{line}\n" for line in scored.notes]
        text = "\n".join(
            [*(as_text(table) for table in tables_of(rows)), *(["".join(notes)] if notes else [])]
        )
        print(text, end="")
        if args.out is not None:
            _write(folder, rows, text, facts | _facts_of(args, scored))
            print(f"\n{args.out}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


@contextmanager
def _workplace(out: Path | None) -> Iterator[Path]:
    """Yields the folder to write into: the future out folder, or a temporary one."""
    if out is not None:
        with new_folder(out, "out") as folder:
            yield folder
    else:
        with tempfile.TemporaryDirectory() as folder_name:
            yield Path(folder_name)


def _check(args: Any, scored: Scored, other: Scored | None) -> None:
    """Checks what can be checked before anything is scored."""
    from ablations.evaluation.score_file import SOFT_LABELS

    if scored.finals is None and not scored.rated:
        graded = "graded final answers (of at least half of a problem's solutions)"
        raise ValueError(f"{scored.path}: found neither {graded} nor rated steps; allowed: one of them")
    if not scored.labelers and args.on is None:
        raise ValueError(
            f"source: found no scores in {scored.path}; allowed: a file of scores, or a checkpoint with --on "
            f"{scored.path}"
        )
    if not scored.rated:
        if args.threshold is not None or other is not None:
            soft = f" ({SOFT_LABELS})" if f"{SOFT_LABELS}." in scored.notes else ""
            raise ValueError(
                f"threshold: found one, but no rated step in {scored.path}{soft}; allowed: with rated steps"
            )
    elif args.threshold is None and other is None and not args.no_first_error:
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


def _label_all(args: Any, folder: Path) -> dict[str, Any]:
    """Writes a checkpoint's scores of the solutions and of those for the threshold; returns facts on both."""
    from ablations.commands.labeled_file import label_file
    from ablations.commands.labeled_pool import Labeling
    from ablations.labelers.checkpoints import short_name

    labeling = Labeling(
        choice=choice_of(args, args.source),
        store=Store(args.store),
        max_tokens=args.max_tokens,
        log_format=args.log_format,
    )
    name, left_out = args.name or short_name(args.source), {}
    for source, file in ((args.on, SCORES), (args.threshold_on, OTHER_SCORES)):
        if source is not None:
            found = label_file(source, folder / file, name, labeling)
            left_out[str(source)] = found
            told = [f"{count:,} {what}" for what, count in found.items() if count]
            if told:
                print(f"left out of {source}: {', '.join(told)}\n")
    return {"checkpoint": {name: labeling.labeler.identity.as_dict()}, "left_out": left_out}


def _thresholds(args: Any, scored: Scored, other: Scored | None) -> dict[str, dict[str, Any]]:
    """Returns labeler -> its threshold, the source of the threshold, and its F1 there."""
    from ablations.evaluation.summary import chosen_threshold

    if other is None:
        return {name: {"value": args.threshold} for name in scored.steps}
    named = _named(args.threshold_on)
    found = {name: chosen_threshold(other, name) for name in scored.steps}
    return {name: {"value": one.value, "f1": one.f1, "chosen_on": named} for name, one in found.items()}


def _named(file: Path) -> dict[str, str]:
    return {"file": str(file), "sha256": sha256_of(file)}


def _facts_of(args: Any, scored: Scored) -> dict[str, Any]:
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
        "scoring": list(args.scoring),
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


def _parse(argv: Sequence[str]) -> Any:
    import jsonargparse

    from ablations.evaluation.summary import REDUCTION

    parser = jsonargparse.ArgumentParser(
        prog="ablations evaluate", description=COMMANDS["evaluate"], exit_on_error=False, allow_abbrev=False
    )
    parser.add_argument(
        "source",
        type=str,
        help="a file of scores: a pool, PRM800K's scored samples, or rated paths with step_scores; or a "
        "checkpoint: its folder, or OWNER/NAME[@REVISION] on the hub",
    )
    parser.add_argument(
        "--on", type=Path | None, default=None, help="what a checkpoint scores: a pool, or rated steps"
    )
    parser.add_argument("--labeler", action="append", help="of the file, repeatable (default: all)")
    parser.add_argument(
        "--scoring",
        action="append",
        help=f"of solutions by their steps, repeatable: {', '.join(REDUCTION)} (default: product)",
    )
    parser.add_argument(
        "--threshold", type=float | None, default=None, help="P(wrong) above which a step is predicted wrong"
    )
    parser.add_argument(
        "--threshold-on",
        type=Path | None,
        default=None,
        help="rated steps of other problems, on which the threshold with the highest F1 is chosen",
    )
    parser.add_argument("--no-first-error", action="store_true", help="leave the first-error F1 out")
    parser.add_argument(
        "--name", type=str | None, default=None, help="of the checkpoint in tables (default: its own)"
    )
    parser.add_argument(
        "--out", type=Path | None, default=None, help="new folder for table, metrics and scores"
    )
    add_choice(parser)
    parser.add_argument(
        "--store", type=Path, default=Path("runs/store"), help="folder of artifacts, for a checkpoint"
    )
    parser.add_argument(
        "--log-format", type=str, default="text", help=f"of the progress: {', '.join(LOG_FORMATS)}"
    )
    args = parser.parse_args(list(argv))
    args.scoring = list(dict.fromkeys(args.scoring or ["product"]))
    for scoring in args.scoring:
        allowed("scoring", scoring, tuple(REDUCTION))
    allowed("log_format", args.log_format, LOG_FORMATS)
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise ValueError(f"threshold: found {args.threshold}; allowed: a number in [0, 1]")
    given = [args.threshold is not None, args.threshold_on is not None, args.no_first_error]
    if sum(given) > 1:
        raise ValueError(
            "threshold: found more than one of --threshold, --threshold-on and --no-first-error; allowed: one"
        )
    for name in ("on", "threshold_on", "out"):  # jsonargparse keeps a path's text as it was typed
        value = getattr(args, name)
        setattr(args, name, None if value is None else Path(value))
    if args.out is not None:
        check_new(args.out, "out")
    is_file = Path(args.source).is_file()
    if is_file and args.on is not None:
        raise ValueError(f"on: found it beside {args.source}, a file of scores; allowed: with a checkpoint")
    if not is_file and args.on is None:
        raise ValueError(
            f"source: found no file {args.source}; allowed: a file of scores, or a checkpoint with --on FILE"
        )
    args.file, args.field = (args.source, "source") if is_file else (args.on, "on")
    args.file = Path(args.file)
    return args
