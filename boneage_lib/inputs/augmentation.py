"""Table 2 as one affine warp on grey bytes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


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
#: Evaluation: nothing moves.
UNAUGMENTED = Augmentation()


def sample_warp(augmentation: Augmentation, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one warp for images of ``size`` pixels a side.

    Returns:
        A float64 matrix of shape (3, 3) that takes output (row, column, 1) to input coordinates:
        rotation, shift, shear and zoom about the center, then the flip, in Keras' order.
    """
    theta = np.deg2rad(rng.uniform(-1, 1) * augmentation.rotation_degrees)
    down = rng.uniform(-1, 1) * augmentation.height_shift * size
    across = rng.uniform(-1, 1) * augmentation.width_shift * size
    shear = np.deg2rad(rng.uniform(-1, 1) * augmentation.shear_degrees)
    zoom_down, zoom_across = 1 + rng.uniform(-1, 1, 2) * augmentation.zoom
    flip = rng.random() < 0.5 and augmentation.horizontal_flip

    cos, sin = np.cos(theta), np.sin(theta)
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    shift = np.array([[1, 0, down], [0, 1, across], [0, 0, 1]])
    shearing = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    zoom = np.diag([zoom_down, zoom_across, 1])
    center = size / 2 - 0.5
    warp = _moved(center, center) @ rotation @ shift @ shearing @ zoom @ _moved(-center, -center)
    if flip:
        warp = warp @ np.array([[1, 0, 0], [0, -1, size - 1], [0, 0, 1]])
    return warp


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
    if np.array_equal(warp[:2, :2], np.eye(2)) and not (warp[:2, 2] % 1).any():
        top, left = warp[:2, 2].astype(int)
        window = image[max(top, 0) : top + side, max(left, 0) : left + side]
        if window.shape == (side, side) and top >= 0 and left >= 0:
            return window  # A mere window needs no interpolation.
    xy = warp[[1, 0, 2]][:, [1, 0, 2]]  # OpenCV counts (x, y), that is (column, row).
    return cv2.warpAffine(
        image,
        xy[:2],
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _moved(down: float, across: float) -> np.ndarray:
    return np.array([[1, 0, down], [0, 1, across], [0, 0, 1]])
