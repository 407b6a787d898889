"""The pages: what they link to exists, all are listed, and the front page stays short."""

import pydoc
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from paths import ROOT

from ablations.commands.reference_pages import (
    ADVISE,
    advise_page,
    commands_page,
    draw_example,
    settings_page,
)
from ablations.commands.reference_pages import PAGES as PAGES_OF_CODE

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub and the site make them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        found = page if not target else (page.parent / target).resolve()
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{target}#{anchor}"


NAME = re.compile(r"`((?:ablations|lightning_modules|results|sweeps)(?:\.\w+)+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_of_the_code_exist(page: Path) -> None:
    for name in NAME.findall(page.read_text(encoding="utf-8")):
        assert pydoc.locate(name) is not None, name


def test_every_page_is_in_the_index_and_on_the_site() -> None:
    names = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"index.md"}
    listed = {target for target, _ in LINK.findall((DOCS / "index.md").read_text(encoding="utf-8"))}
    site = set(re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8")))
    assert listed == names == site - {"index.md"}


def test_the_front_page_is_short() -> None:
    assert (ROOT / "README.md").stat().st_size <= 12_000


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its help in another way")
def test_the_page_on_commands_is_that_of_the_code() -> None:
    page = (PAGES_OF_CODE / "commands.md").read_text(encoding="utf-8")
    assert page == commands_page(), "run: python -m ablations.commands.reference_pages"


def test_the_page_on_settings_is_that_of_the_code() -> None:
    page = (PAGES_OF_CODE / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "run: python -m ablations.commands.reference_pages"


def test_the_outputs_on_the_page_on_advice_are_those_of_its_commands() -> None:
    page = ADVISE.read_text(encoding="utf-8")
    assert page.count("<!-- output -->") == 2 and "expected best-of-64" in page
    assert page == advise_page(page), "run: python -m ablations.commands.reference_pages"
    assert advise_page(page.replace("expected best-of-64", "guessed")) == page


def test_the_figure_on_the_page_on_advice_is_that_of_its_command(tmp_path: Path) -> None:
    draw_example(tmp_path / "drawn.png")
    shown, drawn = imread(ADVISE.with_suffix(".png")), imread(tmp_path / "drawn.png")
    assert shown.shape == drawn.shape and np.abs(shown - drawn).mean() < 0.01  # fonts may differ a little
