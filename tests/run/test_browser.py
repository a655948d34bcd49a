"""The book in a real browser: Chromium opens every page as a reader would."""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import HTML, PAGES, ROOT, needs_book, pages_of, show
from playwright.sync_api import Browser, Page, Request

from boneage_lib.report.book import jupyter_book
from boneage_lib.report.pdf import write_pdf
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import Run

#: A phone's width, pixels.
PHONE = 390

pytestmark = needs_book


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The book's address on a local server."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


class Watched:
    """A page, and what went wrong on it."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.wrong: list[str] = []
        self.address = address
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("requestfailed", lambda r: self.wrong.append(f"failed: {r.url}"))
        self.page.on("request", self._request)
        self.page.on(
            "response",
            lambda r: self.wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None,
        )

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.wrong.append(f"left the book: {request.url}")

    def open(self, path: str) -> Page:
        self.page.goto("about:blank")  # nothing of the page before is told of this one
        self.wrong.clear()
        self.page.goto(f"{self.address}/{path}", wait_until="load")
        self.page.wait_for_load_state("networkidle")  # scripts may ask for more after it
        return self.page


@pytest.fixture(scope="module", params=["file", "http"])
def watched(request: pytest.FixtureRequest, browser: Browser, server: str) -> Iterator[Watched]:
    found = Watched(browser, HTML.as_uri() if request.param == "file" else server)
    yield found
    found.page.close()


@pytest.mark.parametrize("path", PAGES)
def test_nothing_goes_wrong_and_nothing_leaves_the_machine(watched: Watched, path: str) -> None:
    page = watched.open(path)
    assert watched.wrong == []
    undescribed = page.eval_on_selector_all(
        "img:not([role=presentation])",
        "all => all.map(i => [i.src.split('/').at(-1), i.alt])"
        ".filter(([, alt]) => alt.length < 30)",
    )
    assert undescribed == [], "pictures that do not say what they show"


def test_the_checkout_alone_makes_a_book(browser: Browser, tmp_path: Path) -> None:
    """`jupyter-book build .` without any run, from the notebooks as they are kept."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    kept = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    checkout = tmp_path / "checkout"
    for name in filter(None, kept.split("\0")):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    jupyter_book(checkout, tmp_path / "book.log")
    html = checkout / "_build" / "html"
    pages = pages_of(html)
    assert {f"notebooks/{name}.html" for name in NOTEBOOKS} <= set(pages)
    assert "<table" in (html / "notebooks" / f"{NOTEBOOKS[0]}.html").read_text(), "no outputs"
    watched = Watched(browser, html.as_uri())
    for path in pages:
        watched.open(path)
        assert watched.wrong == [], path
    watched.page.close()


@pytest.fixture(scope="module")
def phone(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": PHONE, "height": 844})
    yield page
    page.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_needs_no_sideways_scroll_and_squeezes_no_figure(phone: Page, path: str) -> None:
    show(phone, path)
    width = phone.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE, phone.evaluate(
        "limit => [...document.querySelectorAll('main *')]"
        ".filter(e => e.getBoundingClientRect().right > limit + 1)"
        ".slice(0, 5).map(e => e.outerHTML.slice(0, 120))",
        PHONE,
    )
    squeezed = phone.eval_on_selector_all(
        "main img",
        """async all => {
          for (const i of all) { i.loading = "eager"; await i.decode().catch(() => {}); }
          return all
            .map(i => [i.src.split("/").at(-1), i.width, i.height, i.naturalWidth, i.naturalHeight])
            .filter(([, w, h, ownW, ownH]) => Math.abs((w * ownH) / (h * ownW) - 1) > 0.05);
        }""",
    )
    assert squeezed == []


def test_the_book_opens_with_its_first_page(page: Page) -> None:
    page.goto(f"{HTML.as_uri()}/index.html")
    page.wait_for_url("**/book/index.html")


def test_search_finds_xception(page: Page) -> None:
    page.goto(f"{HTML.as_uri()}/search.html?q=Xception")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    titles = page.locator("#search-results li a").all_inner_texts()
    assert any("Xception" in title for title in titles)


def test_formulas_are_set(page: Page) -> None:
    page.goto(f"{HTML.as_uri()}/book/methods.html")
    page.wait_for_selector("mjx-container svg", timeout=20_000)
    assert page.locator("mjx-container svg").count() > 0


def test_a_point_shows_its_radiograph_and_all_answers(page: Page) -> None:
    page.goto(f"{HTML.as_uri()}/book/explore.html")
    points = page.locator("#explorer circle.hand")
    everyone = points.count()
    assert everyone > 20
    page.locator("#explorer-sex").select_option("1")
    girls = points.count()
    assert 0 < girls < everyone
    page.locator("#explorer-network").select_option("1")
    points.last.click()  # drawn last, so that no other lies on it
    assert page.locator("#explorer tbody tr").count() == 5
    picture = page.locator("#explorer .picture img").first
    assert picture.evaluate(
        "i => i.complete ? i.naturalWidth : i.decode().then(() => i.naturalWidth)"
    )
    assert "Xception errs by" in page.locator("#explorer [role=status]").inner_text()


@pytest.mark.long
def test_the_book_is_printed_with_its_figures(tmp_path: Path) -> None:
    printed = write_pdf(Run(HTML.parent), tmp_path / "book.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    # A picture that is not found leaves its place empty.
    assert printed.count(b"/Subtype /Image") >= len(list((HTML / "_images").glob("*.png")))


def test_stamps_lead_to_what_made_the_cell(page: Page) -> None:
    page.goto(f"{HTML.as_uri()}/notebooks/04_xception.html")
    stamps = page.locator(".stamp a:first-child")
    assert stamps.count() >= 5
    target = stamps.first.get_attribute("href")
    assert target
    page.goto(f"{HTML.as_uri()}/notebooks/{target}")
    anchor = target.partition("#")[2]
    assert page.locator(f"#{anchor}").count() == 1
