"""Disks that are small, full or read-only, where the tests may mount them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A disk in memory.

    Args:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ballast = folder / "ballast"

    def fill(self, left: int = 0) -> None:
        """Leave some bytes free and no more."""
        with self.ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self.folder).free - left)

    def empty(self) -> None:
        """Make room again."""
        self.ballast.unlink()

    def forbid_writing(self) -> None:
        """From now on it can only be read."""
        _mount("-o", "remount,ro", str(self.folder))


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[SmallDisk]:
    """A new disk of a size such as ``4m``; skips the test where mounting is not permitted."""
    folder.mkdir()
    if problem := _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)):
        pytest.skip(f"a small disk cannot be mounted here: {problem}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def _mount(*arguments: str) -> str:
    """What ``mount`` complains of; nothing where it worked."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() if done.returncode else ""
