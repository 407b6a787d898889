"""A made set of records and examples: what a run would leave, with numbers whose truth is known."""

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.examples import write_examples
from results.records import Record, read_records, write_records
from results.vocabulary import STUDENT_ARMS

SCALES = (1, 4, 16, 64)
SEEDS = (0, 1, 2)
PROBLEMS = 60
N_GRID = (1, 2, 4, 8, 16, 32, 64, 128)
_SKILL = {"process": 0.30, "prm_outcome": 0.17, "final_answer": 0.10}


def _common(**more: object) -> dict[str, object]:
    config = json.dumps({"experiment": "supervision", "learning_rate": 2e-3, "note": "</script><b>"})
    return {
        "experiment": "supervision",
        "scale": "quick",
        "dataset": "world_a",
        "config": config,
        "revision": "0123abc",
    } | more


def _measured(values: np.ndarray, **more: object) -> Record:
    clipped = np.clip(values, 0, 1)
    measured = {"value": float(clipped.mean()), "problem_values": tuple(clipped)}
    return Record(**_common(**measured) | more)  # type: ignore[arg-type]


def make_records() -> list[Record]:
    """3 arms x 4 data scales x 3 seeds on 60 problems, every N from 1 to 128, and the reference arms."""
    rng = np.random.default_rng(7)
    pass_P = np.clip(rng.beta(1.1, 1.3, PROBLEMS), 0.02, 0.98)
    rows: list[Record] = []
    for rank, data_scale in enumerate(SCALES):
        for seed in SEEDS:
            for arm, skill in _SKILL.items():
                cell: dict[str, object] = {
                    "arm": arm,
                    "acquisition": "uniform",
                    "data_scale": data_scale,
                    "seed": seed,
                    "cell": f"{arm}-{data_scale}-{seed}",
                    "solutions_hash": f"{data_scale:02d}{seed}" * 21,
                    "distinct_solutions": 30 * data_scale,
                    "labelled_solutions": 60 * data_scale,
                    "labelled_steps": 400 * data_scale if arm == "process" else None,
                }
                luck = rng.normal(0, 0.015)
                for n in N_GRID:
                    gain = skill * (0.02 + 0.3 * rank) * np.log2(n) / 3 - 0.05 * (n == 128)
                    value_P = (
                        pass_P
                        + (gain + 3 * luck * (n > 1)) * (1 - pass_P**2)
                        + rng.normal(0, 0.03, PROBLEMS) * (n > 1)
                    )
                    rows.append(_measured(value_P, metric="best_of_n", n=n, single_draw=n == 128, **cell))
                for metric, start in (("step_auroc", 0.6), ("solution_auroc", 0.5)):
                    value = min(0.99, start + skill * (0.5 + 0.3 * rank) + luck)
                    rows.append(Record(**_common(metric=metric, value=value, **cell)))  # type: ignore[arg-type]
                for updates in range(0, 500, 100):
                    value = 0.45 + skill * (1 - np.exp(-updates / 150)) * (0.4 + 0.2 * rank) + luck
                    rows.append(
                        Record(**_common(metric="validation_best_of_n", n=updates, value=value, **cell))
                    )  # type: ignore[arg-type]
    for n in N_GRID:
        drawn = n == 128
        rows.append(
            _measured(1 - (1 - pass_P) ** n, arm="oracle", metric="pass_at_n", n=n, single_draw=drawn)
        )
        rows.append(
            _measured(
                pass_P + 0.03 * np.log2(n) * np.sign(pass_P - 0.45),
                arm="majority",
                metric="majority",
                n=n,
                single_draw=drawn,
            )
        )
        rows.append(
            _measured(
                pass_P + 0.13 * np.log2(n) * (1 - pass_P),
                arm="labeler",
                metric="best_of_n",
                n=n,
                single_draw=drawn,
            )
        )
    rows.append(_measured(pass_P, arm="random", metric="random", n=1))
    for metric, value in (("step_auroc", 0.985), ("pool_step_auroc", 0.981)):
        rows.append(Record(**_common(arm="labeler", metric=metric, value=value)))  # type: ignore[arg-type]
    for index, count in enumerate((4100, 800, 420, 260, 190, 230, 340, 610, 1500, 21050)):
        middle = (index + 0.5) / 10
        rows.append(
            Record(
                **_common(
                    arm="labeler",
                    metric="calibration",
                    n=index,
                    x=middle,
                    count=count,  # type: ignore[arg-type]
                    value=middle**1.3,
                )
            )
        )
    return rows


STRATEGY_GAIN = {"product": 0.2, "minimum": 0.17, "mean": 0.14, "geometric mean": 0.2, "last step": 0.05}
"""What a way of reducing step scores adds, of the problems not solved at once, up to N = 64."""
STRATEGY_LENGTH = {"product": -0.4, "minimum": -0.2, "mean": 0.1, "geometric mean": 0.0, "last step": 0.0}
"""Its length correlation."""


