"""Under every figure and table of the book: what made it, and the thing itself as a file."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode


@dataclass(frozen=True)
class Shown:
    """A figure or table of a notebook.

    Attributes:
        cell: number of its code cell, from 1.
        kind: figure or table.
        caption: as the book has it; empty where there is none.
        picture: SHA-256 of a figure's PNG, by which the book names it; empty for tables.
    """

    cell: int
    kind: str
    caption: str
    picture: str = ""


def shown_by(cell: NotebookNode, number: int) -> Shown | None:
    """The figure or table that a code cell shows, if it shows one."""
    figure = cell.metadata.get("mystnb", {}).get("figure")
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if figure and "image/png" in data:
            # MyST-NB names the picture's file by this digest.
            picture = hashlib.sha256(base64.b64decode(data["image/png"])).hexdigest()
            return Shown(number, "figure", figure["caption"], picture)
        if "<table" in (table := "".join(data.get("text/html", ""))):
            caption = re.search(r"<caption[^>]*>(.*?)</caption>", table, re.S)
            return Shown(number, "table", html.unescape(caption[1]) if caption else "")
    return None


def all_shown(notebook: NotebookNode) -> Iterator[Shown]:
    """Figures and tables of an executed notebook, in order."""
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    for number, cell in enumerate(code, start=1):
        if found := shown_by(cell, number):
            yield found


def anchor(notebook: str, cell: int | None = None) -> str:
    """Where the provenance page tells of a notebook, or of one of its cells."""
    own = f"made-{notebook.replace('_', '-')}"
    return own if cell is None else f"{own}-{cell}"


def settings_digest(parameters: dict[str, Any]) -> str:
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
    words = html.escape(
        " · ".join(
            [
                f"notebook {name[:2]}, cell {found.cell}",
                f"settings {settings_digest(made['parameters'])}",
                f"data {data[:6]}",
                f"commit {made['commit'][:7]}",
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
