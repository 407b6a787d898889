"""Hostile options, pools, places and terminals for every command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hostile.inputs import Check, Done, Input, accepted, lines, refused
from hostile.rows import SAMPLES, VALUES, lines_of, mutated, paths, shown

NUMBERS = ("nan", "inf", "-1", "0", "x", "", "1e400", "9" * 30, "0x10", "1_0", "١")
"""What may be typed where a number is due."""


def _solution(number: int, right: bool, score: float) -> dict[str, Any]:
    return {
        "sample": number,
        "steps": ["1+2=3", f"so {5 + (not right)}"],
        "answer": str(5 + (not right)),
        "final_correct": right,
        "finished": True,
        "step_scores": {"prm": [0.9, score]},
    }


def problem(number: int) -> dict[str, Any]:
    """A problem with four solutions, two of them right."""
    solutions = [_solution(i, i % 2 == 0, 0.9 - 0.2 * (i % 2) - 0.05 * i) for i in range(4)]
    text = f"What is number {number}?"
    return {"problem_id": f"p{number}", "problem": text, "answer": "5", "samples": solutions}


POOL = tuple(problem(number) for number in range(12))
FILES = {
    "pool.jsonl": lines(*POOL),
    "questions.jsonl": lines(*({"question": f"{i}+1?", "answer": f"It is.\n#### {i + 1}"} for i in range(4))),
    "trl.jsonl": lines(*SAMPLES["trl"].rows),
}
"""Files that nothing is wrong with."""
SMOKE = ("--scale", "smoke", "--workers", "1", "--store", "st")
ON_POOL = (*SMOKE, "--pool", "pool.jsonl", "--labeler", "prm", "--settings.source.folds", "3")
COMMANDS: dict[str, tuple[str, ...]] = {
    "convert": ("ablations", "convert", "--from", "trl", "--to", "processbench", "trl.jsonl", "out.jsonl"),
    "grade": ("ablations", "grade", "pool.jsonl", "--out", "out.jsonl"),
    "evaluate": ("ablations", "evaluate", "pool.jsonl", "--out", "out"),
    "plan": ("ablations", "plan", "supervision", *ON_POOL),
    "sweeps report": ("sweeps", "report", "reward_models", "--scale", "smoke", "--out", "out"),
}
"""Commands that are done in seconds, each with an output where it has one."""
FLAGS: dict[str, tuple[str, ...]] = {
    "convert": ("--threshold", "--overlap", "--held-out", "--skip-bad", "--problems"),
    "grade": ("--workers", "--seconds", "--log-format"),
    "evaluate": ("--threshold", "--scoring", "--labeler", "--max-length", "--threshold-on", "--on"),
    "plan": (
        *("--workers", "--settings.seeds", "--settings.data_scales", "--settings.source.max_length"),
        *(
            "--settings.students.learning_rates",
            "--settings.students.patience",
            "--settings.source.labeler.threshold",
        ),
        *("--settings.source.vocabulary", "--settings.arms", "--config", "--settings.source.test_samples"),
    ),
    "sweeps report": ("--storage", "--world", "--arms", "--scale"),
}
_MAY_BE = {("convert", "--skip-bad"), ("grade", "--seconds"), ("plan", "--config")}


def options() -> Iterator[Input]:
    """What is typed where a number, a choice or a file is due."""
    for command, flags in FLAGS.items():
        for flag in flags:
            for value in NUMBERS:
                argv = (*COMMANDS[command], f"{flag}={value}")
                yield Input(
                    kind="options", name=f"{command} {flag}={value}", argv=argv, files=FILES, check=_numbers
                )


def _numbers(done: Done) -> str | None:
    """No number in a table is none."""
    words = done.out.lower().replace("[", " ").replace(",", " ").replace("]", " ").split()
    return "a NaN is shown as a number" if "nan" in words or "+nan" in words else None


def pools() -> Iterator[Input]:
    """Pools with another value in one field, to the commands that read pools."""
    few = {
        path: None
        for row in POOL[:1]
        for path in paths(row)
        if len(path) == 1 or (path[0] == "samples" and (len(path) == 1 or path[1] == 1))
    }
    for path in few:
        for value in VALUES:
            rows = (mutated(POOL[0], path, value), *POOL[1:])
            files = {"pool.jsonl": lines_of(rows)}
            name = f"{'.'.join(map(str, path))} = {shown(value)}"
            for command in ("evaluate", "grade"):
                argv = COMMANDS[command]
                yield Input(kind=f"pools: {command}", name=name, argv=argv, files=files, check=_numbers)


def _all(right: bool, rows: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """The same with all solutions right or wrong."""
    return tuple(
        row | {"samples": [one | {"final_correct": right} for one in row["samples"]]} for row in rows
    )


def _cut(row: dict[str, Any], samples: int) -> dict[str, Any]:
    return row | {"samples": row["samples"][:samples]}


def _ungraded(row: dict[str, Any], which: int) -> dict[str, Any]:
    return mutated(row, ("samples", which, "final_correct"), None)


def odd_pools() -> Iterator[Input]:
    """Pools of the wrong shape, to the commands that read pools."""
    given: dict[str, tuple[tuple[dict[str, Any], ...], Check]] = {
        "as it should be": (POOL, accepted),
        "one problem": (POOL[:1], _no_interval),
        "two problems": (POOL[:2], _numbers),
        "one ungraded solution": ((_ungraded(POOL[0], 1), *POOL[1:]), accepted),
        "a problem with all solutions ungraded": (
            (POOL[0] | {"samples": [one | {"final_correct": None} for one in POOL[0]["samples"]]}, *POOL[1:]),
            _numbers,
        ),
        "all right": (_all(True, POOL), _numbers),
        "all wrong": (_all(False, POOL), _numbers),
        "a problem with fewer solutions": ((_cut(POOL[0], 2), *POOL[1:]), accepted),
        "a problem with one solution": ((_cut(POOL[0], 1), *POOL[1:]), _numbers),
        "a problem without solutions": ((_cut(POOL[0], 0), *POOL[1:]), _numbers),
        "one solution per problem": (tuple(_cut(row, 1) for row in POOL), _numbers),
        "the same problem twice": ((*POOL, POOL[0]), refused),
        "the same text under two names": ((*POOL, POOL[0] | {"problem_id": "q"}), refused),
        "scores of another labeler in one problem": (
            (mutated(POOL[0], ("samples", 0, "step_scores"), {"other": [0.1, 0.2]}), *POOL[1:]),
            refused,
        ),
        "a score too few": (
            (mutated(POOL[0], ("samples", 0, "step_scores", "prm"), [0.5]), *POOL[1:]),
            refused,
        ),
        "a score above one": (
            (mutated(POOL[0], ("samples", 0, "step_scores", "prm", 0), 1.5), *POOL[1:]),
            refused,
        ),
        "an answer of white space": ((mutated(POOL[0], ("samples", 1, "answer"), "  "), *POOL[1:]), _numbers),
    }
    for name, (rows, check) in given.items():
        for command in ("evaluate", "plan"):
            checked = check if command == "evaluate" or check is refused or check is accepted else None
            files = {"pool.jsonl": lines(*rows)}
            yield Input(
                kind="pools", name=f"{command}: {name}", argv=COMMANDS[command], files=files, check=checked
            )


def _no_interval(done: Done) -> str | None:
    if done.code == 2:
        return None
    return "an interval or a verdict of one problem" if "above zero" in done.out else _numbers(done)


_LONG = "a" * 300
_FULL = (
    "mkdir full && mount -t tmpfs -o size=4k tmpfs full && (cat /dev/zero > full/filled || true) 2>/dev/null"
)
_READ_ONLY = "mkdir full && mount -t tmpfs -o ro tmpfs full"
PLACES: dict[str, tuple[str, str]] = {
    # name: (what is done before, the output); {end} is how its name must end
    "a folder": ("mkdir taken{end}", "taken{end}"),
    "below a file": ("touch file", "file/out{end}"),
    "a name too long": ("true", f"{_LONG}{{end}}"),
    "a full disk": (_FULL, "full/out{end}"),
    "a read-only disk": (_READ_ONLY, "full/out{end}"),
    "a device": ("true", "/dev/full{end}"),
    "the current folder": ("true", "."),
    "nothing": ("true", "''"),
}
"""Where output may not go."""
OUTPUTS = {"convert": ".jsonl", "grade": ".jsonl", "evaluate": "", "sweeps report": ""}
"""How the names of commands' outputs end."""


