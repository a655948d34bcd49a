"""How many threads to use, and OpenCV's own out of their way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2


def n_cores() -> int:
    """Cores this process may use, which a container or cluster job may hold below the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """One thread a radiograph: OpenCV's own threads only get in each other's way here."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
