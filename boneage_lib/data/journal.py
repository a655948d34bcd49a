"""The radiographs of a cohort while they come in, and a journal of those that are there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from boneage_lib.data.cohort import checksum_of, pixel_digest
from boneage_lib.errors import InputError


class Original(NamedTuple):
    """What a radiograph's file was before it became a square of grey bytes.

    Attributes:
        width: pixels.
        height: pixels.
        bits: a sample's, 1 to 16.
        mode: ``grey``, ``grey+alpha``, ``RGB``, ``RGBA``, ``palette`` or ``DICOM``.
    """

    width: int
    height: int
    bits: int
    mode: str


class CohortWriter:
    """The radiographs of a cohort while they come in, in any order and from any thread.

    Args:
        folder: where they are kept until all are there.
        n: how many there will be.
        size: side of the square radiographs, pixels.

    Attributes:
        missing: rows that were not there when the writer was opened, ascending.

    Raises:
        InputError: another command is writing to ``folder``.
    """

    def __init__(self, folder: Path, n: int, size: int) -> None:
        self.folder, self.n, self.size = folder, n, size
        self._lock = Lock()
        self._originals: dict[int, Original] = {}
        self._digests: dict[int, bytes] = {}
        with ExitStack() as opened:
            self._journal = opened.enter_context((folder / "journal.txt").open("ab+", buffering=0))
            try:
                fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(
                    f"Another command is writing to {folder}. Wait for it, or choose another --out."
                ) from error
            self._images = os.open(folder / "images.npy", os.O_RDWR | os.O_CREAT, 0o644)
            opened.callback(os.close, self._images)
            self._start = self._reserve()
            self._read_journal()
            self._opened = opened.pop_all()
        self.missing = [row for row in range(n) if row not in self._digests]

    def write(
        self, rows: Sequence[int], images: np.ndarray, originals: Sequence[Original] | None = None
    ) -> None:
        """Keep some radiographs; once this returns, a killed command need not make them again.

        Args:
            rows: k row numbers, ascending.
            images: (k, size, size) uint8.
            originals: k descriptions of their files.
        """
        n_bytes = self.size**2
        pixels = np.ascontiguousarray(images).reshape(-1).data
        lines = []
        for k, row in enumerate(rows):
            told = originals[k] if originals else ()
            if originals:
                self._originals[row] = originals[k]
            digest = pixel_digest(pixels[k * n_bytes : (k + 1) * n_bytes])
            self._digests[row] = digest
            lines.append(" ".join(map(str, (row, digest.hex(), *told))))
        breaks = [k for k in range(1, len(rows)) if rows[k] != rows[k - 1] + 1]
        runs = list(zip([0, *breaks], [*breaks, len(rows)], strict=True))
        # Threads that write to one file at once spend their time waiting in the kernel.
        with self._lock:
            for first, end in runs:
                part = pixels[first * n_bytes : end * n_bytes]
                os.pwrite(self._images, part, self._start + rows[first] * n_bytes)
            # One call, after the pixels: a line says that its radiograph is there.
            self._journal.write(("\n".join(lines) + "\n").encode())

    def close(self) -> None:
        """Let go of the files; what was written stays."""
        self._opened.close()

    def checksum(self, labels: pd.DataFrame) -> str:
        """The checksum of the cohort whose label table this is; its index holds the row numbers."""
        return checksum_of(labels, (self._digests[row] for row in labels.index))

    def originals(self, labels: pd.DataFrame) -> pd.DataFrame | None:
        """Ids and originals, row by row; None unless all are known."""
        if not self._originals:
            return None
        rows = [self._originals[row] for row in labels.index]
        table = pd.DataFrame(rows, columns=list(Original._fields))
        table.insert(0, "id", labels["id"].to_numpy())
        return table

    def _reserve(self) -> int:
        """Give the file its header and full length; where its first pixel lies, bytes."""
        file = self.folder / "images.npy"
        length = self.n * self.size**2
        if file.stat().st_size == 0:
            with file.open("r+b") as stream:
                np.lib.format.write_array_header_1_0(stream, array_header(self.n, self.size))
        with file.open("rb") as stream:
            np.lib.format.read_magic(stream)
            np.lib.format.read_array_header_1_0(stream)
            start = stream.tell()
        # A disk that is too full says so here, before the long work.
        if length and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._images, 0, start + length)
        else:
            os.ftruncate(self._images, start + length)
        return start

    def _read_journal(self) -> None:
        """Find the rows whose pixels are in the file as they were written."""
        self._journal.seek(0)
        content = self._journal.read()
        whole = content.rfind(b"\n") + 1  # a kill may cut the last line
        self._journal.truncate(whole)
        written: dict[int, list[str]] = {}
        for line in content[:whole].decode().splitlines():
            row, *told = line.split(" ")
            written[int(row)] = told
        n_bytes = self.size**2
        for row, (recorded, *told) in written.items():
            digest = pixel_digest(os.pread(self._images, n_bytes, self._start + row * n_bytes))
            if digest.hex() == recorded:
                self._digests[row] = digest
                if told:
                    width, height, bits = map(int, told[:3])
                    self._originals[row] = Original(width, height, bits, told[3])


def array_header(n: int, size: int) -> dict[str, Any]:
    """What NumPy's file format says of an (n, size, size) uint8 array."""
    return {"descr": "|u1", "fortran_order": False, "shape": (n, size, size)}
