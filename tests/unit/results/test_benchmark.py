"""The ranking of the frozen benchmark, on numbers worked by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from results.benchmark import ANY, Entry, join_entries, rank, ranking_table, read_entries, write_entries
from results.benchmark_page import PAGE, RESULTS, benchmark_page
from results.tables.rendering import as_text


def entry(name: str, values: list[float], **more: object) -> Entry:
    fields = {
        "pool": "toy",
        "sha256": "00",
        "name": name,
        "scoring": "product",
        "scores_sha256": "11",
        "revision": "r",
        "metrics": 1,
        "best_of_n": {"1": [0.5] * len(values), "4": values},
    }
    return Entry(**(fields | more))  # type: ignore[arg-type]


# Of 20 problems, the first solves 18, the second 17 of these, the third 4.
FIRST = entry("first", [1.0] * 18 + [0.0] * 2)
SECOND = entry("second", [1.0] * 17 + [0.0] * 3)
THIRD = entry("third", [1.0] * 4 + [0.0] * 16)
LIMIT = entry(ANY, [1.0] * 19 + [0.0], scoring="")


def test_ranks_by_hand() -> None:
    best, second, third = rank([THIRD, SECOND, FIRST], 4)
    assert [one.entry.name for one in (best, second, third)] == ["first", "second", "third"]
    assert (best.behind, best.rank[0]) == (None, 1)
    # The two differ in one problem of 20, which a resample lacks with (19 / 20) ** 20 = 0.36: then they tie.
    assert best.rank == (1, 1)
    assert second.rank == (1, 2)
    # 14 of 20 problems less: no resample reverses that.
    assert third.rank == (3, 3)
    assert second.behind is not None and third.behind is not None
    assert (second.behind.estimate, third.behind.estimate) == (pytest.approx(-0.05), pytest.approx(-0.7))
    # One difference of 20 has a t of 1: p = 0.33, the larger of two, so Holm leaves it as it is.
    assert second.p == pytest.approx(0.3299, abs=1e-4)
    assert third.p < 1e-4


def test_the_table() -> None:
    text = as_text(ranking_table([FIRST, SECOND, THIRD, LIMIT]))
    lines = [line.split() for line in text.splitlines()]
    assert ["1", "first", "product", "90.0", "[75.6,", "100.0]", "first"] in lines
    assert any(
        line[:4] == ["3", "third", "product", "20.0"] and line[-2:] == ["below", "zero"] for line in lines
    )
    assert any(line[:4] == ["1", "to", "2", "second"] and line[-1] == "inconclusive" for line in lines)
    assert any(line[:4] == ["any", "right", "solution", "95.0"] for line in lines)


def test_only_what_is_comparable_is_ranked() -> None:
    for other in (replace(SECOND, sha256="22"), replace(SECOND, metrics=2), replace(SECOND, pool="another")):
        with pytest.raises(ValueError, match="allowed: one pool, content and version"):
            rank([FIRST, other], 4)


def test_a_file_of_results(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_entries(path, [SECOND, FIRST])
    assert read_entries(path) == [FIRST, SECOND]
    better = replace(SECOND, best_of_n={"4": [1.0] * 20})
    assert join_entries([FIRST, SECOND], [better]) == [FIRST, better]

    for broken in ("{}", "[]", "no", json.dumps({"entries": [{"pool": "toy"}]})):
        path.write_text(broken)
        with pytest.raises(ValueError, match="found no results of a benchmark"):
            read_entries(path)
    write_entries(path, [replace(FIRST, best_of_n={"1": [0.5], "2": [0.5, 1.0]})])
    with pytest.raises(ValueError, match="entry 0: best_of_n: found different numbers of problems"):
        read_entries(path)


def test_the_page_is_that_of_the_results() -> None:
    assert PAGE.read_text(encoding="utf-8") == benchmark_page(), "run: python -m results.benchmark_page"
    for one in read_entries(RESULTS):
        assert one.best_of_n["1"] and one.sha256
