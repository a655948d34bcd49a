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

from boneage_lib.errors import InputError, printable

IMAGE_SUFFIXES = (".png", ".dcm", ".dicom")
TABLE_SUFFIXES = (".csv", ".xlsx")
READ_SUFFIXES = IMAGE_SUFFIXES + TABLE_SUFFIXES
# RSNA ships the validation images as zips inside a zip; nothing is known to nest deeper.
DEEPEST_ARCHIVE = 2
# A native RSNA radiograph has 1 to 1.5 MB; the bound keeps a crafted member out of memory.
MAX_FILE_BYTES = 64 * 2**20
MAX_NESTED_ARCHIVE_BYTES = 4 * 2**30
# RSNA's whole download has 10 GB. Zips that were compressed again are unpacked to the disk.
MAX_UNPACKED_BYTES = 16 * 2**30
MAX_MEMBERS = 200_000
# A zip's list of members is read at once and takes ten times its size in memory; RSNA's has 1 MB.
MAX_DIRECTORY_BYTES = 16 * 2**20
# What a damaged or unusual zip raises while one of its members is read.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
)
# What RSNA and Kaggle use. Of others, zipfile unpacks all that there is, whatever size is told.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Entry:
    """One file of a source.

    Attributes:
        path: where it lies, relative to the source, with slashes; a zip counts as a folder. Fit
            to be printed, see `boneage_lib.errors.printable`.
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
        except InputError:
            raise
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
        archives = _Archives(stack)
        if source.is_dir():
            entries = list(_walk_folder(source, archives))
        elif source.is_file() and zipfile.is_zipfile(source):
            entries = list(archives.walk(_opened(source), "", 1))
        else:
            raise InputError(
                f"{source} is neither a folder nor a complete zip; expected RSNA's download or "
                "Kaggle's, unpacked or as it came. Download it again if it was cut off."
            )
        yield sorted(entries, key=lambda entry: entry.path)


def _walk_folder(root: Path, archives: _Archives) -> Iterator[Entry]:
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
                f"{printable(str(folder))} cannot be listed: {error.strerror}. Check its "
                "permissions."
            ) from error
        for child in children:
            relative = f"{inside}/{child.name}" if inside else child.name
            if child.name.startswith(".") or child.name == "__MACOSX":
                continue
            suffix = _suffix(child.name)
            if child.is_dir():
                waiting.append(relative)
            elif suffix in READ_SUFFIXES and child.is_file():
                load = partial(_read_file, child.path)
                yield Entry(printable(relative), child.stat().st_size, 0, load)
            elif suffix == ".zip" and child.is_file():
                yield from archives.walk(_opened(Path(child.path)), printable(relative), 1)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _read_file(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(
            f"{printable(str(path))} cannot be read: {error.strerror}. Check its permissions."
        ) from error


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's content: as many bytes as the zip says, however many are packed there.

    Raises:
        InputError: packed by a method other than `METHODS`.
    """
    check_method(member)
    # Asked for everything, zipfile unpacks up to 2 GiB before it looks at the size.
    with archive.open(member) as packed:
        return packed.read(member.file_size)


def check_method(member: zipfile.ZipInfo) -> None:
    """Raise InputError unless a member is stored or deflated."""
    if member.compress_type not in METHODS:
        raise InputError(
            f"{printable(member.filename)} is packed by method {member.compress_type}; expected "
            "stored or deflated. Pack the zip again."
        )


class _Archives:
    """The zips of a source, which stay open with ``stack``, and how much of them was unpacked."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack, self._unpacked = stack, 0

    def walk(self, file: BinaryIO, inside: str, depth: int) -> Iterator[Entry]:
        """Entries of the zip ``file``; ``inside`` is its own path."""
        self._stack.callback(file.close)
        called = inside or "The zip"
        try:
            _check_directory(file, called)
            archive = self._stack.enter_context(zipfile.ZipFile(file))
        except InputError:
            raise
        except (OSError, *DAMAGED) as error:
            raise InputError(
                f"{called} is not a complete zip ({error}). Download it again, or take it away."
            ) from error
        if len(archive.infolist()) > MAX_MEMBERS:
            raise InputError(
                f"{called} has more than {MAX_MEMBERS:,} members; expected RSNA's 12,611."
            )
        for member in archive.infolist():
            if not member.filename:
                continue
            within = _safe_member_path(member.filename, called)
            if member.is_dir() or _is_clutter(within) or stat.S_ISLNK(member.external_attr >> 16):
                continue
            path = printable(f"{inside}/{within}" if inside else str(within))
            suffix = _suffix(path)
            if suffix not in (*READ_SUFFIXES, ".zip"):
                continue
            if member.flag_bits & 1:
                raise InputError(f"{called} is encrypted; expected a zip without a password.")
            if suffix != ".zip":
                yield Entry(path, member.file_size, depth, partial(read_member, archive, member))
            elif depth < DEEPEST_ARCHIVE:
                yield from self.walk(self._open_nested(archive, member, path), path, depth + 1)
            else:
                raise InputError(
                    f"{path} is a zip inside {depth} others; expected at most {DEEPEST_ARCHIVE} "
                    "zips around a file. Unpack the outer one first."
                )

    def _open_nested(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str
    ) -> BinaryIO:
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
            self._unpacked += member.file_size
            if self._unpacked > MAX_UNPACKED_BYTES:
                raise InputError(
                    f"The zips up to {path} have {self._unpacked:,} bytes; expected at most "
                    f"{MAX_UNPACKED_BYTES:,}. Unpack the outer zips first."
                )
            unnamed = tempfile.TemporaryFile()  # noqa: SIM115, closed with the source
            self._stack.callback(unnamed.close)
            check_method(member)
            with archive.open(member) as packed:
                shutil.copyfileobj(packed, unnamed, 2**20)
        except InputError:
            raise
        except (OSError, *DAMAGED) as error:
            raise InputError(f"{path} cannot be read: {error}. Download it again.") from error
        return cast(BinaryIO, unnamed)


def _check_directory(file: BinaryIO, called: str) -> None:
    """Refuse a zip whose list of members is huge before all of it is read."""
    size = file.seek(0, os.SEEK_END)
    tail = file.seek(max(0, size - 22 - 2**16 - 20 - 56))  # the longest comment, and zip64's ends
    end = file.read()
    # Every record that could be taken for the last one counts, so that none is hidden.
    sizes = [
        number
        for mark, form, offset in ((b"PK\x05\x06", "<L", 12), (b"PK\x06\x06", "<Q", 40))
        for (number,) in _numbers(end, mark, form, offset)
        if number <= tail + len(end)  # larger than the file: damaged, or told by the other record
    ]
    if max(sizes, default=0) > MAX_DIRECTORY_BYTES:
        raise InputError(
            f"{called} has a list of members of {max(sizes):,} bytes; expected at most "
            f"{MAX_DIRECTORY_BYTES:,}. Do not trust this file: download it again from its source."
        )


def _numbers(content: bytes, mark: bytes, form: str, offset: int) -> Iterator[tuple[int]]:
    """The number at ``offset`` after each place where ``mark`` stands."""
    at = content.find(mark)
    while at >= 0 and at + offset + struct.calcsize(form) <= len(content):
        yield cast(tuple[int], struct.unpack_from(form, content, at + offset))
        at = content.find(mark, at + 1)


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
