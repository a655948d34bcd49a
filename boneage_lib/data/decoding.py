"""PNG and DICOM radiographs of any bit depth and size to square grey 8-bit arrays."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np

from boneage_lib.data.journal import CohortWriter, Original
from boneage_lib.data.sources import Entry
from boneage_lib.data.threads import n_cores, single_threaded_opencv
from boneage_lib.errors import InputError

MAX_PIXELS = 2**25  # RSNA's largest radiographs have about 3,000 pixels a side, 9 million in all
NAMED = 10  # how many unreadable files an error names
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER = b"\x00\x00\x00\rIHDR"
PNG_MODES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey+alpha", 6: "RGBA"}
# What a thread takes on at once: enough that handing out work costs nothing beside it.
_BATCH_BYTES = 2**21
_BATCH = 32

Progress = Callable[[int, int], None]


def decode(content: bytes, size: int) -> tuple[np.ndarray, Original]:
    """A PNG or DICOM file as a grey uint8 array (size, size), aspect ratio squashed.

    Color and palette images become grey, an alpha channel is ignored, and samples of more than
    eight bits are scaled from their full range to 0 to 255, rounded. For DICOM see `read_dicom`.

    Returns:
        The array, and what the file was.

    Raises:
        InputError: neither PNG nor DICOM, cut off, damaged, or larger than ``MAX_PIXELS``.
    """
    if content.startswith(PNG_SIGNATURE):
        image, original = _read_png(content)
    elif content[128:132] == b"DICM":
        # pydicom takes a while to load, and few have DICOM files.
        from boneage_lib.data.dicom import read_dicom

        picture, bits = read_dicom(content, MAX_PIXELS)
        image = np.rint(picture * 65535).astype(np.uint16)
        original = Original(image.shape[1], image.shape[0], bits, "DICOM")
    else:
        raise InputError("empty" if not content else "neither a PNG nor a DICOM file")
    return squared(image, size), original


def squared(image: np.ndarray, size: int) -> np.ndarray:
    """Grey samples, uint8 or uint16 (height, width), as uint8 (size, size), aspect squashed."""
    if image.shape != (size, size):
        shrinking = size <= min(image.shape)
        image = np.asarray(
            cv2.resize(
                image,
                (size, size),
                interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
            )
        )
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return image


def _read_png(content: bytes) -> tuple[np.ndarray, Original]:
    """Grey samples, uint8 or uint16 (height, width), and what the file was."""
    if len(content) < 33 or content[8:16] != PNG_HEADER:
        raise InputError("cut off or damaged")
    # The header, always the first chunk, holds width and height, so that a huge image is refused
    # before it is unpacked.
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    if width * height > MAX_PIXELS:
        raise InputError(f"too large ({width} × {height}; at most {MAX_PIXELS:,} pixels)")
    image = None
    # OpenCV may hand back the upper rows of a damaged file without a word: check its sums first.
    if _png_is_whole(content):
        try:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_ANYDEPTH)
        except cv2.error:
            image = None
    if image is None:
        raise InputError("cut off or damaged")
    return image, Original(width, height, content[24], PNG_MODES.get(content[25], "unknown"))


def _png_is_whole(content: bytes) -> bool:
    """True when every chunk has the checksum it names, up to the one that ends the picture."""
    view, at = memoryview(content), 8
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4], "big")
        if end + 4 > len(content):
            return False
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            return False
        if content[at + 4 : at + 8] == b"IEND":
            return True
        at = end + 4
    return False


def decode_all(
    images: Sequence[Entry], writer: CohortWriter, allowed: int, progress: Progress | None
) -> list[int]:
    """Decode the files whose rows a writer misses, in threads, and write them.

    Args:
        images: n files, one a row.
        writer: takes the radiographs.
        allowed: how many may be unreadable.
        progress: called as ``progress(done, n)`` after every few files, and with (n, n) at last.

    Returns:
        Row numbers, ascending, of the files that cannot be read.

    Raises:
        InputError: as soon as more than ``allowed`` images cannot be read.
    """
    unreadable: dict[int, str] = {}
    done = writer.n - len(writer.missing)
    for rows, reasons in _decode_in_threads(images, writer):
        unreadable |= reasons
        done += len(rows)
        if len(unreadable) > allowed:
            raise InputError(
                f"Found {len(unreadable)} unreadable images among the first {done:,} of "
                f"{writer.n:,}: {'; '.join(list(unreadable.values())[:NAMED])}. Download them "
                "again, or allow more with --max-missing."
            )
        if progress is not None:
            progress(done, writer.n)
    return sorted(unreadable)


def _decode_in_threads(
    images: Sequence[Entry], writer: CohortWriter
) -> Iterator[tuple[list[int], dict[int, str]]]:
    """Write what is missing; yields, batch by batch, its rows and why some cannot be read."""
    count = max(1, min(_BATCH, _BATCH_BYTES // writer.size**2))
    batches = [writer.missing[at : at + count] for at in range(0, len(writer.missing), count)]
    threads = n_cores()
    # The window is bounded so that a stop after the first bad images comes at once.
    waiting: deque[Future[dict[int, str]]] = deque()
    with single_threaded_opencv(), ThreadPoolExecutor(threads) as pool:
        try:
            for at, rows in enumerate(batches):
                if len(waiting) == 2 * threads:
                    yield batches[at - len(waiting)], waiting.popleft().result()
                waiting.append(pool.submit(_decode_into, writer, rows, images))
            for at in range(len(batches) - len(waiting), len(batches)):
                yield batches[at], waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _decode_into(writer: CohortWriter, rows: list[int], images: Sequence[Entry]) -> dict[int, str]:
    """Write a few radiographs; by row, why some cannot be read."""
    reasons: dict[int, str] = {}
    readable: list[int] = []
    originals: list[Original] = []
    pictures = np.empty((len(rows), writer.size, writer.size), np.uint8)
    for row in rows:
        entry = images[row]
        try:
            content = entry.read()
        except InputError as error:
            reasons[row] = str(error).rstrip(".")
            continue
        try:
            pictures[len(readable)], original = decode(content, writer.size)
        except InputError as error:
            reasons[row] = f"{entry.path} is {error}"
            continue
        readable.append(row)
        originals.append(original)
    if readable:
        writer.write(readable, pictures[: len(readable)], originals)
    return reasons
