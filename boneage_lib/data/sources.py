"""Files of a download read where they lie: folders, zips, zips in folders and zips in zips."""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from boneage_lib.errors import InputError

IMAGE_SUFFIXES = (".png", ".dcm", ".dicom")
TABLE_SUFFIXES = (".csv", ".xlsx")
READ_SUFFIXES = IMAGE_SUFFIXES + TABLE_SUFFIXES
# RSNA ships the validation images as zips inside a zip; nothing is known to nest deeper.
DEEPEST_ARCHIVE = 2
# A native RSNA radiograph has 1 to 1.5 MB; the bound keeps a crafted member out of memory.
MAX_FILE_BYTES = 64 * 2**20
MAX_NESTED_ARCHIVE_BYTES = 4 * 2**30
MAX_MEMBERS = 500_000
# What a damaged or unusual zip raises while one of its members is read.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    struct.error,
)


@dataclass(frozen=True)
class Entry:
    """One file of a source.

    Attributes:
        path: where it lies, relative to the source, with slashes; a zip counts as a folder.
        n_bytes: its size when read, bytes.
        archives: how many zips it lies in, 0 for an ordinary file.
        load: gives its content.
    """

    path: str
    n_bytes: int
    archives: int
    load: Callable[[], bytes]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return os.path.splitext(self.name)[0]

    @property
    def suffix(self) -> str:
        """The ending of the name in lower case, with its dot."""
        return _suffix(self.path)

    def read(self) -> bytes:
        """The whole content.

        Raises:
            InputError: larger than ``MAX_FILE_BYTES``, or it cannot be read.
        """
        if self.n_bytes > MAX_FILE_BYTES:
            raise InputError(
                f"{self.path} has {self.n_bytes:,} bytes; expected at most {MAX_FILE_BYTES:,}."
            )
        try:
            return self.load()
        except (OSError, *DAMAGED) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"{self.path} cannot be read: {reason}.") from error


@contextmanager
def open_source(source: str | Path) -> Iterator[list[Entry]]:
    """The images and label tables of a folder or zip, sorted by path; archives stay open meanwhile.

    Zips are read in place. Only a zip that is itself compressed inside another zip passes through
    an unnamed temporary file, since it cannot be searched otherwise.

    Raises:
        InputError: no such source, neither folder nor zip, a damaged or encrypted zip, or one with
            absolute or ``..`` member names.
    """
    source = Path(source)
    if not source.exists():
        raise InputError(
            f"Found no {source}; expected a folder or zip with RSNA 2017 radiographs and labels. "
            "Check the path."
        )
    with ExitStack() as stack:
        if source.is_dir():
            entries = list(_walk_folder(source, stack))
        elif source.is_file() and zipfile.is_zipfile(source):
            entries = list(_walk_archive(source.open("rb"), "", 1, stack))
        else:
            raise InputError(
                f"{source} is neither a folder nor a complete zip; expected RSNA's download or "
                "Kaggle's, unpacked or as it came. Download it again if it was cut off."
            )
        yield sorted(entries, key=lambda entry: entry.path)


