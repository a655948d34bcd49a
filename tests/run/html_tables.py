"""Tables as notebooks and pages show them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class Table(HTMLParser):
    """A table's caption and its rows of words, heads among them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.caption, self._in = "", ""
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag in ("td", "th", "caption"):
            self._in = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._in:
            self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "caption":
            self.caption += data
        elif self._in:
            self.rows[-1][-1] += data.strip()

    @property
    def heads(self) -> list[str]:
        """The first row that has cells."""
        return next((row for row in self.rows if row), [])
