"""The report as a reader uses it, in headless Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from results.figures.gallery import FIGURES, draw_all
from results.report import write_report
from results.stats.summaries import summarize

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM.exists() and DRIVER.exists()), reason="no Chromium and its driver here"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(CHROMIUM)
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def report(
    made_records: Path,
    made_examples: Path,
    made_frame: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("report")
    figures = [path for path in draw_all(summarize(made_frame), folder, FIGURES) if path.suffix == ".svg"]
    return write_report(
        made_records,
        made_examples,
        folder / "report.html",
        "Process <against> outcome",
        {"experiment": "supervision"},
        ["A note with <i>markup</i>."],
        figures,
    )


def resize(driver: Any, width: int, dark: bool = False) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]},
    )


@pytest.fixture
def page(browser: Any, report: Path) -> Any:
    resize(browser, 1200)
    browser.get(report.as_uri())
    return browser


def choose(driver: Any, name: str, value: str) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    Select(driver.find_element(By.ID, name)).select_by_value(value)


def texts(driver: Any, selector: str) -> list[str]:
    return driver.execute_script(
        "return Array.from(document.querySelectorAll(arguments[0]), e => e.textContent)", selector
    )


def complaints(driver: Any) -> list[dict[str, Any]]:
    return [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def column(driver: Any, table: str, index: int) -> list[str]:
    return driver.execute_script(
        "return Array.from(document.querySelectorAll(`#table-${arguments[0]} tbody tr`), r => "
        "r.cells[arguments[1]].dataset.value)",
        table,
        index,
    )


def test_a_column_sorts_by_number_with_missing_ones_last(page: Any) -> None:
    head = "document.querySelectorAll('#table-results th')[1]"
    press = f"{head}.querySelector('button').click(); return {head}.getAttribute('aria-sort')"
    assert page.execute_script(press) == "descending"
    # three arms at each of 64, 16, 4, 1, then the four references, which have no data scale
    falling = [*["64"] * 3, *["16"] * 3, *["4"] * 3, *["1"] * 3]
    assert column(page, "results", 1) == [*falling, *[""] * 4]
    assert page.execute_script(press) == "ascending"
    assert column(page, "results", 1) == [*falling[::-1], *[""] * 4]
    assert (
        page.execute_script(
            "return document.querySelectorAll('#table-results th:not([aria-sort=none])').length"
        )
        == 1
    )


def test_a_column_sorts_as_text_from_the_keyboard(page: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    button = page.find_element(By.CSS_SELECTOR, "#table-results th button")
    button.send_keys(Keys.ENTER)
    names = column(page, "results", 0)
    assert names == sorted(names, key=str.lower) and names[0] == "final-answer outcome"


def test_picking_a_problem_shows_what_each_arm_chose(page: Any) -> None:
    assert texts(page, "#pick option") == ["p0  ✓✓✗", "p1  ✓✓✗", "p2  ✓✓✓", "p3  ✗✗✗"]
    # problem p0: process and PRM-derived choose solution 0 (right), final-answer chooses solution 1 (wrong)
    cards = texts(page, ".solution.chosen header")
    assert (
        len(cards) == 2
        and "Solution 0" in cards[0]
        and "✓ right: 59" in cards[0]
        and "✗ wrong: 41" in cards[1]
    )
    badges = (
        "return Array.from(document.querySelectorAll('.solution.chosen'),"
        " c => Array.from(c.querySelectorAll('.badge'), b => b.dataset.arm))"
    )
    assert page.execute_script(badges) == [["process", "prm_outcome"], ["final_answer"]]
    choose(page, "pick", "3")
    assert page.execute_script(badges) == [["prm_outcome", "final_answer"], ["process"]]
    assert "Start at 43" in texts(page, "#problem p")[0]


def test_filters(page: Any) -> None:
    # wrong choices: p0 one arm, p1 one arm (final_answer), p2 none, p3 all three
    for name, left in (
        ("any", ["p0", "p1", "p3"]),
        ("every", ["p3"]),
        ("disagree", ["p0", "p1"]),
        ("all", ["p0", "p1", "p2", "p3"]),
    ):
        choose(page, "filter", name)
        assert [text.split()[0] for text in texts(page, "#pick option")] == left


def test_steps_are_colored_by_arm_and_by_oracle(page: Any) -> None:
    def colors() -> list[str]:
        return page.execute_script(
            "return Array.from(document.querySelectorAll('.solution')[1].querySelectorAll('.step'),"
            " s => getComputedStyle(s).backgroundColor)"
        )

    # solution 1: the oracle says right, neutral, wrong, wrong; scores are near 0.95 and near 0.15
    by_arm = colors()
    assert len(set(by_arm)) > 2
    choose(page, "color", "oracle")
    assert texts(page, ".solution:nth-child(2) .score") == ["right", "neutral", "wrong", "wrong"]
    right, neutral, wrong, again = colors()
    assert wrong == again and len({right, neutral, wrong}) == 3
    assert by_arm != [right, neutral, wrong, again]


def test_previous_next_and_show_all(page: Any) -> None:
    from selenium.webdriver.common.by import By

    assert not page.find_element(By.ID, "previous").is_enabled()
    page.find_element(By.ID, "next").click()
    assert page.find_element(By.ID, "pick").get_attribute("value") == "1"
    assert len(texts(page, ".solution")) == 12
    page.find_element(By.ID, "more").click()
    assert len(texts(page, ".solution")) == 14 and not page.find_element(By.ID, "more").is_displayed()
    assert "✗ never finished" in " ".join(texts(page, ".solution header"))


def test_order_by_an_arms_score_falls(page: Any) -> None:
    choose(page, "order", "process")
    scores = [float(text) for text in texts(page, ".solution .scores span:first-child b")]
    assert scores == sorted(scores, reverse=True) and scores[0] > scores[-1]


def test_markup_in_data_is_text(page: Any) -> None:
    choose(page, "pick", "1")
    step = texts(page, ".solution .step .text")[0]
    assert step == "<script>window.hacked = 1</script><img src=x onerror='window.hacked=1'>"
    assert page.execute_script(
        "return window.hacked === undefined && document.querySelectorAll('#solutions img, #solutions "
        "script').length === 0"
    )
    assert texts(page, "h1") == ["Process <against> outcome"]
    assert texts(page, ".notes li")[0] == "A note with <i>markup</i>."


def test_no_console_errors_and_nothing_fetched(page: Any) -> None:
    from selenium.webdriver.common.by import By

    page.find_element(By.ID, "next").click()
    assert complaints(page) == []
    loaded = page.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))"
    )
    assert loaded == []
    assert (
        page.execute_script(
            "return Array.from(document.images).every(i => i.complete && i.naturalWidth > 100) && "
            "document.images.length"
        )
        == 4
    )


@pytest.mark.parametrize("width", [400, 1200])
def test_nothing_sticks_out(page: Any, width: int) -> None:
    resize(page, width)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    outside = page.execute_script(
        "const inside = e => e.closest('.scroll, .pan, details, .skip');"
        "return Array.from(document.querySelectorAll('main *, header *')).filter(e => !inside(e) &&"
        " e.getBoundingClientRect().right > arguments[0] + 1).map(e => e.className || e.tagName)",
        width,
    )
    assert outside == []


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_legible(page: Any, dark: bool) -> None:
    """Contrast of body text against paper is 7 or more (WCAG AAA), of marks against the card 3 or more."""
    resize(page, 1200, dark)
    luminance = """
      const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
      const light = color => { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = Array.from(canvas.getImageData(0, 0, 1, 1).data).slice(0, 3).map(v => { v /= 255;
          return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const of = (selector, name) => light(getComputedStyle(document.querySelector(selector))[name]);
      const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return [contrast(of('body', 'color'), of('body', 'backgroundColor')),
              contrast(of('.mark.right', 'color'), of('.solution', 'backgroundColor')),
              contrast(of('.mark.wrong', 'color'), of('.solution', 'backgroundColor'))]"""
    body, right, wrong = page.execute_script(luminance)
    assert body >= 7 and right >= 3 and wrong >= 3
