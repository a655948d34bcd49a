"""From path lengths to a radiograph: X-rays, scatter, noise, collimator, lead marker, display."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import cv2
import numpy as np

from boneage_lib.data.canvases import Canvases

# Attenuation at about 50 kV, 1/mm: effective values behind a filtered tube, chosen by eye so that
# finger bones and the wrist stand out as on real radiographs.
SOFT_TISSUE = 0.022
COMPACT_BONE = 0.088
LEAD = 4.0  # attenuation of a lead letter

_LETTERS = "ABCDEFGHJKLMNPRSTVW"


@dataclass(frozen=True)
class Exposure:
    """How one radiograph was taken and is displayed.

    Attributes:
        photons: quanta an open pixel, thousands.
        scatter: scattered share of the open beam, 0 to 0.3.
        black: grey level of the open beam, 0 to 255.
        span: grey levels from the open beam to an attenuation of ``reach``.
        reach: attenuation displayed at ``black + span``.
        gamma: bend of the display curve.
        heel: slopes of the beam's intensity over the picture, x and y.
    """

    photons: float
    scatter: float
    black: float
    span: float
    reach: float
    gamma: float
    heel: tuple[float, float]


#: What exposures vary around: a dark, clear radiograph.
TYPICAL = {"black": 12.0, "span": 217.0, "reach": 1.27, "gamma": 1.0}


def draw_exposure(rng: np.random.Generator, variation: float = 1.0) -> Exposure:
    """One exposure as they vary in RSNA's radiographs: most dark and clear, some grey or faint.

    Args:
        rng: draws it.
        variation: share of that spread around a typical exposure, 0 to 1.
    """
    kind = rng.choice(4, p=(0.68, 0.17, 0.08, 0.07))
    black = rng.uniform(*((1, 15), (24, 62), (2, 40), (60, 110))[kind])
    span = rng.uniform(*((185, 245), (130, 190), (25, 80), (100, 150))[kind])
    reach, gamma = rng.uniform(1.05, 1.5), rng.uniform(0.85, 1.2)
    black, span, reach, gamma = (
        float(typical + variation * (drawn - typical))
        for typical, drawn in zip(TYPICAL.values(), (black, span, reach, gamma), strict=True)
    )
    return Exposure(
        photons=float(np.exp(rng.uniform(np.log(6), np.log(60)))),
        scatter=float(rng.uniform(0.03, 0.16)),
        black=black,
        span=span,
        reach=reach,
        gamma=gamma,
        heel=(float(rng.normal(0, 0.03 * variation)), float(rng.normal(0, 0.03 * variation))),
    )


@lru_cache(maxsize=12)
def _grain_tile(side: int, grains: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Factors around 1 to cut textures from, (side, side) float32: see `texture`."""
    rng = np.random.default_rng(0)
    factors = np.ones((side, side), np.float32)
    for grain, contrast in grains:
        step = max(1, int(grain))
        coarse: np.ndarray = rng.standard_normal((side // step + 2,) * 2, dtype=np.float32)
        coarse = cv2.GaussianBlur(coarse, (0, 0), max(grain / step * 0.6, 0.4))
        tile = np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))
        if contrast < 0:  # bright threads where the noise crosses zero
            tile = np.exp(np.abs(tile) * (-2.5 / tile.std()))
            tile = tile.mean() - tile
        factors *= 1 + np.float32(contrast / tile.std()) * tile
    return factors


