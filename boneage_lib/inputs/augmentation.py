"""Table 2 as one affine warp on grey bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

_NO_TURN = np.eye(2)
_FLAGS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random affine warp, with the meaning that Keras' ImageDataGenerator gives them.

    Attributes:
        rotation_degrees: angle drawn from ± this.
        width_shift: horizontal shift drawn from ± this share of the width.
        height_shift: vertical shift drawn from ± this share of the height.
        shear_degrees: angle drawn from ± this; Table 2's 0.01 moves nothing by a tenth of a pixel.
        zoom: both axes drawn, independently, from 1 ± this.
        horizontal_flip: flip half of the images.
    """

    rotation_degrees: float = 0.0
    width_shift: float = 0.0
    height_shift: float = 0.0
    shear_degrees: float = 0.0
    zoom: float = 0.0
    horizontal_flip: bool = False


#: Whole radiographs (section IV, Table 2).
WHOLE_IMAGES = Augmentation(5.0, 0.1, 0.1, 0.01, 0.25, True)
#: Radiographs that patches are cut from (section IV, "Patches data augmentation").
PATCHED_IMAGES = Augmentation(rotation_degrees=5.0, horizontal_flip=True)
#: Half of Table 2's shifts and less zoom, with twice its turns.
LIGHT = Augmentation(10.0, 0.05, 0.05, 0.0, 0.1, True)
#: Turned four times as far as in Table 2, and sheared.
WIDE = Augmentation(20.0, 0.1, 0.1, 5.0, 0.2, True)
#: Evaluation: nothing moves.
UNAUGMENTED = Augmentation()


def sample_warp(augmentation: Augmentation, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one warp for images of ``size`` pixels a side.

    Returns:
        A float64 matrix of shape (3, 3) that takes output (row, column, 1) to input coordinates:
        rotation, shift, shear and zoom about the center, then the flip, in Keras' order.
    """
    *drawn, coin = rng.random(7).tolist()
    theta, down, across, shear, zoom_down, zoom_across = (2 * number - 1 for number in drawn)
    theta = math.radians(theta * augmentation.rotation_degrees)
    shear = math.radians(shear * augmentation.shear_degrees)
    down *= augmentation.height_shift * size
    across *= augmentation.width_shift * size
    zoom_down = 1 + zoom_down * augmentation.zoom
    zoom_across = 1 + zoom_across * augmentation.zoom

    # rotation @ shift @ shear @ zoom, multiplied out: plain floats are ten times faster here.
    cos, sin, center = math.cos(theta), math.sin(theta), size / 2 - 0.5
    row_down, row_across = cos * zoom_down, -math.sin(theta + shear) * zoom_across
    column_down, column_across = sin * zoom_down, math.cos(theta + shear) * zoom_across
    row = center - row_down * center - row_across * center + cos * down - sin * across
    column = center - column_down * center - column_across * center + sin * down + cos * across
    if coin < 0.5 and augmentation.horizontal_flip:
        row, column = row + row_across * (size - 1), column + column_across * (size - 1)
        row_across, column_across = -row_across, -column_across
    return np.array([[row_down, row_across, row], [column_down, column_across, column], [0, 0, 1]])


def crop(warp: np.ndarray, top: float, left: float) -> np.ndarray:
    """The warp that gives the window of ``warp``'s output whose corner is at (top, left)."""
    return warp @ _moved(top, left)


def apply_warp(image: np.ndarray, warp: np.ndarray, side: int) -> np.ndarray:
    """Warp a grey image once, bilinear, repeating its border (Keras' ``fill_mode="nearest"``).

    Args:
        image: uint8 (height, width).
        warp: (3, 3), from output to input (row, column).
        side: side of the square output, pixels.

    Returns:
        uint8 of shape (side, side).
    """
    out = np.empty((1, side, side), np.uint8)
    warp_windows(image, warp, np.zeros((1, 2)), out)
    return out[0]


def warp_windows(image: np.ndarray, warp: np.ndarray, corners: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` with windows of a warped image, each in one interpolation of the original.

    Args:
        image: uint8 (height, width).
        warp: (3, 3), from output to input (row, column).
        corners: (n, 2), top and left of each window in the warped image.
        out: uint8 (n, side, side), contiguous; overwritten.
    """
    side = out.shape[1]
    linear = warp[:2, :2]
    origins = corners @ linear.T + warp[:2, 2]  # (n, 2): where each window's corner looks
    if np.array_equal(linear, _NO_TURN) and not (origins % 1).any():
        last = np.array(image.shape) - side
        if (origins >= 0).all() and (origins <= last).all():  # windows need no interpolation
            for window, (top, left) in zip(out, origins.astype(int).tolist(), strict=True):
                window[:] = image[top : top + side, left : left + side]
            return
    xy = warp[1::-1, [1, 0, 2]]  # OpenCV counts (x, y), that is (column, row)
    for window, (row, column) in zip(out, origins.tolist(), strict=True):
        xy[0, 2], xy[1, 2] = column, row
        cv2.warpAffine(image, xy, (side, side), window, _FLAGS, cv2.BORDER_REPLICATE)


def _moved(down: float, across: float) -> np.ndarray:
    return np.array([[1, 0, down], [0, 1, across], [0, 0, 1]])
