"""``ablations power``, on made records, in this process."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from paths import ROOT

from ablations.commands import cli
from results.analyses.planning import planned, power_table
from results.records import read_records
from results.tables.rendering import text_of

REFERENCE = ROOT / "results" / "reference"


def power(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str]:
    code = cli.main(["power", *map(str, argv)])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return read_records(REFERENCE / "supervision-small" / "records.parquet")


def test_a_run_is_given_in_three_ways(capsys: pytest.CaptureFixture[str]) -> None:
    folder = REFERENCE / "supervision-quick"
    shown = [power(capsys, run) for run in (folder, folder / "records.parquet")]
    assert shown[0] == shown[1] and shown[0][0] == 0
    assert "detects" in shown[0][1] and "or needs" not in shown[0][1] and "10 comparisons" in shown[0][1]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("nowhere",), "run: found no nowhere; allowed: the out folder"),
        ((REFERENCE / "supervision-quick", "--seeds=1"), "seeds: found 1; allowed: 2 to 100000"),
        ((REFERENCE / "supervision-quick", "--problems=1"), "problems: found 1; allowed: 2 to"),
        ((REFERENCE / "supervision-quick", "--family=0"), "family: found 0; allowed: 1 to"),
        (
            (REFERENCE / "supervision-quick", "--difference=0"),
            "difference: found 0.0; allowed: above 0, to 100",
        ),
        (
            (REFERENCE / "supervision-quick", "--difference=101"),
            "difference: found 101.0; allowed: above 0, to 100",
        ),
        ((REFERENCE / "hyperparameters-small",), "run: found no two arms"),
    ],
)
def test_what_cannot_be_planned(
    argv: tuple[Any, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = power(capsys, *argv)
    assert code == 2 and words in shown and shown.count("\n") == 1


def test_one_seed_says_nothing_about_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pq.read_table(REFERENCE / "supervision-quick" / "records.parquet")
    first = table.filter((pc.field("seed") == 0) | pc.field("seed").is_null())
    pq.write_table(first, tmp_path / "records.parquet")
    code, shown = power(capsys, tmp_path / "records.parquet", "--seeds=5")
    assert code == 2 and "seeds: found 5, but process supervision has" in shown


def test_what_active_learning_can_detect_is_shown_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = power(capsys, REFERENCE / "active_learning-small", "--seeds=10")
    assert code == 0 and "Power: gain at equal budgets and data efficiency" in shown
    assert "data efficiency" not in power(capsys, REFERENCE / "supervision-quick")[1]


def test_the_claims_are_planned(frame: pd.DataFrame) -> None:
    rows = planned(frame)
    # process over two arms at five data scales, outcomes at two, four claims at one, the labeler, doublings
    assert len(rows) == 5 + 5 + 2 + 4 + 1 + 7 + 7 and {row.family for row in rows} == {10}
    own = power_table(rows)
    more = power_table(rows, seeds=20, problems=2000, difference=0.05)

    def detects(cells: Any) -> float:
        return float(text_of(cells[9]))

    assert all(detects(b) < detects(a) for a, b in zip(own.rows, more.rows, strict=True))
    assert [head.name for head in more.heads[-2:]] == ["needs seeds", "or needs problems"]
    assert text_of(more.rows[16][-2]) == "-"  # the labeler has no seeds
    one = power_table(rows, family=1)
    assert all(detects(b) < detects(a) for a, b in zip(own.rows, one.rows, strict=True))
