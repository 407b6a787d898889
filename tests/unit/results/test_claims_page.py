"""The page of claims."""

from pathlib import Path
from typing import Any

import pytest

from ablations.world.worlds import WORLDS
from results.claim_differences import TIMES, Difference
from results.claims import CLAIMS, Claim
from results.claims_page import HELD_OUT, PAGE, README, claims_page, front_page
from results.records import write_records
from results.stats.intervals import NAN, Estimate


def test_the_committed_page_is_that_of_the_committed_records() -> None:
    assert PAGE.read_text(encoding="utf-8") == claims_page(), "run: python -m results.claims_page"
    readme = README.read_text(encoding="utf-8")
    assert readme == front_page(readme), "run: python -m results.claims_page"


def test_the_front_page_holds_the_main_table_between_its_marks(tmp_path: Path) -> None:
    text = front_page("a\n<!-- claims -->\nold\n<!-- end of claims -->\nb\n", tmp_path)
    assert text.startswith("a\n<!-- claims -->\n| claim | paper |") and "old" not in text
    assert text.endswith("|\n<!-- end of claims -->\nb\n")
    assert front_page(text, tmp_path) == text and "<!-- claims -->" in README.read_text(encoding="utf-8")


def test_the_held_out_worlds_are_all_but_the_default() -> None:
    assert tuple(WORLDS)[1:] == HELD_OUT


def write(folder: Path, world: str, lead: float, record: Any) -> None:
    """A large PRM that solves every problem by a lead of about so much over the large ORM, on 10 problems."""
    folder.mkdir()
    common = {"experiment": "large_scale", "scale": "small", "dataset": world, "n": 64}
    ahead = [lead, lead + 0.02] * 5
    rows = [
        record("large_prm", [0.4 + more for more in ahead], None, **common),
        record("large_orm", [0.4] * 10, None, **common),
    ]
    write_records(folder / "records.parquet", rows)


def row(page: str) -> list[str]:
    line = next(
        line for line in page.splitlines() if line.startswith("| the large PRM beats the large ORM (b")
    )
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_by_hand(tmp_path: Path, record: Any) -> None:
    """Leads of 0.30 and 0.32 on 5 problems each: 31 on average; fresh ones 0.10 less, held out 0.20."""
    write(tmp_path / "large_scale-small", "facts", 0.3, record)
    assert len(row(claims_page(tmp_path))) == 4
    write(tmp_path / "large_scale-small-other_facts", "other_facts", 0.1, record)
    write(tmp_path / "large_scale-small-fresh", "facts", 0.2, record)
    page = claims_page(tmp_path)
    name, paper, here, fresh, other, verdict = row(page)
    assert name.endswith("(best-of-64)") and paper == "78.2 against 72.4 in best-of-1860"
    assert here.startswith("+31.0 [") and verdict == "reproduced"
    assert fresh.startswith("+21.0 [") and fresh.endswith(": reproduced")
    assert other.startswith("+11.0 [") and other.endswith(": reproduced")
    assert "here (`facts`): Of 3 claims, 1 is reproduced, 2 are not in the records." in page
    assert all(f"## {experiment}\n" in page for experiment in CLAIMS)


def test_a_held_out_run_at_small_comes_before_one_at_quick(tmp_path: Path, record: Any) -> None:
    write(tmp_path / "large_scale-small", "facts", 0.3, record)
    write(tmp_path / "large_scale-quick-dropped", "dropped", 0.1, record)
    page = claims_page(tmp_path)
    assert "held out: `dropped`, at `quick`" in page and row(page)[3].startswith("+11.0 [")
    write(tmp_path / "large_scale-small-dropped", "dropped", 0.2, record)
    (tmp_path / "large_scale-quick-dropped" / "records.parquet").write_bytes(b"")  # it is no longer read
    page = claims_page(tmp_path)
    assert "at `quick`" not in page and row(page)[3].startswith("+21.0 [")


def test_a_missing_estimate_has_words(tmp_path: Path, record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Difference(
        arm="a",
        against="b",
        n=64,
        found=Estimate(estimate=NAN),
        seeds=0,
        unit=TIMES,
        reason="too few points",
    )
    claim = Claim(text="the large PRM beats the large ORM", differences=lambda _: [missing])
    monkeypatch.setitem(CLAIMS, "large_scale", (claim,))
    for name, world in (("small", "facts"), ("small-other_facts", "other_facts")):
        write(tmp_path / f"large_scale-{name}", world, 0.3, record)
    assert row(claims_page(tmp_path))[1:] == [
        "not stated",
        "no estimate",
        "no estimate: inconclusive (too few points)",
        "inconclusive (too few points)",
    ]


@pytest.mark.parametrize(("folder", "expected"), [("other_facts", "other_facts"), ("fresh", "dropped")])
def test_records_of_another_world_are_refused(
    folder: str, expected: str, tmp_path: Path, record: Any
) -> None:
    write(tmp_path / "large_scale-small", "dropped", 0.3, record)
    write(tmp_path / f"large_scale-small-{folder}", "facts", 0.3, record)
    with pytest.raises(ValueError, match=f"^dataset: found facts in .*; allowed: {expected}$"):
        claims_page(tmp_path)
