"""Under every figure and table of the book: what made it, and the thing itself as a file.

Not all that a run's notebooks show is the run's own: a cell's metadata ``of`` names another source,
a notebook's parameter ``study`` one for all of its cells, and where it depends on the run, a table
or a figure says so itself (see `boneage_lib.report.tables.show` and `boneage_lib.report.theme`).
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from boneage_lib.report.sources import Source, source


@dataclass(frozen=True)
class Shown:
    """A figure or table of a notebook.

    Attributes:
        cell: number of its code cell, from 1.
        kind: figure or table.
        caption: as the book has it; empty where there is none.
        picture: SHA-256 of a figure's PNG, by which the book names it; empty for tables.
        of: name of its `boneage_lib.report.sources.Source`; empty for the run itself.
    """

    cell: int
    kind: str
    caption: str
    picture: str = ""
    of: str = ""


def shown_by(cell: NotebookNode, number: int) -> Shown | None:
    """The figure or table that a code cell shows, if it shows one."""
    figure, of = cell.metadata.get("mystnb", {}).get("figure"), cell.metadata.get("of", "")
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if figure and "image/png" in data:
            # MyST-NB names the picture's file by this digest.
            picture = hashlib.sha256(base64.b64decode(data["image/png"])).hexdigest()
            own = output.get("metadata", {}).get("image/png", {}).get("of", of)
            return Shown(number, "figure", figure["caption"], picture, own)
        if "<table" in (table := "".join(data.get("text/html", ""))):
            caption = re.search(r"<caption[^>]*>(.*?)</caption>", table, re.S)
            other = re.search(r'<table[^>]* data-of="([^"]*)"', table)
            return Shown(
                number,
                "table",
                html.unescape(caption[1]) if caption else "",
                of=html.unescape(other[1]) if other else of,
            )
    return None


def all_shown(notebook: NotebookNode) -> Iterator[Shown]:
    """Figures and tables of an executed notebook, in order."""
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    for number, cell in enumerate(code, start=1):
        if found := shown_by(cell, number):
            yield found


def number_tables(notebook: NotebookNode, first: int) -> int:
    """Begin the captions of a notebook's tables with their numbers, as those of figures do.

    Args:
        notebook: executed; it is changed.
        first: number of its first table.

    Returns:
        The number of the next table, of another notebook.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            table = "".join(output.get("data", {}).get("text/html", ""))
            if "<table" in table and "<caption" in table:
                words = f'<span class="caption-number">Table {first} </span>'
                output["data"]["text/html"] = re.sub(
                    "(<caption[^>]*>)", rf"\1{words}", table, count=1
                )
                first += 1
    return first


def source_of(found: Shown, made: Mapping[str, Any]) -> Source | None:
    """What a figure or table shows that its run did not measure; None where it did.

    Args:
        found: the figure or table.
        made: the record of its notebook, see `boneage_lib.report.made`.
    """
    name = found.of or made["parameters"].get("study")
    return source(name) if name else None


def anchor(notebook: str, cell: int | None = None) -> str:
    """Where the provenance page tells of a notebook, or of one of its cells."""
    own = f"made-{notebook.replace('_', '-')}"
    return own if cell is None else f"{own}-{cell}"


def settings_digest(parameters: Mapping[str, Any]) -> str:
    """Six hexadecimal digits that change with any parameter."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:6]


def stamped(
    notebook: NotebookNode, name: str, made: dict[str, Any], data: str, outputs: Path
) -> NotebookNode:
    """The notebook with a stamp after each cell that shows a figure or a table.

    Args:
        notebook: executed; it is changed.
        name: of the notebook.
        made: see `boneage_lib.report.made`.
        data: checksum of the run's data.
        outputs: folder of this notebook's figures and tables as files.
    """
    cells, number = [], 0
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "code":
            number += 1
            if found := shown_by(cell, number):
                cells.append(
                    nbformat.v4.new_markdown_cell(_stamp(found, name, made, data, outputs))
                )
    notebook.cells = cells
    return notebook


def _stamp(found: Shown, name: str, made: dict[str, Any], data: str, outputs: Path) -> str:
    what, settings, commit = [], made["parameters"], made["commit"]
    if other := source_of(found, made):
        # Label counts have neither settings nor commit of their own: what read them stands here.
        what, data = [other.title], other.data
        settings, commit = other.profile or settings, other.record.get("commit", commit)
    words = html.escape(
        " · ".join(
            [
                f"notebook {name[:2]}, cell {found.cell}",
                *what,
                f"settings {settings_digest(settings)}",
                f"data {data[:6]}",
                f"commit {commit[:7]}",
            ]
        )
    )
    links = [f'<a href="../book/provenance.html#{anchor(name, found.cell)}">{words}</a>']
    links += [
        f'<a href="../outputs/{name}/{file.name}" download>{file.suffix[1:].upper()}</a>'
        for file in (outputs / f"{found.cell}.svg", outputs / f"{found.cell}.csv")
        if file.is_file()
    ]
    if found.picture:
        links.append(f'<a href="../_images/{found.picture}.png" download>PNG</a>')
    return f'<p class="stamp">{" · ".join(links)}</p>'
