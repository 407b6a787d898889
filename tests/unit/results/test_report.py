"""The report as a file: whole, escaped, and refused where the comparison would be wrong."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from results.records import Record, write_records
from results.report import browser_data, embed_json, write_report


def report(records: Path, examples: Path | None, folder: Path, **more: Any) -> str:
    given: dict[str, Any] = {"title": "A <title>", "config": {"text": "</pre><b>"}, "notes": ["<i>note</i>"]}
    return write_report(records, examples, folder / "deep" / "report.html", **(given | more)).read_text(
        encoding="utf-8"
    )


def test_the_report_is_one_file_that_fetches_nothing(
    made_records: Path, made_examples: Path, tmp_path: Path
) -> None:
    figure = tmp_path / "best_of_n_by_scale.svg"
    figure.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    page = report(made_records, made_examples, tmp_path, figures=[figure])
    assert (
        re.findall(r"(?:src|href)=\"(?!data:|#)[^\"]*", page) == []
        and "url(" not in page
        and "@import" not in page
    )
    assert base64.b64encode(figure.read_bytes()).decode() in page and "Best-of-N against data scale" in page
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["report.html"]
    assert "experiment supervision · scale quick · dataset world_a · 60 test problems · 3 seeds" in page
    assert "<code>0123abc</code>" in page


@pytest.fixture(scope="module")
def page(made_records: Path, made_examples: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return report(made_records, made_examples, tmp_path_factory.mktemp("page"))


def test_the_policy_allows_the_one_script(page: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1 and f"script-src 'sha256-{digest}'" in page


def test_text_is_escaped(page: str, made_examples: Path) -> None:
    assert "A &lt;title&gt;" in page and "&lt;i&gt;note&lt;/i&gt;" in page and "&lt;/pre&gt;&lt;b&gt;" in page
    assert (
        "<title></title>" not in page and "<i>note" not in page and "window.hacked = 1</script>" not in page
    )
    embedded = re.search(r'<script type="application/json" id="examples">(.*?)</script>', page, re.DOTALL)
    assert embedded is not None and "<" not in embedded[1]
    assert json.loads(embedded[1]) == browser_data(json.loads(made_examples.read_text()))


def test_embedded_json_is_the_same_data() -> None:
    data = {"a": "</script><!-- \u2028 & ü", "b": [1, None, -0.5]}
    assert (
        json.loads(embed_json(data)) == data
        and "<" not in embed_json(data)
        and "\u2028" not in embed_json(data)
    )


def test_without_examples_there_is_no_browser(made_records: Path, tmp_path: Path) -> None:
    page = report(made_records, None, tmp_path, notes=[])
    assert (
        'id="browser"' not in page and "Test problems</h2>" not in page and "Notes and deviations" not in page
    )
    assert "All arms" in page and "Differences in best-of-64" in page


def test_the_same_records_make_the_same_report(
    page: str, made_records: Path, made_examples: Path, tmp_path: Path
) -> None:
    assert report(made_records, made_examples, tmp_path) == page


def test_unequal_solutions_are_refused(made_rows: list[Record], tmp_path: Path) -> None:
    import dataclasses

    rows = [
        dataclasses.replace(row, solutions_hash="0" * 64) if row.arm == "process" and row.seed == 1 else row
        for row in made_rows
    ]
    write_records(tmp_path / "records.parquet", rows)
    with pytest.raises(ValueError, match="solutions_hash: at acquisition uniform, data_scale 1, seed 1"):
        report(tmp_path / "records.parquet", None, tmp_path)
    assert not (tmp_path / "deep").exists()


def test_a_figure_that_is_not_svg_is_refused(made_records: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"figures: found figure\.png, allowed \.svg files"):
        report(made_records, None, tmp_path, figures=["figure.png"])


def test_a_run_without_best_of_n_is_still_reported(made_rows: list[Record], tmp_path: Path) -> None:
    write_records(tmp_path / "records.parquet", [row for row in made_rows if row.metric == "step_auroc"])
    page = report(tmp_path / "records.parquet", None, tmp_path)
    assert "The records hold no best-of-N." in page and "All arms" in page and "Differences in" not in page
