"""The page of the back-tests of scaling curves."""

from results.scaling_page import PAGE, scaling_page


def test_the_committed_page_is_that_of_the_committed_records() -> None:
    page = scaling_page()
    assert PAGE.read_text(encoding="utf-8") == page, "run: python -m results.scaling_page"
    assert "| supervision-small | PRM-derived outcome, uniform | 100, 300, 800, 2,400 | 6,400 |" in page