def places() -> Iterator[Input]:
    """Outputs where none can be."""
    for place, (setup, output) in PLACES.items():
        for command, end in OUTPUTS.items():
            if command == "sweeps report" and place in ("a folder", "the current folder", "nothing"):
                continue  # it writes into folders that are there
            if place == "a device" and end:
                continue  # /dev/full.jsonl is a name like any other
            out = output.format(end=end)
            words = [
                out if word == f"out{end}" else f"'{word}'" if word else "''" for word in COMMANDS[command]
            ]
            yield Input(
                kind="places",
                name=f"{command}: {place}",
                argv=(),
                setup=setup.format(end=end),
                shell=" ".join(words),
                teardown="umount full 2>/dev/null; true",
                files=FILES,
                check=refused,
            )


TERMINALS = {
    "no locale": "LC_ALL=C LANG=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0",
    "ASCII": "PYTHONIOENCODING=ascii",
    "one column": "COLUMNS=1",
    "columns that are no number": "COLUMNS=x",
    "no terminal": "TERM=dumb NO_COLOR=1",
    "no home": "HOME=/nonexistent",
    "no temporary folder": "TMPDIR=/nonexistent",
    "optimized": "PYTHONOPTIMIZE=2",
}
UNICODE = lines(
    *({"prompt": f"Ünïcödé ки √{i}?", "completions": ["ки", "½"], "labels": [True, False]} for i in range(2))
)