def make_strategy_records() -> list[Record]:
    """Five strategies of `process` in 3 seeds, ten of the labeler and of students that keep neutral.

    With neutral as negative each gains half and is 0.3 further below zero in its length correlation. On the
    labeler the minimum gains 0.2 more.
    """
    rng = np.random.default_rng(11)
    pass_P = np.clip(rng.beta(1.1, 1.3, PROBLEMS), 0.02, 0.98)
    rows: list[Record] = []
    students = [(arm, seed) for arm in ("process", "process_neutral") for seed in SEEDS]
    for arm, seed in [("labeler", None), *students]:
        cell: dict[str, object] = {"arm": arm, "experiment": "scoring"}
        if seed is not None:
            cell |= {"acquisition": "uniform", "data_scale": 16, "seed": seed, "cell": f"{arm}-{seed}"}
            cell |= {"solutions_hash": f"{seed}" * 64, "distinct_solutions": 480}
            cell |= {"labelled_solutions": 960, "labelled_steps": 6400}
        for reduction, most in STRATEGY_GAIN.items():
            gain = most + 0.2 * (arm == "labeler" and reduction == "minimum")
            for neutral in (None,) if arm == "process" else ("positive", "negative"):
                variant = reduction if neutral is None else f"{reduction}, neutral {neutral}"
                named = [cell | {"variant": variant}]
                if reduction == "product" and neutral != "negative":
                    named.append(cell)  # the model's plain rows
                for n in N_GRID:
                    gained = gain / 2 if neutral == "negative" else gain
                    noise = rng.normal(0, 0.02, PROBLEMS) * (n > 1)
                    value_P = pass_P + gained * np.log2(n) / 6 * (1 - pass_P) + noise
                    at = {"metric": "best_of_n", "n": n, "single_draw": n == 128}
                    rows += [_measured(value_P, **at, **name) for name in named]
                length = STRATEGY_LENGTH[reduction] - 0.3 * (neutral == "negative")
                length_P = length + rng.normal(0, 0.05, PROBLEMS - 7)  # the others' are all equally long
                value = {"value": float(length_P.mean()), "problem_values": tuple(length_P)}
                rows.append(Record(**_common(metric="length_correlation", **value) | named[0]))  # type: ignore[arg-type]
    return rows


def make_large_records() -> list[Record]:
    """The large models on 60 problems: 12 in each quintile; weighted votes; the collected data.

    A problem that one solution solves with chance p is solved by the best of n with 1 - (1 - p)^(n^skill).
    """
    pass_P = np.linspace(0.9, 0.02, PROBLEMS)
    skills = {"large_prm": 0.9, "labeler": 0.8, "large_orm": 0.5}
    bought = {"labelled_solutions": 14_400, "labelled_steps": 70_000}
    rows = [_measured(pass_P, arm="random", metric="random", n=1)]
    curves: list[tuple[dict[str, object], float]] = [
        *(({"arm": arm, "metric": "best_of_n"} | bought, skill) for arm, skill in skills.items()),
        *(({"arm": arm, "metric": "weighted_vote"}, skill - 0.1) for arm, skill in skills.items()),
        ({"arm": "majority", "metric": "majority"}, 0.3),
        ({"arm": "oracle", "metric": "pass_at_n"}, 1.0),
    ]
    for n in N_GRID:
        for row, skill in curves:
            value_P = 1 - (1 - pass_P) ** (n**skill)
            rows.append(_measured(value_P, n=n, single_draw=n == 128, **row))
            if row["metric"] != "weighted_vote" and row["arm"] != "labeler":
                for level in range(1, 6):
                    part_P = value_P[12 * level - 12 : 12 * level]
                    which = row | {"variant": "quintile", "level": level}
                    rows.append(_measured(part_P, n=n, single_draw=n == 128, **which))
    for level in range(1, 6):
        part_P = pass_P[12 * level - 12 : 12 * level]
        rows.append(_measured(part_P, arm="random", metric="random", n=1, variant="quintile", level=level))
    for which, ends, steps in (
        ({}, 0.2, 0.7),
        ({"variant": "phase", "level": 1}, 0.4, 0.6),
        ({"variant": "phase", "level": 2}, 0.0, 0.8),
        ({"variant": "generation", "level": 0}, 0.4, 0.6),
    ):
        for metric, value in (("ends_right", ends), ("right_steps", steps)):
            rows.append(Record(**_common(arm="large_prm", metric=metric, value=value, **bought, **which)))  # type: ignore[arg-type]
    return rows


