"""Contrast brought to a common measure: radiographs are exposed from very dark to very bright."""

from __future__ import annotations

import cv2
import numpy as np

#: Percentiles of a radiograph's grey values that become black and white.
BLACK, WHITE = 1, 99
#: Tiles a side, and how steep a tile's grey curve may become.
TILES, CLIP_LIMIT = 8, 2.0


def equalized(image: np.ndarray) -> np.ndarray:
    """A grey radiograph stretched from black to white, then equalized tile by tile within limits.

    Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV (1994).

    Args:
        image: uint8 (height, width).

    Returns:
        uint8 of the same shape.
    """
    black, white = np.percentile(image, (BLACK, WHITE))
    curve = (np.arange(256) - black) * (255 / max(white - black, 1.0))
    stretched = cv2.LUT(np.asarray(image), curve.clip(0, 255).astype(np.uint8))
    return np.asarray(cv2.createCLAHE(CLIP_LIMIT, (TILES, TILES)).apply(stretched))
