"""One synthetic hand radiograph, which needs no download and shows no patient.

A left hand, palm down, fingers up, drawn from its anatomy: bones that lengthen, ossification
centres that appear, grow and fuse in the order of `maturity`, projected and exposed as X-rays are.
Bone age and sex are visible in them, and nothing measured on them says anything about children.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from boneage_lib.data.canvases import canvases
from boneage_lib.data.exposure import (
    COMPACT_BONE,
    SOFT_TISSUE,
    collimator,
    draw_exposure,
    expose,
    lead_marker,
    place_marker,
    texture,
)
from boneage_lib.data.projection import bone_paths
from boneage_lib.data.skeleton import MATURITY_NOISE_MONTHS, grow_hand
from boneage_lib.data.soft_tissue import soft_tissue_paths
from boneage_lib.data.solids import Hand
from boneage_lib.errors import InputError

SMALLEST_SIZE = 32
_SMALLEST_CANVAS = 250  # smaller pictures are drawn at a multiple and shrunk


def _view(hand: Hand, side: int, rng: np.random.Generator, variation: float) -> np.ndarray:
    """The affine map (2, 3) from the hand's frame, mm, to a canvas of ``side`` pixels."""

    def around(typical: float, drawn: float) -> float:
        return typical + variation * (drawn - typical)

    # A small hand gets a smaller field, though not in proportion: it looks smaller in its frame.
    field = 272 * hand.scale**0.62 * around(1.0, float(np.clip(rng.normal(1.0, 0.08), 0.88, 1.3)))
    pixels = side / field
    # Portrait pictures are squashed into squares.
    stretch = around(1.23, float(rng.uniform(1.09, 1.37)))
    turn = float(np.deg2rad(around(-2, np.clip(rng.normal(-2, 7), -20, 16))))
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    linear = np.diag([pixels * stretch, -pixels]) @ turned
    tips = np.array([joint for finger in hand.fingers for joint in finger.joints[1:]])
    placed = tips @ linear.T
    low, high = placed.min(axis=0), placed.max(axis=0)
    reach = 8 * hand.scale * pixels
    room = np.maximum(side - (high - low) - 2 * reach, 0)
    x = reach + room[0] * around(0.5, rng.uniform(0.25, 0.75)) - low[0]
    if high[0] - low[0] + 2 * reach > side:
        x = side / 2 - (low[0] + high[0]) / 2
    y = reach + side * around(0.06, 0.01 + 0.1 * float(rng.beta(1.2, 1.4))) - low[1]
    # The wrist is what readers look at first: rather little margin above the fingers.
    wrist = float(linear[1] @ (0.0, -36.0 * hand.scale))
    y = max(min(y, side - wrist), 0.7 * reach - low[1])
    return np.column_stack([linear, [x, y]])


def draw_radiograph(
    boneage_months: float,
    female: bool,
    size: int = 500,
    rng: np.random.Generator | None = None,
    maturity_noise_months: float = MATURITY_NOISE_MONTHS,
    variation: float = 1.0,
) -> np.ndarray:
    """Draw one synthetic radiograph of a left hand.

    Args:
        boneage_months: bone age, 0 to 240 months.
        female: sex; girls' bones mature earlier and end smaller.
        size: side of the square picture, 32 pixels or more.
        rng: source of everything individual (maturity, build, pose, exposure); a fresh unseeded
            one by default.
        maturity_noise_months: standard deviation of the drawn maturity around the bone age from
            eight years on, 0 or more months; smaller before, in proportion to the age.
        variation: how much exposure, field and placement vary, from 0 (all alike) to 1 (as in
            RSNA's radiographs).

    Returns:
        uint8 array of shape (size, size), grey, bone bright.

    Raises:
        InputError: an age outside 0 to 240 months, a size below 32 or a negative noise.
    """
    if not 0 <= boneage_months <= 240:
        raise InputError(f"Found boneage_months={boneage_months}; expected 0 to 240 months.")
    check_settings(size, maturity_noise_months, variation)
    rng = np.random.default_rng() if rng is None else rng
    factor = -(-_SMALLEST_CANVAS // size) if size < _SMALLEST_CANVAS else 1
    side = size * factor
    hand = grow_hand(boneage_months, female, rng, maturity_noise_months)
    view = _view(hand, side, rng, variation)
    exposure = draw_exposure(rng, variation)
    field = collimator(side, rng, variation)
    shutter = bool(rng.random() < 0.88)
    work = canvases(side)
    bone = bone_paths(hand, (side, side), view, work.bone)
    trabeculae = ((0.012 * side, 0.04), (0.0045 * side, -0.09))
    bone *= texture(side, trabeculae, rng)
    soft = soft_tissue_paths(hand, (side, side), view, work.soft)
    soft *= texture(side, ((0.04 * side, 0.02),), rng)
    cv2.addWeighted(bone, COMPACT_BONE, soft, SOFT_TISSUE, 0.0, dst=bone)
    place_marker(bone, lead_marker(side, rng), rng)
    pixels = float(np.sqrt(abs(np.linalg.det(view[:, :2]))))  # a mm
    focal_spot = max(0.3 * pixels, 0.3)
    width = 2 * math.ceil(2.5 * focal_spot) + 1  # of the kernel; OpenCV's own choice is wider
    cv2.GaussianBlur(bone, (width, width), focal_spot, dst=soft)
    picture = expose(soft, exposure, field, shutter, rng, work)
    if factor > 1:
        picture = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
    return picture


def check_settings(size: int, maturity_noise_months: float, variation: float) -> None:
    """Raise InputError for a size, noise or variation that `draw_radiograph` would refuse."""
    if size < SMALLEST_SIZE:
        raise InputError(
            f"Found size={size}; expected {SMALLEST_SIZE} pixels or more. Choose a larger --size."
        )
    if not maturity_noise_months >= 0:
        raise InputError(
            f"Found maturity_noise_months={maturity_noise_months}; expected 0 or more months."
        )
    if not 0 <= variation <= 1:
        raise InputError(f"Found variation={variation}; expected a share from 0 to 1.")