def make_superset_records() -> list[Record]:
    """The large ORM's best-of-N on uniform solutions and on both sets, 0.9 of it on collected ones."""
    plain = [row for row in make_large_records() if row.variant is None]
    rows = [row for row in plain if row.arm in ("majority", "oracle", "random")]
    for row in plain:
        if row.arm == "large_orm" and row.metric == "best_of_n":
            value_P = np.asarray(row.problem_values)
            for name, share in (("uniform", 1.0), ("collected", 0.9), ("both", 1.0)):
                values = tuple(share * value_P)
                changed = {"acquisition": name, "problem_values": values, "value": float(np.mean(values))}
                rows.append(replace(row, **changed))  # type: ignore[arg-type]
    return rows


def make_examples() -> list[dict[str, object]]:
    """Four problems, 14 solutions each; the second has markup in its text, all arms solve the third."""
    rng = np.random.default_rng(3)
    examples: list[dict[str, object]] = []
    for number in range(4):
        solutions = []
        for sample in range(14):
            right = sample % 3 == 0
            steps = []
            for step in range(4):
                wrong = not right and step >= 2
                steps.append(
                    {
                        "text": f"{step + 40 + sample}+8={step + 48 + sample - 10 * wrong}",
                        "oracle": -1 if wrong else 0 if step == 1 else 1,
                        "scores": {
                            arm: round(float(np.clip(0.95 - 0.8 * wrong + rng.normal(0, 0.04), 0, 1)), 3)
                            for arm in STUDENT_ARMS
                        },
                    }
                )
            unfinished = sample == 13
            solutions.append(
                {
                    "sample": sample,
                    "answer": None if unfinished else "59" if right else str(40 + sample),
                    "finished": not unfinished,
                    "final_correct": right,
                    "count": 1 + sample % 5,
                    "steps": steps,
                    "solution_scores": {
                        arm: round(float(-2.5 + right + rng.random()), 3) for arm in STUDENT_ARMS
                    },
                    "chosen_by": [],
                }
            )
        if number == 1:
            solutions[0]["steps"][0]["text"] = (
                "<script>window.hacked = 1</script><img src=x onerror='window.hacked=1'>"
            )
        chosen = {"process": 0, "prm_outcome": (0, 0, 3, 1)[number], "final_answer": (1, 2, 0, 1)[number]}
        if number == 3:
            chosen["process"] = 2
        for arm, sample in chosen.items():
            solutions[sample]["chosen_by"].append(arm)  # type: ignore[attr-defined]
        examples.append(
            {
                "problem_id": f"p{number}",
                "problem": f"Start at {40 + number}. Add 8, borrow 9, add 10 & add 8.",
                "answer": "59",
                "solutions": solutions,
            }
        )
    return examples


RecordsFrame = Callable[[Iterable[Record]], pd.DataFrame]


@pytest.fixture(scope="session")
def records_frame() -> RecordsFrame:
    """Records as a run leaves them: written, and read again."""

    def written_and_read(rows: Iterable[Record]) -> pd.DataFrame:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "records.parquet"
            write_records(path, rows)
            return read_records(path)

    return written_and_read


def make_record(
    arm: str, values: Any, seed: int | None, n: int | None = 2, data_scale: int | None = 4, **more: Any
) -> Record:
    """A best-of-n of an arm, and what else is said of it."""
    fields: dict[str, Any] = {
        "experiment": "e",
        "scale": "s",
        "dataset": "d",
        "config": "{}",
        "revision": "r",
        "arm": arm,
        "acquisition": None if seed is None else "uniform",
        "seed": seed,
        "n": n,
        "data_scale": None if seed is None else data_scale,
        "metric": "best_of_n",
    }
    return Record(**(fields | {"value": float(np.mean(values)), "problem_values": tuple(values)} | more))


@pytest.fixture(scope="session")
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture(scope="session")
def made_rows() -> list[Record]:
    return make_records()


@pytest.fixture(scope="session")
def made_frame(made_rows: list[Record], records_frame: RecordsFrame) -> pd.DataFrame:
    return records_frame(made_rows)


@pytest.fixture(scope="session")
def made_records(made_rows: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "records.parquet"
    write_records(path, made_rows)
    return path


@pytest.fixture(scope="session")
def strategy_frame(records_frame: RecordsFrame) -> pd.DataFrame:
    return records_frame(make_strategy_records())


@pytest.fixture(scope="session")
def strategy_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("strategies") / "records.parquet"
    write_records(path, make_strategy_records())
    return path


@pytest.fixture(scope="session")
def large_rows() -> list[Record]:
    return make_large_records()


@pytest.fixture(scope="session")
def large_records(large_rows: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "records.parquet"
    write_records(path, large_rows)
    return path


@pytest.fixture(scope="session")
def superset_rows() -> list[Record]:
    return make_superset_records()


@pytest.fixture(scope="session")
def superset_records(superset_rows: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("superset") / "records.parquet"
    write_records(path, superset_rows)
    return path


@pytest.fixture
def fresh_examples() -> Callable[[], list[dict[str, object]]]:
    return make_examples


@pytest.fixture(scope="session")
def made_examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("examples") / "examples.json"
    write_examples(path, make_examples())
    return path
