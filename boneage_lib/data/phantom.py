"""Synthetic hand radiographs: the cohort that needs no download and shows no patient.

A left hand, palm down, fingers up, drawn from its anatomy: bones that lengthen, ossification
centres that appear, grow and fuse in the order of `maturity`, projected and exposed as X-rays are.
Bone age and sex are visible in them, and nothing measured on them says anything about children.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from boneage_lib.data.cohort import Cohort, check_target, writing
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
from boneage_lib.data.histogram import draw_labels
from boneage_lib.data.projection import bone_paths, soft_tissue_paths
from boneage_lib.data.skeleton import CENTRE_NOISE_MONTHS, MATURITY_NOISE_MONTHS, grow_hand
from boneage_lib.data.solids import Hand
from boneage_lib.errors import InputError

SMALLEST_SIZE = 32
FEWEST = 20
_SMALLEST_CANVAS = 250  # smaller pictures are drawn at a multiple and shrunk


def _view(hand: Hand, side: int, rng: np.random.Generator, variation: float) -> np.ndarray:
    """The affine map (2, 3) from the hand's frame, mm, to a canvas of ``side`` pixels."""

    def around(typical: float, drawn: float) -> float:
        return typical + variation * (drawn - typical)

    # A small hand gets a smaller field, though not in proportion: it looks smaller in its frame.
    field = 274 * hand.scale**0.62 * around(1.0, float(np.clip(rng.normal(1.0, 0.05), 0.9, 1.2)))
    pixels = side / field
    stretch = around(
        1.1, float(rng.uniform(1.0, 1.2))
    )  # portrait pictures are squashed into squares
    turn = float(np.deg2rad(around(-2, np.clip(rng.normal(-2, 6), -18, 14))))
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    linear = np.diag([pixels * stretch, -pixels]) @ turned
    tips = np.array([joint for finger in hand.fingers for joint in finger.joints[1:]])
    placed = tips @ linear.T
    low, high = placed.min(axis=0), placed.max(axis=0)
    reach = 11 * hand.scale * pixels
    room = np.maximum(side - (high - low) - 2 * reach, 0)
    x = reach + room[0] * around(0.5, rng.uniform(0.25, 0.75)) - low[0]
    if high[0] - low[0] + 2 * reach > side:
        x = side / 2 - (low[0] + high[0]) / 2
    y = reach + side * around(0.045, float(rng.uniform(0.01, 0.08))) - low[1]
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
    _check(size, maturity_noise_months, variation)
    rng = np.random.default_rng() if rng is None else rng
    factor = -(-_SMALLEST_CANVAS // size) if size < _SMALLEST_CANVAS else 1
    side = size * factor
    hand = grow_hand(boneage_months, female, rng, maturity_noise_months)
    view = _view(hand, side, rng, variation)
    exposure = draw_exposure(rng, variation)
    field = collimator(side, rng, variation)
    shutter = bool(rng.random() < 0.6)
    bone = bone_paths(hand, (side, side), view)
    pixels = float(np.sqrt(abs(np.linalg.det(view[:, :2]))))  # a mm
    bone *= 1 + np.float32(0.05) * texture(side, 0.005 * side, rng)  # trabeculae
    bone *= 1 + np.float32(0.06) * texture(side, 0.002 * side, rng)
    bone *= np.float32(COMPACT_BONE)
    soft = soft_tissue_paths(hand, (side, side), view)
    soft *= np.float32(SOFT_TISSUE) * (1 + np.float32(0.02) * texture(side, 0.04 * side, rng))
    attenuation = bone + soft
    place_marker(attenuation, lead_marker(side, rng), rng)
    focal_spot = max(0.25 * pixels, 0.3)
    attenuation = np.asarray(cv2.GaussianBlur(attenuation, (0, 0), focal_spot))
    picture = expose(attenuation, exposure, field, shutter, rng)
    if factor > 1:
        picture = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
    return picture


def check_phantoms(
    n: int,
    size: int,
    seed: int,
    variation: float = 1.0,
    maturity_noise_months: float = MATURITY_NOISE_MONTHS,
) -> None:
    """Raise InputError for what `write_phantoms` would refuse, before anything is drawn."""
    if n < FEWEST:
        raise InputError(
            f"Found n={n}; expected {FEWEST} radiographs or more, so that every split has some. "
            "Choose a larger --n."
        )
    _check(size, maturity_noise_months, variation)
    if seed < 0:
        raise InputError(f"Found seed={seed}; expected 0 or more. Choose another --seed.")


def _check(size: int, maturity_noise_months: float, variation: float) -> None:
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


@contextmanager
def _single_threaded_opencv() -> Iterator[None]:
    """One thread a radiograph: OpenCV's own threads only get in each other's way here."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def write_phantoms(
    out: str | Path,
    n: int = 300,
    size: int = 500,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    maturity_noise_months: float = MATURITY_NOISE_MONTHS,
    variation: float = 1.0,
) -> Cohort:
    """Write a cohort of synthetic radiographs with the ages and sexes of RSNA 2017.

    Every radiograph has its own random generator, seeded with ``(seed, id)``: the same call gives
    the same pixels with any number of threads.

    Args:
        out: folder of the new cohort; an earlier cohort there is replaced.
        n: number of radiographs, 20 or more: 60 % train, 15 % validation, 25 % test.
        size: side of the square pictures, 32 pixels or more.
        seed: of labels and pictures.
        progress: called with (done, n) after each radiograph.
        maturity_noise_months: see `draw_radiograph`.
        variation: see `draw_radiograph`.

    Returns:
        The cohort, opened.

    Raises:
        InputError: ``n``, ``size``, the noise or the seed too small, or a folder with other files.
    """
    check_phantoms(n, size, seed, variation, maturity_noise_months)
    check_target(Path(out))
    labels = draw_labels(n, seed)
    info = {
        "kind": "synthetic",
        "split_origin": "stratified",
        "seed": seed,
        "maturity_noise_months": maturity_noise_months,
        "centre_noise_months": CENTRE_NOISE_MONTHS,
        "variation": variation,
    }
    with (
        writing(out, labels, size, info) as images,
        _single_threaded_opencv(),
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
    ):

        def draw(row: int) -> None:
            label = labels.iloc[row]
            rng = np.random.default_rng([seed, int(label["id"])])
            images[row] = draw_radiograph(
                label["boneage_months"],
                bool(label["female"]),
                size,
                rng,
                maturity_noise_months,
                variation,
            )

        for done, _ in enumerate(pool.map(draw, range(n)), start=1):
            if progress:
                progress(done, n)
    return Cohort.open(out)
