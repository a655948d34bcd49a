"""The book for everybody: axe looks at every page, in the light and in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import PAGES, needs_book, show
from playwright.sync_api import Browser, Page

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
#: What axe looks for: a page in the dark differs in nothing but its colors.
RULES: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"runOnly": ["color-contrast", "link-in-text-block"]},
}

pytestmark = needs_book


@pytest.fixture(scope="module", params=list(RULES))
def themed(request: pytest.FixtureRequest, browser: Browser) -> Iterator[tuple[Page, str]]:
    """A page that is light or dark, and which it is; one for all, as each costs a process."""
    page, theme = browser.new_page(viewport={"width": 1280, "height": 900}), request.param
    page.add_init_script(
        f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')"
    )
    yield page, theme
    page.close()


@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_read_it(themed: tuple[Page, str], path: str) -> None:
    page, theme = themed
    show(page, path)
    assert page.get_attribute("html", "data-theme") == theme
    page.evaluate(AXE)
    options = {"resultTypes": ["violations"], **RULES[theme]}
    found = page.evaluate("options => axe.run(document, options)", options)
    serious = [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"][:3]
    ]
    assert serious == []


def test_a_dark_page_shows_the_hand_below_what_a_network_saw(page: Page) -> None:
    page.add_init_script(
        "localStorage.setItem('theme', 'dark'); localStorage.setItem('mode', 'dark')"
    )
    show(page, "book/explore.html")
    assert page.get_attribute("html", "data-theme") == "dark"
    looks = page.eval_on_selector_all(
        "#explorer .picture img",
        "all => all.map(getComputedStyle).map(s => [s.backgroundColor, s.filter])",
    )
    assert looks and all(look == ["rgba(0, 0, 0, 0)", "none"] for look in looks), looks
