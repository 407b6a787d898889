"""`ablations advise`, on committed records."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from ablations.commands import cli

REFERENCE = ROOT / "results" / "reference"
RUN = REFERENCE / "supervision-small"
PRICES = ("--step-label=0.05", "--judged-solution=0.15", "--answer-check=0.02", "--rollout=0.002")


def advise(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str]:
    code = cli.main(["advise", *map(str, argv)])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_two_runs_are_one_pilot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, a file and a name; 64 candidates for each of 100 problems cost 140.8 with their checks."""
    records = REFERENCE / "active_learning-small" / "records.parquet"
    out, figure = tmp_path / "advice.json", tmp_path / "figure"
    argv = (RUN, records, "supervision", "--budget=200", *PRICES, f"--json={out}", f"--figure={figure}")
    code, shown = advise(capsys, *argv)
    assert code == 0 and shown.startswith("Buy process supervision, uniform distinct.\n")
    numbers = json.loads(out.read_text())
    assert numbers["decided_arm"] == "process" and numbers["decided"] and numbers["n"] == 64
    by_option = {(one["arm"], one["acquisition"]): one for one in numbers["purchases"]}
    assert len(by_option) == 5 and shown.startswith(numbers["text"])
    chosen = by_option["process", "convincing_wrong_answers"]
    each = 0.05 * chosen["labels"] / chosen["solutions"]
    assert chosen["solutions"] == pytest.approx((200 - 6400 * 0.022) / each)
    assert by_option["final_answer", "uniform"]["solutions"] == pytest.approx(200 / 0.022)
    assert {path.name for path in tmp_path.iterdir()} == {"advice.json", "figure.png", "figure.svg"}
    fewer = advise(capsys, "active_learning", "--budget=200", *PRICES, "--candidates=16", "--problems=50")
    assert fewer[0] == 0
    again = advise(capsys, *argv[:5], "--answer-check=0.02", "--rollout=0.002")
    assert "Left out: PRM-derived outcome, uniform (no price for judged solutions)." in again[1]


def test_a_refusal_is_a_result(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = advise(
        capsys, RUN, "--budget=150", "--step-label=0.05", "--answer-check=0.001", "--rollout=0.002"
    )
    assert code == 0 and shown.startswith("This pilot cannot tell process supervision")
    assert "with data scale 125 for final-answer outcome, uniform" in shown  # 150 / 0.003 / 4 / 100
    code, shown = advise(capsys, REFERENCE / "scoring-small", "--budget=150", *PRICES)
    assert code == 0 and "no option has a price and a curve" in shown and "1 data scales, needs 3" in shown


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("nowhere", "--budget=1", *PRICES), "run: found no nowhere; allowed: the out folder"),
        ((RUN, "--budget=0", *PRICES), "budget: found 0.0; allowed: above 0"),
        ((RUN, "--budget=1", "--rollout=-1"), "rollout: found -1.0; allowed: 0 or more"),
        ((RUN, "--budget=1", "--rollout=0"), "step_label, judged_solution, answer_check: found no price"),
        ((RUN, "--budget=nan", *PRICES), "budget: found nan; allowed: a number"),
        ((RUN, "--budget=1", *PRICES, "--at=3"), "at: found no best-of-3 of students in the records"),
        ((RUN, "--budget=1", *PRICES, "--at=0"), "at: found 0; allowed: 1 or more"),
        ((RUN, "--budget=1", *PRICES, f"--json={ROOT / 'README.md'}"), "json: found "),
        ((RUN, REFERENCE / "supervision-quick", "--budget=1", *PRICES), "run: found 250 problems of facts"),
        ((REFERENCE / "orm_forms-small", "--budget=1", *PRICES), "run: found no pass@1 per problem in"),
    ],
)
def test_bad_input(argv: tuple[object, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = advise(capsys, *argv)
    assert code == 2 and words in shown and shown.count("\n") == 1


def test_it_loads_no_torch() -> None:
    argv = ["advise", str(RUN), "--budget=150", *PRICES]
    code = (
        f"import sys\nfrom ablations.commands.cli import main\nassert main({argv!r}) == 0\n"
        "print('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