def _walk_folder(root: Path, stack: ExitStack) -> Iterator[Entry]:
    # Data sets are often linked into place, so links are followed, each folder once.
    visited: set[Path] = set()
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        folder = root / inside
        if (real := folder.resolve()) in visited:
            continue
        visited.add(real)
        try:
            with os.scandir(folder) as scan:
                children = sorted(scan, key=lambda child: child.name)
        except OSError as error:
            raise InputError(
                f"{folder} cannot be listed: {error.strerror}. Check its permissions."
            ) from error
        for child in children:
            relative = f"{inside}/{child.name}" if inside else child.name
            if child.name.startswith(".") or child.name == "__MACOSX":
                continue
            suffix = _suffix(child.name)
            if child.is_dir():
                waiting.append(relative)
            elif suffix in READ_SUFFIXES and child.is_file():
                yield Entry(relative, child.stat().st_size, 0, partial(_read_file, child.path))
            elif suffix == ".zip" and child.is_file():
                path = Path(child.path)
                yield from _walk_archive(path.open("rb"), relative, 1, stack)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _read_file(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _walk_archive(file: BinaryIO, inside: str, depth: int, stack: ExitStack) -> Iterator[Entry]:
    """Entries of the zip ``file``, which is closed with ``stack``; ``inside`` is its own path."""
    stack.callback(file.close)
    called = inside or "The zip"
    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
    except (OSError, ValueError, *DAMAGED) as error:
        raise InputError(
            f"{called} is not a complete zip ({error}). Download it again, or take it away."
        ) from error
    if len(archive.infolist()) > MAX_MEMBERS:
        raise InputError(f"{called} has more than {MAX_MEMBERS:,} members; expected RSNA's 12,611.")
    for member in archive.infolist():
        within = _safe_member_path(member.filename, called)
        if member.is_dir() or _is_clutter(within) or stat.S_ISLNK(member.external_attr >> 16):
            continue
        path = f"{inside}/{within}" if inside else str(within)
        suffix = _suffix(path)
        if suffix not in (*READ_SUFFIXES, ".zip"):
            continue
        if member.flag_bits & 1:
            raise InputError(f"{called} is encrypted; expected a zip without a password.")
        if suffix != ".zip":
            yield Entry(path, member.file_size, depth, partial(archive.read, member))
        elif depth < DEEPEST_ARCHIVE:
            nested = _open_nested(archive, member, path)
            yield from _walk_archive(nested, path, depth + 1, stack)
        else:
            raise InputError(
                f"{path} is a zip inside {depth} others; expected at most {DEEPEST_ARCHIVE} zips "
                "around a file. Unpack the outer one first."
            )


def _safe_member_path(name: str, called: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        raise InputError(
            f"{called} has a member named {name!r}; expected names inside the zip, without '..' or "
            "a leading '/'. Do not trust this file: download it again from its source."
        )
    return path


def _is_clutter(path: PurePosixPath) -> bool:
    """True for what file managers leave behind: ``.DS_Store``, ``._1377.png``, ``__MACOSX/``."""
    return path.name.startswith(".") or "__MACOSX" in path.parts


def _open_nested(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str) -> BinaryIO:
    """A seekable file over a zip that lies in another zip."""
    if member.file_size > MAX_NESTED_ARCHIVE_BYTES:
        raise InputError(f"{path} has {member.file_size:,} bytes; unpack the outer zip first.")
    outer = archive.fp
    try:
        if member.compress_type == zipfile.ZIP_STORED and isinstance(outer, io.BufferedReader):
            with archive.open(member):
                pass  # zipfile compares the local header with the directory here
            header = os.pread(outer.fileno(), 30, member.header_offset)
            start = member.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
            window = _Window(outer, start, member.file_size)
            return cast(BinaryIO, io.BufferedReader(window))
        unnamed = tempfile.TemporaryFile()  # noqa: SIM115, closed with the source
        with archive.open(member) as packed:
            shutil.copyfileobj(packed, unnamed, 2**20)
    except (OSError, *DAMAGED) as error:
        raise InputError(f"{path} cannot be read: {error}. Download it again.") from error
    return cast(BinaryIO, unnamed)


class _Window(io.RawIOBase):
    """``n_bytes`` of an open file from ``start`` on, as a file of its own with its own position."""

    def __init__(self, file: io.BufferedReader, start: int, n_bytes: int) -> None:
        self._file, self._start, self._n_bytes, self._at = file, start, n_bytes, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._n_bytes}[whence]
        if base + offset < 0:
            raise OSError("seek before the start")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = max(0, min(len(buffer), self._n_bytes - self._at))
        # pread leaves the shared position alone, which the outer zip relies on.
        found = os.pread(self._file.fileno(), wanted, self._start + self._at)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
