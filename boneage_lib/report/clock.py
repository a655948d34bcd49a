"""A clock that goes backwards leaves files from the future, by which no order can be told."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from boneage_lib.report.run import Run, project_root


def inputs_of(run: Run) -> Iterator[Path]:
    """Files whose times decide what a run does again: of the project, and what its steps made."""
    root = project_root()
    for folder in (root / "notebooks", root / "boneage_lib", root / "book", root / "results"):
        yield from folder.rglob("*.*")
    yield from (root / name for name in ("_config.yml", "_toc.yml"))
    for made in (run.done, run.jobs):
        yield from made.rglob("*.*")


def no_later_than_now(files: Iterable[Path]) -> None:
    """Give files from the future the present time.

    Snakemake refuses what is older than its input, and would do so until the clock has caught up.
    """
    now = time.time()
    for file in files:
        with suppress(OSError):  # gone meanwhile, or somebody else's
            if file.stat().st_mtime > now:
                os.utime(file, (now, now))
