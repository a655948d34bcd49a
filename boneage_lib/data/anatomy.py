"""Measures and outlines of the bones of a grown hand: an average man's, in millimeters.

Approximate, drawn by eye to look right on a radiograph. To check or replace the lengths of the
tubular bones, compare Garn, Hertzog, Poznanski and Nagy, "Metacarpophalangeal length in the
evaluation of skeletal malformation", Radiology 105 (1972). The frame is that of `skeleton`: x
towards the thumb, y towards the fingertips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

# Full lengths with both ends, adult man, mm: metacarpal, proximal, middle and distal phalanx.
LENGTHS = (
    (46.0, 32.0, 0.0, 23.0),
    (67.0, 41.0, 25.0, 18.0),
    (65.0, 45.5, 30.0, 19.0),
    (58.0, 42.0, 28.5, 19.0),
    (53.0, 33.5, 20.5, 17.0),
)
# Full widths at base, middle and head, mm.
WIDTHS: dict[str, tuple[float, float, float]] = {
    "metacarpal": (13.4, 7.4, 14.8),
    "proximal_phalanx": (16.4, 9.4, 12.6),
    "middle_phalanx": (14.4, 8.2, 11.4),
    "distal_phalanx": (12.8, 5.6, 9.4),
}
SEGMENTS = tuple(WIDTHS)
FINGER_WIDTH = (1.1, 1.0, 1.03, 0.95, 0.84)
# Width along a bone as mixture of base, middle and head: (s, base, middle, head).
_PROFILES: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "metacarpal": (
        (0.00, 0.92, 0.0, 0.0),
        (0.07, 1.00, 0.0, 0.0),
        (0.18, 0.50, 0.5, 0.0),
        (0.32, 0.12, 0.88, 0.0),
        (0.48, 0.0, 1.0, 0.0),
        (0.66, 0.0, 0.75, 0.25),
        (0.78, 0.0, 0.3, 0.7),
        (0.88, 0.0, 0.0, 1.02),
        (1.00, 0.0, 0.0, 0.9),
    ),
    "proximal_phalanx": (
        (0.00, 0.95, 0.0, 0.0),
        (0.06, 1.0, 0.0, 0.0),
        (0.14, 0.90, 0.1, 0.0),
        (0.27, 0.45, 0.55, 0.0),
        (0.42, 0.12, 0.88, 0.0),
        (0.66, 0.0, 1.0, 0.0),
        (0.80, 0.0, 0.6, 0.4),
        (0.91, 0.0, 0.0, 1.0),
        (1.00, 0.0, 0.0, 0.9),
    ),
    "distal_phalanx": (
        (0.00, 0.95, 0.0, 0.0),
        (0.10, 1.0, 0.0, 0.0),
        (0.22, 0.75, 0.25, 0.0),
        (0.42, 0.2, 0.8, 0.0),
        (0.66, 0.0, 1.0, 0.0),
        (0.82, 0.0, 0.2, 0.8),
        (0.90, 0.0, 0.0, 1.0),
        (1.00, 0.0, 0.0, 0.75),
    ),
}
_PROFILES["middle_phalanx"] = _PROFILES["proximal_phalanx"]
# Share of a bone's length that its epiphysis takes.
EPIPHYSIS_SHARE = {
    "metacarpal": 0.165,
    "proximal_phalanx": 0.115,
    "middle_phalanx": 0.125,
    "distal_phalanx": 0.15,
}
# Base of each metacarpal in the hand's frame, mm, and its direction, degrees towards the thumb.
METACARPAL_BASES = ((26.5, 6.5), (11.8, 14.6), (-0.5, 15.0), (-11.8, 12.4), (-21.4, 8.2))
# How far each base is cupped, mm, and its slope.
METACARPAL_FACETS = ((-1.0, 0.05), (-1.3, -0.12), (-0.4, 0.14), (0.4, 0.1), (0.5, 0.25))
METACARPAL_DIRECTIONS = (45.0, 9.0, -1.0, -10.5, -21.0)
FINGER_SPREAD = (-3.0, 11.0, 0.0, -11.0, -24.0)

# Outlines of the mature carpals around their middle, adult man, mm.
CARPAL_MIDDLES = {
    "capitate": (-1.0, 1.0),
    "hamate": (-15.2, 1.2),
    "triquetrum": (-19.0, -10.5),
    "lunate": (-4.8, -14.0),
    "scaphoid": (10.0, -8.0),
    "trapezoid": (11.0, 7.0),
    "trapezium": (20.5, 2.5),
    "pisiform": (-22.5, -6.5),
}
_CARPAL_OUTLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "capitate": (
        (-6, 12), (0, 13.5), (6, 12), (7, 5), (5.5, -2), (5.5, -8), (2.5, -12), (-2.5, -12),
        (-5.5, -8), (-6, 0), (-7, 6),
    ),
    "hamate": (
        (-8, 8), (-8.5, 3), (-5, -2), (-1, -6), (4, -10), (6.8, -8), (7.2, 0), (7, 9), (0, 10.5),
    ),
    "triquetrum": ((-7, 3), (-3, 7.5), (3.5, 4.5), (7, -2), (6, -6.5), (0, -7.5), (-6, -5)),
    "lunate": (
        (-8, 4), (-7.5, -2), (-4, -6), (3, -6.2), (7.5, -3), (8, 4.5), (4, 3.2), (0, 2), (-4, 3.2),
    ),
    "scaphoid": (
        (-7, -6.5), (-2, -10), (4.5, -8), (9, -1), (10, 6), (7, 9.5), (2, 8), (-2, 3), (-6.5, -1),
    ),
    "trapezoid": ((-4, -4.5), (0, -6), (5, -4), (6, 3), (3, 6.5), (-3, 6), (-5, 1)),
    "trapezium": ((-6, -4), (0, -6.5), (6, -3), (8, 3), (4, 7), (-2, 7), (-6, 3)),
    "pisiform": ((-4.5, 0), (-3, 5), (0, 6), (3.5, 4.5), (4.5, 0), (3, -5), (0, -6), (-3.5, -4)),
}  # fmt: skip
OUTLINE_ANGLES = np.deg2rad(np.arange(0, 360, 5))


def _polar(outline: tuple[tuple[float, float], ...]) -> np.ndarray:
    points = np.asarray(outline, dtype=float)
    angles = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
    order = np.argsort(angles)
    angles, radii = angles[order], np.hypot(points[:, 0], points[:, 1])[order]
    angles = np.concatenate([angles[-3:] - 2 * np.pi, angles, angles[:3] + 2 * np.pi])
    radii = np.concatenate([radii[-3:], radii, radii[:3]])
    # Straight facets, their corners rounded a little: bones that touch flatten each other.
    fine = np.deg2rad(np.arange(0, 360, 1.0))
    step = np.searchsorted(angles, fine, side="right")
    a, b = angles[step - 1], angles[step]
    r, q = radii[step - 1], radii[step]
    straight = r * q * np.sin(b - a) / (r * np.sin(fine - a) + q * np.sin(b - fine))
    kernel = np.hanning(23) / np.hanning(23).sum()
    return np.asarray(np.convolve(np.tile(straight, 3), kernel, "same")[360:720:5])


_FILLING = {"trapezium": 1.12, "trapezoid": 1.06}  # these two overlap
CARPAL_RADII = {
    name: _FILLING.get(name, 1.01) * _polar(outline) for name, outline in _CARPAL_OUTLINES.items()
}
ALONG = np.linspace(0, 1, 49)
#: Half widths of the tubular bones at ``ALONG``, mm.
HALF_WIDTHS = {
    name: PchipInterpolator([row[0] for row in rows], [row[1:] for row in rows])(ALONG)
    @ np.array(WIDTHS[name])
    / 2
    for name, rows in _PROFILES.items()
}

# Half width of a lean finger's flesh at the base of its metacarpal and at the end of each bone, mm.
FLESH_WIDTHS = (10.4, 11.2, 10.8, 9.6, 7.7)


@dataclass(frozen=True)
class ForearmBone:
    """A forearm bone of a man, mm, in the hand's frame.

    Attributes:
        name: radius or ulna.
        y: positions from the elbow's side to the wrist.
        half_width: at ``y``.
        axis: x of the middle at ``y``.
        top: y of the joint.
        zone: height of the epiphysis.
        tilt: slope of the joint.
        hollow: how far the joint is cupped.
    """

    name: str
    y: tuple[float, ...]
    half_width: tuple[float, ...]
    axis: tuple[float, ...]
    top: float
    zone: float
    tilt: float
    hollow: float


FOREARM_END = -260.0  # far below any picture
WRIST_PIVOT = -14.0  # y around which the forearm turns, mm
RADIUS = ForearmBone(
    "radius",
    y=(-260, -62, -45, -34, -28, -21),
    half_width=(7.6, 7.0, 8.8, 12.2, 14.8, 15.4),
    axis=(4.0, 8.6, 8.6, 8.3, 8.0, 8.0),
    top=-19.3,
    zone=8.5,
    tilt=0.22,
    hollow=1.8,
)
ULNA = ForearmBone(
    "ulna",
    y=(-260, -60, -44, -34, -27, -21),
    half_width=(8.6, 5.8, 5.8, 6.8, 8.3, 8.2),
    axis=(-14.5, -17.0, -17.8, -18.1, -18.3, -18.5),
    top=-21.5,
    zone=6.0,
    tilt=-0.04,
    hollow=0.3,
)
