"""The page of the run on real solutions."""

from results.real_solutions_page import PAGE, RUN, real_solutions_page
from results.records import read_records


def test_the_committed_page_is_that_of_the_committed_records() -> None:
    page = real_solutions_page(read_records(RUN / "records.parquet"))
    assert PAGE.read_text(encoding="utf-8") == page, "run: python -m results.real_solutions_page"
    assert "| final-answer outcome | 32 |" in page
