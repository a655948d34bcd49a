"""The finished demo's book, its pages, and how a browser opens one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("BONEAGE_DEMO_RUN", ROOT / "runs" / "demo")) / "html"


def pages_of(html: Path) -> list[str]:
    """Pages of a book that somebody reads, by their paths in it."""
    return sorted(
        str(page.relative_to(html))
        for page in html.rglob("*.html")
        if "_static" not in page.parts and page.name != "genindex.html"
        if page != html / "index.html"  # it only leads to the first page
    )


PAGES = pages_of(HTML)

needs_book = pytest.mark.skipif(not PAGES, reason="no book; `make report` builds it")


def show(page: Page, path: str) -> None:
    """Open a page of the book and wait until it is laid out."""
    page.goto(f"{HTML.as_uri()}/{path}", wait_until="load")
    page.evaluate("document.fonts.ready.then(() => true)")
    if page.locator(".math").count():
        page.wait_for_selector("mjx-container", state="attached", timeout=20_000)
