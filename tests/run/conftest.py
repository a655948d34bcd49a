"""The finished demo run whose results these tests read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from browsing import ROOT
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Page as BrowserPage

from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import Run


@pytest.fixture(scope="session")
def run() -> Run:
    """The demo run; skips when there is none, and fails where CI says that there must be one."""
    found = Run(ROOT / "runs" / "demo")
    missing = [
        path.name
        for path in (found.html / "index.html", found.results / "claims.json")
        if not path.is_file()
    ]
    if missing:
        reason = f"runs/demo is not finished (no {missing[0]}); run: boneage run demo"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def settings(run: Run) -> dict[str, Any]:
    """The run's ``parameters.yaml``."""
    found: dict[str, Any] = yaml.safe_load(run.parameters_file.read_text())
    return found


@pytest.fixture(scope="session")
def metrics(run: Run) -> dict[str, Any]:
    """The run's ``metrics.json``."""
    found: dict[str, Any] = json.loads((run.results / "metrics.json").read_text())
    return found


@pytest.fixture(scope="session")
def notebooks(run: Run) -> dict[str, nbformat.NotebookNode]:
    """The run's executed notebooks by name."""
    return {
        name: nbformat.read(run.notebooks / f"{name}.ipynb", as_version=4) for name in NOTEBOOKS
    }


class Page(HTMLParser):
    """What an HTML page says and what it loads.

    Attributes:
        loaded: addresses of scripts, pictures, style sheets, frames and the like.
        styles: text of its style elements and attributes.
        refresh: where it sends its reader by itself, or empty.
        words: its text, scripts and styles left out.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.loaded: list[str] = []
        self.styles: list[str] = []
        self.refresh = ""
        self._inside: list[str] = []
        self._text: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        for name in ("src", "srcset", "poster", "data"):
            if name in found and tag != "param":
                self.loaded.append(found[name])
        relation = found.get("rel", "").lower().split()
        fetched = {"stylesheet", "preload", "modulepreload", "icon", "preconnect", "prefetch"}
        if tag == "link" and fetched & set(relation):
            self.loaded.append(found.get("href", ""))
        if tag == "meta" and found.get("http-equiv", "").lower() == "refresh":
            self.refresh = found["content"].partition("url=")[2]
        if "style" in found:
            self.styles.append(found["style"])
        if tag in ("script", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self._text.append(data)
        elif self._inside[-1] == "style":
            self.styles.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self._text).split())


@pytest.fixture(scope="session")
def pages(run: Run) -> list[Page]:
    """Every HTML page of the run's book."""
    # The theme leaves a template among its static files; nobody is led there.
    found = [path for path in sorted(run.html.rglob("*.html")) if "_static" not in path.parts]
    return [Page(path) for path in found]


@pytest.fixture(scope="session")
def first_page(run: Run) -> Page:
    """The page a reader comes to, after what ``index.html`` may lead to."""
    page = Page(run.html / "index.html")
    if page.refresh:
        page = Page(page.path.parent / page.refresh)
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "Found no chromium; on Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[BrowserPage]:
    found = browser.new_page(viewport={"width": 1280, "height": 900})
    yield found
    found.close()
