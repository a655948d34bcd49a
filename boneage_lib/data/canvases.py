"""Arrays of a picture's size that a thread draws one radiograph after another on."""

from __future__ import annotations

import threading

import numpy as np


class Canvases:
    """Arrays (side, side) to overwrite.

    Fresh arrays of a megabyte come from the operating system page by page, which costs more time
    than the arithmetic on them.

    Attributes:
        bone: float32.
        soft: float32.
        noise: float32.
        level: uint16.
        index: as `numpy.take` wants it.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self.bone, self.soft, self.noise = np.empty((3, side, side), np.float32)
        self.level = np.empty((side, side), np.uint16)
        self.index = np.empty((side, side), np.intp)


_OF_THREAD = threading.local()


def canvases(side: int) -> Canvases:
    """This thread's canvases; what an earlier call left on them is no longer needed."""
    kept: Canvases | None = getattr(_OF_THREAD, "canvases", None)
    if kept is None or kept.side != side:
        kept = _OF_THREAD.canvases = Canvases(side)
    return kept
