"""Files that are there whole or not at all, even where equal jobs write them at once."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What a killed process leaves is named so.
LEFT = ".*.partial"


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A place to write, which becomes ``path`` when the block ends; it stays when the block raises.

    It is named after this machine and process: two jobs that make the same file, also on machines
    that share a disk, never write to the same place, and the later one replaces an equal file.
    """
    partial = path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}.partial")
    yield partial
    partial.replace(path)


def remove_left(folder: Path) -> None:
    """Remove what killed processes left below ``folder``, where none is at work."""
    for partial in folder.rglob(LEFT):
        partial.unlink(missing_ok=True)
