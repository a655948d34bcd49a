"""What is done to a radiograph to see whether a network minds: one change at a time, of a strength.

Every change is deterministic, takes and gives grey bytes of the same shape, and at its neutral
strength gives the very pixels it was given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from boneage_lib.inputs import apply_warp

#: Share of the side that counts as the margin of a picture.
MARGIN = 0.03


def border_grey(image: np.ndarray) -> int:
    """Grey level around the hand: the median of the margin, without the lower edge.

    Hands come in from below, so nothing looks there.

    Args:
        image: uint8 (size, size).
    """
    width = max(1, round(MARGIN * len(image)))
    sides = (image[:width], image[width:, :width], image[width:, -width:])
    return int(np.median(np.concatenate([side.ravel() for side in sides])))


def rotate(image: np.ndarray, degrees: float) -> np.ndarray:
    """Turn counterclockwise about the center, repeating the border, as in training."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    cos, sin = (round(value, 12) for value in (cos, sin))  # so that quarter turns are whole pixels
    center = (len(image) - 1) / 2
    back = np.array(
        [
            [cos, sin, center - (cos + sin) * center],
            [-sin, cos, center + (sin - cos) * center],
            [0, 0, 1],
        ]
    )
    return apply_warp(image, back, len(image))


def flip(image: np.ndarray, flipped: float) -> np.ndarray:
    """Mirror left and right where ``flipped`` is 1: a right hand in place of a left one."""
    return np.ascontiguousarray(image[:, ::-1]) if flipped else image.copy()


def brighten(image: np.ndarray, levels: float) -> np.ndarray:
    """Add grey levels, cut off at 0 and 255."""
    return _bytes(image + float(levels))


def stretch(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply the contrast about the picture's mean, cut off at 0 and 255."""
    mean = float(image.mean())
    return _bytes((image - mean) * factor + mean) if factor != 1 else image.copy()


def invert(image: np.ndarray, inverted: float) -> np.ndarray:
    """Swap dark and bright where ``inverted`` is 1, as some files are saved."""
    return 255 - image if inverted else image.copy()


def coarsen(image: np.ndarray, factor: float) -> np.ndarray:
    """Shrink to 1 / ``factor`` of the side (areas averaged) and enlarge again (bilinear)."""
    size = len(image)
    side = max(1, round(size / factor))
    if side == size:
        return image.copy()
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR))


def cover_corners(image: np.ndarray, share: float) -> np.ndarray:
    """Fill squares of ``share`` of the side in all corners, where markers lie, with border grey."""
    covered, side = image.copy(), round(share * len(image))
    if side:
        grey = border_grey(image)
        for rows in (slice(None, side), slice(-side, None)):
            covered[rows, :side] = covered[rows, -side:] = grey
    return covered


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


@dataclass(frozen=True)
class Condition:
    """One kind of change, and how strong it is made.

    Attributes:
        name: in tables.
        title: in print.
        unit: of the strengths, in print.
        strengths: those to try, without the neutral one.
        neutral: the strength at which nothing changes.
        change: from a uint8 (size, size) radiograph and a strength to another one; None where it is
            not the radiograph that is changed but the sex given with it.
    """

    name: str
    title: str
    unit: str
    strengths: tuple[float, ...]
    neutral: float = 0.0
    change: Callable[[np.ndarray, float], np.ndarray] | None = None


#: Twenty changes of the radiograph and one of the sex.
CONDITIONS = (
    Condition(
        "rotation",
        "Rotation",
        "degrees counterclockwise",
        (-30, -15, 15, 30, 90, 180),
        change=rotate,
    ),
    Condition("flip", "Mirrored", "1: mirrored", (1,), change=flip),
    Condition("brightness", "Brightness", "gray levels added", (-80, -40, 40, 80), change=brighten),
    Condition("contrast", "Contrast", "times the contrast", (0.25, 0.5, 2), 1.0, stretch),
    Condition("inversion", "Inverted", "1: inverted", (1,), change=invert),
    Condition("resolution", "Lower resolution", "times fewer pixels a side", (2, 4, 8), 1, coarsen),
    Condition("marker", "Corners covered", "share of the side", (0.1, 0.2), change=cover_corners),
    Condition("sex", "Sex swapped", "1: the other sex", (1,)),
)
