"""An arm, an acquisition, a reduction, a metric and an experiment are added to a copy of the code.

Each is a function, or a file, and one record or line; figures, tables, export and report then show it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from paths import ROOT

ARM = '''
def doubtful_outcome(labels: StepScores, threshold: float, soft: bool = False) -> Supervision:
    """Right if and only if no step's P(negative) exceeds half the threshold."""
    return prm_outcome(labels, threshold / 2, soft)


'''
ACQUISITION = '''
def longest(known: Candidates, request: Request) -> Rows:
    """Those with the most steps."""
    return best_of_each(known.problem, known.steps.lengths.astype(np.float64), request.share)


'''
METRIC = '''
def longest_chosen(of: ScoredSolutions) -> float:
    """Share of problems whose best-scored solution is the longest."""
    best = np.lexsort((of.score, of.problem))[np.flatnonzero(np.append(np.diff(np.sort(of.problem)), 1))]
    longest = np.maximum.reduceat(of.n_steps, np.flatnonzero(np.diff(of.problem, prepend=-1)))
    return float((of.n_steps[best] == longest).mean())


'''
EXPERIMENT = '''
"""The new arm next to process supervision, on as many labels."""

from ablations.engine.experiment import Plan
from ablations.experiments.definition import experiment
from ablations.experiments.sources import folds_of
from ablations.experiments.supervision import SupervisionSettings, settings
from ablations.experiments.trainings import (
    Trainings,
    evaluate_cell,
    evaluate_references,
    gather_records,
)


def plan(settings: SupervisionSettings) -> Plan:
    """Is a labeler that doubts more a better teacher?"""
    folds, students = folds_of(settings), settings.students
    cells = [
        evaluate_cell(
            [Trainings(students=students, fold=fold, arm=arm, data_scale=2) for fold in folds], seed
        )
        for arm in ("process", "doubtful_outcome")
        for seed in range(settings.seeds)
    ]
    references = evaluate_references(folds, settings.majority_draws)
    records = gather_records("doubts", settings, tuple(cells), references)
    return Plan(targets=(*cells, references), records=records)


DOUBTS = experiment(settings, plan)
'''
LOOK = 'color="#123456", marker="."'
BEFORE = {
    # an arm: its function with its line, and its record
    "ablations/supervision.py": [
        ("TARGETS: dict[", ARM),
        ('    "final_answer": AnswerArm(', '    "doubtful_outcome": LabelerArm(targets=doubtful_outcome),\n'),
    ],
    # an acquisition: its function with its line, and its record
    "ablations/acquisition/strategies.py": [
        ("ACQUISITION_STRATEGIES: dict[", ACQUISITION),
        ('    "diverse": Acquisition(', '    "longest": Acquisition(choose=longest, asks_selector=False),\n'),
    ],
    # a reduction: its function as its line, and its record
    "ablations/evaluation/scoring_rules.py": [
        ('    "minimum": _minimum', '    "maximum": lambda good: good.reduce(np.maximum, -np.inf),\n'),
    ],
    # a combiner of scores: its function as its line, and its record
    "ablations/evaluation/ensembles.py": [
        ('    "mean_score": _', '    "median_score": lambda score_KR: np.median(score_KR, axis=0),\n'),
    ],
    # a metric: its function with its line, and its record
    "ablations/evaluation/solution_metrics.py": [
        ("SOLUTION_METRICS: dict[", METRIC),
        ('    "solution_auroc": ', '    "longest_chosen": longest_chosen,\n'),
    ],
    "results/schema.py": [
        (
            '    "solution_auroc": Metric(',
            '    "longest_chosen": Metric(meaning="share of problems", n=None, arms=_SCORERS),\n',
        ),
    ],
    "results/vocabulary.py": [
        (
            '    "final_answer": Arm(',
            f'    "doubtful_outcome": Arm(words="doubtful outcome", {LOOK}, scoring="last_token", '
            'learned_from="It learned from doubts."),\n',
        ),
        ('    "diverse": Chooser(', f'    "longest": Chooser(words="the longest", {LOOK}),\n'),
        ('    "minimum": Entry(', f'    "maximum": Entry(words="maximum", {LOOK}),\n'),
        ('    "mean_score": Entry(', f'    "median_score": Entry(words="median of the models", {LOOK}),\n'),
    ],
    # an experiment: its file, and one line (the import of which Python wants too)
    "ablations/experiments/__init__.py": [
        (
            "from ablations.experiments.generalization",
            "from ablations.experiments.doubts import DOUBTS\n",
        ),
        ('    "difficulty": DIFFICULTY', '    "doubts": DOUBTS,\n'),
    ],
}
"""Per file: what stands in it once, and what is put before it."""
COMMANDS = (
    ["run", "doubts"],
    ["run", "active_learning", "--settings.acquisitions=[uniform, longest]"],
    ["run", "scoring"],
    ["run", "over_optimization", "--settings.arms=[final_answer]"],
)
PROGRAM = """
import json, sys
from ablations.commands.cli import main

for argv in json.loads(sys.argv[1]):
    assert main(argv) == 0, argv
"""


@pytest.fixture(scope="module")
def extended(smoke, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the edited code, and `runs` below it with what the commands made."""
    folder = tmp_path_factory.mktemp("extended")
    for room in ("ablations", "lightning_modules", "results"):
        skip = shutil.ignore_patterns("__pycache__", "reference")
        shutil.copytree(ROOT / room, folder / room, ignore=skip)
    for name, edits in BEFORE.items():
        text = (folder / name).read_text()
        for there, new in edits:
            assert text.count(there) == 1, (name, there)
            text = text.replace(there, new + there)
        (folder / name).write_text(text)
    (folder / "ablations" / "experiments" / "doubts.py").write_text(EXPERIMENT.lstrip())
    shutil.copytree(smoke.store, folder / "runs" / "store")
    runs = [[*argv, "--scale=smoke", "--workers=1", f"--out=runs/{argv[1]}"] for argv in COMMANDS]
    export = ["export", "runs/doubts", "model", "--arm=doubtful_outcome", "--data-scale=2", "--seed=0"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([*runs, export])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("run", "words", "figure"),
    [
        ("doubts", "doubtful outcome", "best_of_n_by_n"),
        ("active_learning", "the longest", "active_learning"),
        ("scoring", "maximum", "scoring"),
        ("over_optimization", "median of the models", "over_optimization"),
    ],
)
def test_table_figure_and_report_show_what_was_added(
    extended: Path, run: str, words: str, figure: str
) -> None:
    out = extended / "runs" / run
    assert words in (out / "table.txt").read_text()
    assert words in (out / "report.html").read_text()
    assert "#123456" in (out / "figures" / f"{figure}.svg").read_text()


def test_the_records_hold_the_new_metric(extended: Path) -> None:
    records = pq.read_table(extended / "runs" / "doubts" / "records.parquet").to_pylist()
    found = [row["value"] for row in records if row["metric"] == "longest_chosen"]
    assert found and all(0 <= value <= 1 for value in found)


def test_the_new_arm_is_exported(extended: Path) -> None:
    card = (extended / "model" / "README.md").read_text()
    assert "It learned from doubts." in card and "doubtful outcome" in card


def test_the_list_has_the_new_experiment(extended: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ablations", "list"],
        cwd=extended,
        env={**os.environ, "PYTHONPATH": str(extended)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Is a labeler that doubts more a better teacher?" in done.stdout
