"""PNG radiographs of any bit depth and size to square grey 8-bit arrays, many at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np

from boneage_lib.data.sources import Entry
from boneage_lib.errors import InputError

MAX_PIXELS = 2**25  # RSNA's largest radiographs have about 3,000 pixels a side, 9 million in all
MAX_THREADS = 8
NAMED = 10  # how many unreadable files an error names
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Progress = Callable[[int, int], None]


def decode(content: bytes, size: int) -> np.ndarray:
    """A PNG file as a grey uint8 array (size, size), aspect ratio squashed.

    Color and palette images become grey, an alpha channel is ignored, and 16-bit samples are
    scaled by 255 / 65,535 over their full range, rounded.

    Raises:
        InputError: not a PNG, cut off, damaged, or larger than ``MAX_PIXELS``.
    """
    if not content.startswith(PNG_SIGNATURE) or len(content) < 33:
        raise InputError("not a PNG file")
    # The header holds width and height, so that a huge image is refused before it is unpacked.
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    if width * height > MAX_PIXELS:
        raise InputError(f"too large ({width} × {height}; at most {MAX_PIXELS:,} pixels)")
    # Some releases of OpenCV hand back the upper rows of a file that was cut off.
    image = None
    if b"IEND" in content[-1024:]:
        try:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_ANYDEPTH)
        except cv2.error:
            image = None
    if image is None:
        raise InputError("cut off or damaged")
    if image.shape != (size, size):
        shrinking = size <= min(image.shape)
        image = cv2.resize(
            image,
            (size, size),
            interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
        )
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return image


def decode_all(
    images: list[Entry], array: np.ndarray, allowed: int, progress: Progress | None
) -> list[int]:
    """Decode many files in threads, straight into their rows of an array.

    Args:
        images: n PNG files.
        array: (n, size, size) uint8, filled; memory-mapped, it never has to fit in memory.
        allowed: how many may be unreadable.
        progress: called as ``progress(done, n)`` after every file.

    Returns:
        Row numbers, ascending, of the files that cannot be read; their rows stay as they were.

    Raises:
        InputError: as soon as more than ``allowed`` images cannot be read.
    """
    unreadable: list[int] = []
    reasons: list[str] = []
    for row, reason in enumerate(_decode_in_threads(images, array)):
        if reason is not None:
            unreadable.append(row)
            reasons.append(reason)
        if len(unreadable) > allowed:
            raise InputError(
                f"Found {len(unreadable)} unreadable images among the first {row + 1:,} of "
                f"{len(images):,}: {'; '.join(reasons[:NAMED])}. Download them again, or allow "
                "more with max_missing."
            )
        if progress is not None:
            progress(row + 1, len(images))
    return unreadable


def _decode_in_threads(images: list[Entry], array: np.ndarray) -> Iterator[str | None]:
    """Fill ``array``; yields for every row in turn None, or why its image cannot be read."""
    threads = min(MAX_THREADS, _n_cores())
    # The window is bounded so that a stop after the first bad images comes at once.
    waiting: deque[Future[str | None]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for row, entry in enumerate(images):
            if len(waiting) == 4 * threads:
                yield waiting.popleft().result()
            waiting.append(pool.submit(_decode_into, array, row, entry))
        while waiting:
            yield waiting.popleft().result()


def _n_cores() -> int:
    """Cores this process may use, which a container or cluster job may hold below the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _decode_into(array: np.ndarray, row: int, entry: Entry) -> str | None:
    """Write one radiograph into its row; the reason when it cannot be read."""
    try:
        content = entry.read()
    except InputError as error:
        return str(error).rstrip(".")
    try:
        array[row] = decode(content, array.shape[1])
    except InputError as error:
        return f"{entry.path} is {error}"
    return None
