"""The page on speed says what the committed measurements say."""

from results.speed_page import PAGE, speed_page


def test_the_page_is_that_of_the_measurements() -> None:
    assert PAGE.read_text(encoding="utf-8") == speed_page(), "run: python -m results.speed_page"
