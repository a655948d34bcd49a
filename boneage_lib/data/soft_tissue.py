"""How much soft tissue each ray passes: the flesh around a hand's bones as path lengths, mm."""

from __future__ import annotations

from statistics import NormalDist

import cv2
import numpy as np

from boneage_lib.data.anatomy import WRIST_PIVOT
from boneage_lib.data.solids import Finger, Hand

_SHIFT, _ONE = 4, 16  # OpenCV draws with this many fractional bits
_UNIT = 6  # grey levels a mm of half depth
_PRESSED = 0.7
# Distance from a straight edge, in standard deviations of its blur, by grey level 0 to 255.
_RISEN = 243
_RISE = np.array(
    [NormalDist().inv_cdf((min(level, _RISEN) + 0.5) / 256) for level in range(256)], np.float32
)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(points * _ONE).astype(np.int32)


def _draw_finger(
    mask: np.ndarray, depths: np.ndarray, points: np.ndarray, radii: np.ndarray, flesh: int
) -> None:
    """Fill a chain of tapered capsules: points (k, 2) and radii (k,), pixels.

    Args:
        mask: gets the finger's outline.
        depths: gets ``flesh``, its half depth, somewhat beyond the outline.
        points: joints, from the knuckle to the tip.
        radii: half widths at the joints.
        flesh: grey level of the half depth.
    """
    along = np.diff(points, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
    normal = np.column_stack([-along[:, 1], along[:, 0]])
    before, after = radii[:-1, None] * normal, radii[1:, None] * normal
    p, q = points[:-1], points[1:]
    for quad in _fixed(np.stack([p + before, q + after, q - after, p - before], axis=1)):
        cv2.fillConvexPoly(mask, quad, 255, cv2.LINE_AA, _SHIFT)
    for (x, y), radius in zip(
        _fixed(points).tolist(), (radii * _ONE).astype(int).tolist(), strict=True
    ):
        cv2.circle(mask, (x, y), radius, 255, -1, cv2.LINE_AA, _SHIFT)
    thickness = max(1, round(2.5 * float(radii.mean())))
    cv2.polylines(depths, [_fixed(points)], False, flesh, thickness, cv2.LINE_8, _SHIFT)


def _palm(hand: Hand) -> np.ndarray:
    """Outline of palm and forearm, (k, 2) mm."""
    scale, plump = hand.scale, hand.chubbiness
    fingers = hand.fingers

    def beside(finger: Finger, segment: int, share: float, side: float) -> np.ndarray:
        p, q = finger.joints[segment], finger.joints[segment + 1]
        along = (q - p) / np.hypot(*(q - p))
        return p + share * (q - p) + side * np.array([along[1], -along[0]])

    outline = [
        np.array([-31.0 * plump, -260.0]) * scale,
        np.array([-31.0 * plump, -60.0]) * scale,
        np.array([-31.5 * plump, -22.0]) * scale,
        np.array([-32.0 * plump, -10.0]) * scale,
        beside(fingers[4], 0, 0.1, -15.0 * scale * plump),
        beside(fingers[4], 0, 0.5, -15.0 * scale * plump),
        beside(fingers[4], 0, 0.95, -11.5 * scale * plump),
        beside(fingers[4], 1, 0.45, -3 * scale),
    ]
    for ring, little in ((3, 4), (2, 3), (1, 2)):
        outline.append(
            (beside(fingers[little], 1, 0.47, 0) + beside(fingers[ring], 1, 0.40, 0)) / 2
        )
    outline += [
        beside(fingers[1], 1, 0.42, 4 * scale),
        beside(fingers[1], 1, 0.1, 11 * scale * plump),
        beside(fingers[1], 0, 0.9, 13 * scale * plump),
        (beside(fingers[1], 0, 0.86, 0) + beside(fingers[0], 1, 0.3, 0)) / 2,
        beside(fingers[0], 1, 0.55, -6 * scale),
        beside(fingers[0], 0, 0.85, 10.5 * scale * plump),
        beside(fingers[0], 0, 0.4, 13 * scale * plump),
        np.array([29.5 * plump, -8.0]) * scale,
        np.array([31.0 * plump, -24.0]) * scale,
        np.array([33.0 * plump, -60.0]) * scale,
        np.array([36.0 * plump, -260.0]) * scale,
    ]
    points = np.array(outline)
    forearm = points[:, 1] < -40 * scale
    sine, cosine = np.sin(hand.wrist_turn), np.cos(hand.wrist_turn)
    pivot = np.array([0.0, WRIST_PIVOT * scale])
    turn = np.array([[cosine, -sine], [sine, cosine]])
    points[forearm] = (points[forearm] - pivot) @ turn + pivot
    return points


def soft_tissue_paths(
    hand: Hand, shape: tuple[int, int], view: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """Path lengths of all rays through the soft tissue of a hand.

    Args:
        hand: its fingers and its build.
        shape: height and width of the canvas, pixels.
        view: (2, 3) affine map from the hand's frame (mm) to the canvas (pixels).
        out: canvas to overwrite, of that shape and float32; a fresh one by default.

    Returns:
        (h, w) float32, mm.
    """
    height, width = shape
    # Everything is smooth here: half the resolution is enough.
    half_view = view * 0.5
    size = ((width + 1) // 2, (height + 1) // 2)
    mask = np.zeros((size[1], size[0]), np.uint8)
    pixels = float(np.sqrt(abs(np.linalg.det(half_view[:, :2]))))

    def place(points: np.ndarray) -> np.ndarray:
        return np.asarray(points @ half_view[:, :2].T + half_view[:, 2])

    plump = hand.scale * hand.chubbiness
    cv2.fillPoly(mask, [_fixed(place(_palm(hand)))], 255, cv2.LINE_AA, _SHIFT)
    depths = np.full_like(mask, round(min(255, 19 * plump * _UNIT)))  # the forearm's
    wrist = np.array([[-90.0, -22.0], [90.0, -22.0], [90.0, 260.0], [-90.0, 260.0]]) * hand.scale
    level = round(min(255, 14 * plump * _UNIT))
    cv2.fillConvexPoly(depths, np.rint(place(wrist)).astype(np.int32), level)
    for finger in hand.fingers:
        flesh = round(float(finger.half_widths[2:].mean()) * 1.05 * _UNIT)
        radii = finger.half_widths[1:] * pixels
        _draw_finger(mask, depths, place(finger.joints[1:]), radii, flesh)
    sigma = max(1.8 * hand.scale * pixels, 0.5)
    smooth = cv2.GaussianBlur(mask, (0, 0), sigma)
    # Distance from the skin: near it from how far the smoothed outline has risen, which knows
    # fractions of a pixel; further in, where steps do not show, from the nearest pixel beyond.
    inside = np.asarray(cv2.LUT(smooth, np.float32(sigma) * _RISE), np.float32)
    core = cv2.threshold(smooth, _RISEN, 1, cv2.THRESH_BINARY)[1]
    inside += np.asarray(cv2.GaussianBlur(cv2.distanceTransform(core, cv2.DIST_L2, 3), (0, 0), 0.9))
    inside -= 0.5  # filling draws the outline itself as well, half of it outside
    inside *= np.float32(1 / pixels)
    sigma = max(4.5 * hand.scale * pixels, 0.5) / 4  # so smooth that a quarter will do
    small = cv2.resize(depths, (size[0] // 4 + 1, size[1] // 4 + 1), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small.astype(np.float32), (0, 0), sigma)
    edge = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.float32)
    # Rounded edges, pressed flat: full depth is reached _PRESSED times that depth from the skin.
    edge *= np.float32(_PRESSED / _UNIT)
    inside = np.minimum(np.maximum(inside, 0, out=inside), edge, out=inside)
    edge *= 2
    edge -= inside
    edge *= inside
    paths = cv2.GaussianBlur(
        cv2.sqrt(edge) * np.float32(2 / _PRESSED), (0, 0), max(0.7 * hand.scale * pixels, 0.7)
    )
    return np.asarray(
        cv2.resize(paths, (width, height), dst=out, interpolation=cv2.INTER_LINEAR), np.float32
    )
