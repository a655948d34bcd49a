"""The windows through which a network sees all of a radiograph, and maps of them put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from boneage_lib.training import Reader

#: Side of a map, pixels, whatever the radiograph's; feature maps are coarser still.
MAP_SIDE = 64
#: Overlapping patches in each direction by which a network on patches looks at all of a radiograph.
PATCHES_ASIDE = 4


def covering(reader: Reader, size: int) -> tuple[np.ndarray, int]:
    """Windows that cover a radiograph: itself, or overlapping patches on an even grid.

    Args:
        reader: a trained network.
        size: side of the radiograph, pixels.

    Returns:
        Top-left corners, int (windows, 2) of (row, column), and the windows' side, pixels.
    """
    side = reader.recipe.side(size)
    if not reader.spec.patches:
        return np.zeros((1, 2), dtype=int), side
    fewest = -(-size // side)
    starts = np.linspace(0, size - side, max(PATCHES_ASIDE, fewest)).round().astype(int)
    return np.stack(np.meshgrid(starts, starts, indexing="ij"), axis=-1).reshape(-1, 2), side


def cut(image: np.ndarray, corner: np.ndarray, side: int) -> np.ndarray:
    """The window of an image whose top-left corner is given."""
    top, left = corner.tolist()
    return image[top : top + side, left : left + side]


def pasted(cams: np.ndarray, corners: np.ndarray, side: int, size: int) -> np.ndarray:
    """Maps of windows, (windows, h, w), in one of (64, 64), averaged where they overlap."""
    total, count = np.zeros((2, size, size), dtype="float32")
    for cam, (top, left) in zip(cams, corners.tolist(), strict=True):
        span = slice(top, top + side), slice(left, left + side)
        total[span] += cv2.resize(cam, (side, side), interpolation=cv2.INTER_LINEAR)
        count[span] += 1
    return resized(total / count, MAP_SIDE)


def resized(picture: np.ndarray, side: int) -> np.ndarray:
    """A map at another side: areas averaged where that is smaller, else bilinear."""
    way = cv2.INTER_AREA if side < len(picture) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (side, side), interpolation=way))