def texture(
    side: int, grains: tuple[tuple[float, float], ...], rng: np.random.Generator
) -> np.ndarray:
    """Smooth random factors around 1, (side, side) float32.

    A random piece of one fixed tile, turned at random: drawing new noise takes ten times as long.

    Args:
        side: of the picture, pixels.
        grains: fineness, pixels, and standard deviation of each pattern; below 0 for a net of
            bright threads instead of grains.
        rng: draws the piece.
    """
    tile = _grain_tile(side + side // 2, grains)
    x, y = rng.integers(0, side // 2, 2)
    piece = tile[y : y + side, x : x + side]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    return piece[::-1] if rng.random() < 0.5 else piece


def lead_marker(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A side marker: attenuation of its lead letters and of its plate, both (s, s) float32."""
    side = max(12, int(size * rng.uniform(0.11, 0.17)))
    big = 96  # letters are drawn large and shrunk, so that they stay legible on small pictures
    letters = np.zeros((big, big), np.uint8)
    plate = np.zeros((big, big), np.uint8)
    initials = "".join(rng.choice(list(_LETTERS), size=int(rng.integers(2, 4))))
    if rng.random() < 0.8:
        cv2.rectangle(plate, (14, 6), (82, 90), 255, -1)
    cv2.putText(letters, "L", (30, 52), cv2.FONT_HERSHEY_DUPLEX, 1.75, 255, 5, cv2.LINE_AA)
    width = cv2.getTextSize(initials, cv2.FONT_HERSHEY_DUPLEX, 0.85, 2)[0][0]
    origin = (48 - width // 2, 82)
    cv2.putText(letters, initials, origin, cv2.FONT_HERSHEY_DUPLEX, 0.85, 255, 2, cv2.LINE_AA)
    turn = float(np.clip(rng.normal(0, 16), -45, 45))
    matrix = np.asarray(cv2.getRotationMatrix2D((big / 2, big / 2), turn, side / big))
    matrix = matrix + [[0, 0, side / 2 - big / 2]]
    warped = [
        cv2.warpAffine(layer, matrix, (side, side), flags=cv2.INTER_AREA).astype(np.float32) / 255
        for layer in (letters, plate)
    ]
    strength = float(rng.choice([0.35, 1.0, 1.0, 1.0]))  # some are printed thin
    return warped[0] * LEAD * strength, warped[1] * float(rng.uniform(0.02, 0.14))


def place_marker(
    attenuation: np.ndarray, marker: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    """Add a marker to an attenuation map in place, on the emptiest of some random places."""
    letters, plate = marker
    side = len(letters)
    height, width = attenuation.shape
    best, where = np.inf, (0, 0)
    for _ in range(8):
        x = int(rng.integers(0, width - side + 1))
        y = int(rng.integers(0, height - side + 1))
        if rng.random() < 0.6:  # mostly beside the little finger
            x = int(rng.integers(0, max(1, (width - side) // 5)))
        covered = float(attenuation[y : y + side, x : x + side].mean())
        if covered < best:
            best, where = covered, (x, y)
    x, y = where
    attenuation[y : y + side, x : x + side] += letters + plate


def collimator(side: int, rng: np.random.Generator, variation: float = 1.0) -> np.ndarray | None:
    """The beam's field, if its border is in the picture: (side, side) uint8, 0 outside to 255.

    Real pictures are mostly cropped to the field; here two of five show some of its border, fewer
    in proportion to ``variation``.
    """
    if rng.random() > 0.4 * variation:
        return None
    margins = rng.uniform(0.0, 0.07, 4) * rng.choice([0, 1], 4, p=(0.45, 0.55))
    corners = np.array(
        [
            [margins[0], margins[1]],
            [1 - margins[2], margins[1]],
            [1 - margins[2], 1 - margins[3]],
            [margins[0], 1 - margins[3]],
        ]
    )
    tilt = float(np.deg2rad(rng.normal(0, 1.5)))
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    corners = ((corners - 0.5) @ turn.T + 0.5) * side
    field = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(field, np.rint(corners * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(field, (0, 0), max(0.002 * side, 0.4)))


def expose(
    attenuation: np.ndarray,
    exposure: Exposure,
    field: np.ndarray | None,
    shutter: bool,
    rng: np.random.Generator,
    work: Canvases,
) -> np.ndarray:
    """Expose and display: attenuation (side, side) to a uint8 radiograph, bone bright.

    Args:
        attenuation: natural logarithm of open over transmitted intensity, 0 and more; overwritten.
        exposure: scatter, dose, display and the like.
        field: the collimator's opening, 0 to 255, or None where it is outside the picture.
        shutter: blacken what is outside the field, as most viewers do; else it stays unexposed,
            which is white.
        rng: draws the quantum noise.
        work: canvases to work on; ``attenuation`` may be its ``soft``.
    """
    height, width = attenuation.shape
    signal = np.negative(attenuation, out=attenuation)
    cv2.exp(signal, dst=signal)
    small = cv2.resize(signal, (width // 8 + 1, height // 8 + 1), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(width / 8 * 0.06, 0.5))
    scatter = work.bone
    cv2.resize(small, (width, height), dst=scatter, interpolation=cv2.INTER_LINEAR)
    # From here on in levels of the detector.
    share = exposure.scatter
    cv2.addWeighted(signal, (1 - share) * _OPEN, scatter, share * _OPEN, 0.0, dst=signal)
    across, down = (
        np.exp(slope * np.linspace(-1, 1, k, dtype=np.float32)).astype(np.float32)
        for slope, k in zip(exposure.heel, (width, height), strict=True)
    )
    signal *= across
    signal *= down[:, None]
    if field is not None and not shutter:
        signal *= np.maximum(field, 3) * np.float32(1 / 255)
    table = _NORMAL * np.float32((1e-3 * _OPEN / exposure.photons) ** 0.5)
    draws = rng.integers(0, 256, (height, width), dtype=np.uint8)
    noise = cv2.LUT(draws, table, dst=work.noise)
    cv2.multiply(noise, cv2.sqrt(signal, dst=scatter), dst=noise)
    cv2.add(signal, noise, dst=work.level, dtype=cv2.CV_16U)
    # One table look-up stands for logarithm, display curve and rounding.
    np.copyto(work.index, work.level)
    picture = np.empty((height, width), np.uint8)
    _display_curve(exposure).take(work.index, out=picture, mode="clip")
    if field is not None and shutter:
        cv2.multiply(picture, field, dst=picture, scale=1 / 255)
    return picture


_LEVELS = 2048  # of the detector
_OPEN = _LEVELS / 1.25  # the open beam's
# Random bytes through normal quantiles are normal enough, and eight times as fast to draw.
_NORMAL = np.array([NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)], np.float32)


def _display_curve(exposure: Exposure) -> np.ndarray:
    """Grey level of every detector level 0 to 1.25 times the open beam: (2048,) uint8."""
    signal = np.maximum(np.arange(_LEVELS), 0.5) / _OPEN
    contrast = np.maximum(-np.log(signal), 0) / exposure.reach
    contrast **= exposure.gamma
    # A shoulder: the bones of the forearm come near white and seldom reach it.
    bent = np.where(contrast < 0.7, contrast, 0.7 + 0.5 * np.tanh((contrast - 0.7) / 0.5))
    return np.clip(np.rint(exposure.black + exposure.span * bent), 0, 255).astype(np.uint8)
