"""The whole book of a run as one PDF: its pages in one, printed by Chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from boneage_lib.errors import InputError
from boneage_lib.report.book import jupyter_book
from boneage_lib.report.run import Run

#: Names under which systems know it.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Seconds that formulas and pictures may take before the page is printed.
PATIENCE = 120


def write_pdf(run: Run, out: Path) -> Path:
    """Print a run's book.

    Args:
        run: whose book was built.
        out: the file; it appears when it is whole.

    Raises:
        InputError: no book, no Chromium, or one of the two steps failed.
    """
    pages = run.folder / "book"
    if not (pages / "_toc.yml").is_file():
        raise InputError(f"Found no book in {run.folder}; `boneage run` builds it.")
    chromium = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if chromium is None:
        raise InputError(
            f"Found none of {', '.join(CHROMIUM)}; expected one to print with. On Debian: "
            "apt-get install chromium."
        )
    with tempfile.TemporaryDirectory(dir=run.folder) as scratch:
        folder = Path(scratch)
        jupyter_book(
            pages, run.folder / "pdf.log", "--builder", "singlehtml", "--path-output", folder
        )
        built = folder / "_build" / "singlehtml"
        # Its addresses count from the book's root, wherever the first page lies.
        whole = (built / "book" / "index.html").rename(built / "whole.html")
        printed = folder / "book.pdf"
        command = [
            chromium,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--allow-file-access-from-files",
            "--no-pdf-header-footer",
            f"--virtual-time-budget={PATIENCE * 1000}",
            f"--print-to-pdf={printed}",
            whole.as_uri(),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if not printed.is_file():
            raise InputError(f"Chromium printed nothing:\n{ended.stderr.strip()[-2000:]}")
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(printed, out)
    return out
