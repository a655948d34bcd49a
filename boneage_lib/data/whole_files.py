"""Files that are there whole or not at all, even where equal jobs write them at once."""

from __future__ import annotations

import errno
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from boneage_lib.errors import InputError

#: What a killed process leaves is named so.
LEFT = ".*.partial"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A place to write, which becomes ``path`` when the block ends; its folder is made if need be.

    It is named after this machine and process: two jobs that make the same file, also on machines
    that share a disk, never write to the same place, and the later one replaces an equal file. A
    write that fails leaves ``path`` as it was; one that is interrupted leaves its part, too, for
    `remove_left`.

    Raises:
        InputError: the disk is full, or may not be written.
    """
    partial = path.with_name(f".{path.name}.{platform.node()}-{os.getpid()}.partial")
    try:
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            partial.replace(path)
    except Exception:
        with suppress(OSError):
            partial.unlink(missing_ok=True)  # others need the room
        raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say in words what the disk of a run's file or folder, or its permissions, refuse.

    Raises:
        InputError: the disk is full, or may not be written.
    """
    try:
        yield
    except OSError as error:
        code = refusal(error)
        if code in FULL:
            raise InputError(disk_full(path)) from error
        if code in FORBIDDEN:
            raise InputError(
                f"{path} cannot be written: {os.strerror(code or 0)}. Get the permission to write "
                "there, or choose another folder."
            ) from error
        raise


def disk_full(path: Path) -> str:
    """What is said when ``path`` did not fit on its disk any more."""
    return (
        f"The disk of {path} is full. Make room and start again: what was finished is kept, and "
        "the rest goes on from there."
    )


def refusal(error: OSError) -> int | None:
    """The system's number of an error, also where another error only quotes it."""
    if error.errno is not None:
        return error.errno
    if isinstance(error, shutil.Error):  # of a whole tree: one line a file, as text
        found = re.search(r"\[Errno (\d+)\]", str(error))
        return int(found[1]) if found else None
    # NumPy tells of an array that was cut off by its length alone.
    return errno.ENOSPC if re.search(r"\d+ requested and \d+ written", str(error)) else None


def remove_left(folder: Path) -> None:
    """Remove what killed processes left below ``folder``, where none is at work."""
    for partial in folder.rglob(LEFT):
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