def terminals() -> Iterator[Input]:
    """Commands on odd terminals and in odd surroundings."""
    files = FILES | {"trl.jsonl": UNICODE}
    quick = {
        "convert": " ".join(COMMANDS["convert"]),
        "evaluate": "ablations evaluate pool.jsonl",
        "grade": " ".join(COMMANDS["grade"]),
        "list": "ablations list",
        "help": "ablations --help",
    }
    for terminal, variables in TERMINALS.items():
        for command, line in quick.items():
            name = f"{command}: {terminal}"
            yield Input(
                kind="terminals", name=name, argv=(), shell=f"{variables} {line}", files=files, check=accepted
            )
    for command, line in quick.items():
        yield Input(
            kind="terminals",
            name=f"{command}: output closed",
            argv=(),
            shell=f"set -o pipefail; {line} | true; code=$?; [ $code = 141 ] && exit 0; exit $code",
            files=files,
            check=accepted,
        )
        yield Input(
            kind="terminals",
            name=f"{command}: no input",
            argv=(),
            shell=f"{line} <&-",
            files=files,
            check=accepted,
        )
        yield Input(
            kind="terminals",
            name=f"{command}: no output",
            argv=(),
            shell=f"{line} >&-",
            files=files,
            check=lambda done: None,
        )


def words() -> Iterator[Input]:
    """Words that are no command, missing arguments, and inputs that are no files."""
    given = {
        "nothing": ("ablations",),
        "no such command": ("ablations", "joy"),
        "a flag alone": ("ablations", "--joy"),
        "annotate alone": ("ablations", "annotate"),
        "world alone": ("ablations", "world"),
        "finetune alone": ("ablations", "finetune"),
        "run of nothing": ("ablations", "run"),
        "run of no experiment": ("ablations", "run", "joy"),
        "status of nothing": ("ablations", "status", "none"),
        "report of nothing": ("ablations", "report", "none"),
        "gc of nothing": ("ablations", "gc", "--runs", "none"),
        "export of nothing": ("ablations", "export", "none", "out"),
        "sweeps of nothing": ("sweeps",),
        "sweep of no space": ("sweeps", "run", "joy"),
        "sweep of no database": ("sweeps", "report", "reward_models", "--storage", "joy://x"),
        "sweep of an unreadable URL": ("sweeps", "report", "reward_models", "--storage", "sqlite://///"),
        "config that is no YAML": ("ablations", "plan", "supervision", "--config", "pool.jsonl"),
        "config that is a folder": ("ablations", "plan", "supervision", "--config", "."),
        "store that is a file": (
            "ablations",
            "plan",
            "supervision",
            "--scale",
            "smoke",
            "--store",
            "pool.jsonl",
        ),
    }
    for name, argv in given.items():
        yield Input(kind="words", name=name, argv=argv, files=FILES, check=refused)
    for flag in ("--help",):
        for command in (
            *("run", "plan", "annotate", "status", "report", "convert", "grade", "sample", "label"),
            *("finetune", "evaluate", "export", "list", "gc", "world"),
        ):
            yield Input(
                kind="words",
                name=f"{command} {flag}",
                argv=("ablations", command, flag),
                files={},
                check=accepted,
            )
    for command in ("convert", "grade", "evaluate"):
        source = "trl.jsonl" if command == "convert" else "pool.jsonl"
        for name, other in (("a folder", "."), ("nothing", "none.jsonl"), ("a device", "/dev/null")):
            argv = tuple(other if word == source else word for word in COMMANDS[command])
            yield Input(kind="words", name=f"{command} of {name}", argv=argv, files=FILES, check=refused)
    same = tuple("trl.jsonl" if word == "out.jsonl" else word for word in COMMANDS["convert"])

    def kept(done: Done) -> str | None:
        there = (done.folder / "trl.jsonl").read_bytes()
        if done.code == 2:
            return None if there == FILES["trl.jsonl"] else "the input is damaged"
        return None if all("label" in json.loads(line) for line in there.splitlines()) else "half written"

    yield Input(kind="words", name="convert onto its input", argv=same, files=FILES, check=kept)
