"""``ablations decisions``, on committed records, in this process."""

from pathlib import Path

import pytest

from ablations.commands import cli
from results.claims_page import REFERENCE

REAL = REFERENCE / "supervision-small-gsm8k"


def test_the_tables_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    argv = ["decisions", "supervision", f"--real={REAL}", f"--out={out}"]
    assert cli.main(argv) == 0
    shown = capsys.readouterr().out
    assert "which form of supervision" in shown and "misleads" in shown
    written = (out / "table.txt").read_text()
    assert written.startswith(shown)
    assert "Each decision" in written


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["supervision", "--real=nothing"], "run: found no nothing; allowed: "),
        (
            ["supervision", "supervision", f"--real={REAL}"],
            "run: found supervision, supervision; allowed: each run once",
        ),
        (["active_learning", f"--real={REAL}", "--n=3"], "n: found 3 of best-of-N in all runs; allowed: "),
    ],
)
def test_bad_input_is_one_line(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["decisions", *argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
