"""Fixed turns and flips of a radiograph, whose answers are averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from boneage_lib.inputs.augmentation import apply_warp


@dataclass(frozen=True)
class Pose:
    """A radiograph turned about its center, then flipped.

    Attributes:
        degrees: of the turn, counterclockwise.
        flipped: left and right are exchanged.
    """

    degrees: float = 0.0
    flipped: bool = False


#: A radiograph as it is.
AS_IT_IS = (Pose(),)
#: As it is first, then flips, and turns to either side nearly as far as wide augmentation's.
TURNED = tuple(
    Pose(degrees, flipped) for degrees in (0.0, -8.0, 8.0, -16.0, 16.0) for flipped in (False, True)
)


def posed(image: np.ndarray, pose: Pose) -> np.ndarray:
    """A grey radiograph in a pose, by one bilinear interpolation at most.

    Args:
        image: uint8 (size, size).
        pose: see `Pose`.

    Returns:
        uint8 (size, size), contiguous where it was turned or flipped.
    """
    if pose.degrees:
        size = len(image)
        angle, center = math.radians(pose.degrees), size / 2 - 0.5
        cos, sin = math.cos(angle), math.sin(angle)
        turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])
        turn[:2, 2] = center - turn[:2, :2] @ [center, center]
        image = apply_warp(image, turn, size)
    return np.ascontiguousarray(image[:, ::-1]) if pose.flipped else image
