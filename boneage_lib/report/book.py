"""The HTML book of a run: its executed notebooks between the prose pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from boneage_lib.data.whole_files import FULL, disk_full, explained
from boneage_lib.errors import InputError
from boneage_lib.report.explorer import write_explorer
from boneage_lib.report.front_page import write_front_page
from boneage_lib.report.made import read_made
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.provenance_page import provenance_page
from boneage_lib.report.run import Run, project_root
from boneage_lib.report.stamps import number_tables, stamped

#: Copied as they are beside the notebooks.
PARTS = ("_config.yml", "_toc.yml", "book", "results")


def _folded(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Code folded away under a button, outputs shown; parameters stay in sight."""
    for cell in notebook.cells:
        tags = cell.metadata.setdefault("tags", [])
        if cell.cell_type == "code" and not {"parameters", "injected-parameters"} & set(tags):
            tags.append("hide-input")
    return notebook


def build_book(run: Run) -> Path:
    """Render a run's book into ``html/``; the old one stays until the new one is whole.

    Returns:
        The path of its first page.

    Raises:
        InputError: jupyter-book failed, and its last lines say why; the disk is full.
    """
    with explained(run.html):
        pages = _pages(run)
        jupyter_book(pages, run.folder / "book.log")
        html = pages / "_build" / "html"
        for source_map in html.rglob("*.map"):  # megabytes for those who debug the theme
            source_map.unlink()
        old = run.folder / ".html.old"
        shutil.rmtree(old, ignore_errors=True)
        if run.html.exists():
            run.html.rename(old)
        html.rename(run.html)
        shutil.rmtree(old, ignore_errors=True)
    return run.html / "index.html"


def _pages(run: Run) -> Path:
    """Put together what the book is rendered from."""
    root, pages = project_root(), run.folder / "book"
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    for part in PARTS:
        source = root / part
        if source.is_dir():
            shutil.copytree(source, pages / part)
        elif source.is_file():
            shutil.copy2(source, pages / part)
    (pages / "notebooks").mkdir()
    data = json.loads((run.cohort_folder / "cohort.json").read_text())["checksum"]
    table = 1
    for name in NOTEBOOKS:
        path = run.notebooks / f"{name}.ipynb"
        notebook, outputs = _folded(nbformat.read(path, as_version=4)), run.outputs / name
        if made := read_made(path):
            notebook = stamped(notebook, name, made, data, outputs)
        table = number_tables(notebook, table)
        nbformat.write(notebook, pages / "notebooks" / f"{name}.ipynb")
    if run.outputs.is_dir():
        shutil.copytree(
            run.outputs,
            pages / "book" / "static" / "outputs",
            ignore=shutil.ignore_patterns(".*"),  # of a notebook that was killed
        )
    write_explorer(run, pages / "book" / "static" / "explorer")
    write_front_page(run, pages / "book")
    (pages / "book" / "provenance.md").write_text(provenance_page(run))
    return pages


def jupyter_book(pages: Path, log: Path, *more: str | Path) -> None:
    """Build a book; every warning is an error.

    Args:
        pages: folder with _config.yml and _toc.yml.
        log: file for all of its output.
        more: further arguments of ``jupyter-book build``.

    Raises:
        InputError: it failed, and its last lines say why; the disk is full.
    """
    built = subprocess.run(
        [
            sys.executable,
            "-c",  # jupyter-book 1 cannot be started with -m
            "from jupyter_book.cli.main import main; main()",
            "build",
            str(pages),
            "-W",
            "-n",
            "--keep-going",
            "-q",
            *map(str, more),
        ],
        capture_output=True,
        text=True,
        # Jupyter-book's bibliography and theme print what they do; only failures matter here.
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    log.write_text(built.stdout + built.stderr)
    if built.returncode:
        if any(f"[Errno {code}]" in built.stderr for code in FULL):
            raise InputError(disk_full(pages))
        tail = "\n".join(line for line in built.stderr.splitlines() if line.strip())[-3000:]
        raise InputError(f"The book could not be built; all of the output is in {log}.\n{tail}")
