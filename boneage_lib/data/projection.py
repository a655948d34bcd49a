"""How much bone and soft tissue each ray passes: the solids of a hand as path lengths, mm."""

from __future__ import annotations

import cv2
import numpy as np

from boneage_lib.data.solids import Blob, Bone, Finger, Hand, Tube

_FINENESS = 1.1  # samples a pixel, so that turning a bone into place does not soften its edges


def _round(q: np.ndarray) -> np.ndarray:
    """Square of the depth of a rounded edge, 0 to 1, at ``q`` of its width."""
    q = np.minimum(np.maximum(q, 0), 1)
    return q * (2 - q)


def _column(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)[:, None]


def tube_paths(tube: Tube, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Path lengths through a tube, (h, w) mm of compact bone, at columns ``x`` and rows ``y``."""
    low, high = float(tube.y[0]), float(tube.y[-1])
    half = np.interp(y, tube.y, tube.half_width)
    slope = np.diff(half, append=half[-1]) / (y[1] - y[0])
    widest = float(tube.half_width.max())
    middle = 1 - 2 * np.abs(y - (low + high) / 2) / (high - low)  # 1 at mid-shaft, 0 at the ends
    middle = np.minimum(np.maximum(1.7 * middle, 0), 1)
    cortex = tube.cortex[1] + (tube.cortex[0] - tube.cortex[1]) * middle
    marrow = tube.marrow[1] + (tube.marrow[0] - tube.marrow[1]) * middle
    across = x[None, :] - _column(np.interp(y, tube.y, tube.axis))
    # Distance from the outline: sideways, corrected for its slope, and from both ends.
    side = (_column(half) - np.abs(across)) * _column(1 / np.sqrt(1 + np.minimum(slope**2, 4)))
    end = _column(np.minimum(y - low, high - y))  # (h, 1) if both ends are straight
    if any(tube.ends) or any(tube.tilt):
        bend = (across * np.float32(1 / widest)) ** 2
        below = _column(y - low) - bend * np.float32(tube.ends[0])
        above = _column(high - y) - bend * np.float32(tube.ends[1])
        if any(tube.tilt):
            below -= across * np.float32(tube.tilt[0])
            above += across * np.float32(tube.tilt[1])
        end = np.minimum(below, above)
    rim = np.maximum(half, 0.3)
    depth = 2 * tube.flat * np.maximum(half, 0.5 * widest)
    shell = np.minimum(cortex, 0.6 * rim)
    plate = min(tube.cortex[1], 0.5 * tube.edge)
    outer = np.sqrt(_round(side * _column(1 / rim)) * _round(end * np.float32(1 / tube.edge)))
    inner = np.sqrt(
        _round((side - _column(shell)) * _column(1 / (rim - shell)))
        * _round((end - np.float32(plate)) * np.float32(1 / (tube.edge - plate)))
    )
    outer *= _column(depth)
    inner *= _column((depth - 2 * shell) * (1 - marrow))
    return np.asarray(outer - inner)


def blob_paths(blob: Blob, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Path lengths through a blob, (h, w) mm of compact bone, at columns ``x`` and rows ``y``."""
    turn = np.arctan2(y[:, None], x[None, :]) * np.float32(len(blob.radius) / (2 * np.pi))
    index = np.floor(turn).astype(np.int32)
    share = turn - index
    radius = blob.radius.astype(np.float32)
    outline = radius[index % len(radius)] * (1 - share) + radius[(index + 1) % len(radius)] * share
    inside = outline - np.hypot(x[None, :], y[:, None])
    rim = np.float32(0.75 * radius.min())
    shell = min(np.float32(blob.cortex), np.float32(0.6) * rim)
    outer = blob.depth * np.sqrt(_round(inside / rim))
    inner = np.sqrt(_round((inside - shell) / (rim - shell)))
    inner *= np.float32((blob.depth - 2 * shell) * (1 - blob.marrow))
    return np.asarray(outer - inner)


def _overhang(tube: Tube) -> float:
    """How far tilted and hollow ends reach beyond the ends of the axis, mm."""
    return float(tube.half_width.max()) * max(map(abs, tube.tilt)) + max(0.0, -min(tube.ends))


def _bounds(bone: Bone) -> tuple[float, float, float, float]:
    left, right, bottom, top = [], [], [], []
    for solid in (solid for _, solids in bone.states for solid in solids):
        if isinstance(solid, Blob):
            reach = float(solid.radius.max())
            left.append(-reach)
            right.append(reach)
            bottom.append(-reach)
            top.append(reach)
        else:
            tilted = _overhang(solid)
            left.append(float((solid.axis - solid.half_width).min()))
            right.append(float((solid.axis + solid.half_width).max()))
            bottom.append(float(solid.y[0]) - tilted)
            top.append(float(solid.y[-1]) + tilted)
    return min(left), max(right), min(bottom), max(top)


def add_bone(canvas: np.ndarray, bone: Bone, view: np.ndarray) -> None:
    """Add a bone's path lengths to a float32 canvas in place.

    Args:
        canvas: (h, w) float32, mm of compact bone.
        bone: its solids, in its own frame (mm), and where that lies in the hand's.
        view: (2, 3) affine map from the hand's frame (mm) to the canvas (pixels).
    """
    sine, cosine = np.sin(bone.angle), np.cos(bone.angle)
    place = np.array([[cosine, sine, bone.origin[0]], [-sine, cosine, bone.origin[1]]])
    to_canvas = view[:, :2] @ place
    to_canvas[:, 2] += view[:, 2]
    density = _FINENESS * np.sqrt(abs(np.linalg.det(to_canvas[:, :2])))
    left, right, bottom, top = _bounds(bone)
    margin = 2.0 / density
    height, width = canvas.shape
    if bottom < 0:  # the forearm leaves the picture: draw no more of it than is seen
        edges = np.array([[0, width, 0, width], [0, 0, height, height]]) - to_canvas[:, 2:]
        bottom = max(bottom, float(np.linalg.solve(to_canvas[:, :2], edges)[1].min()))
    x = np.arange(left - margin, right + margin + 1 / density, 1 / density, dtype=np.float32)
    y = np.arange(bottom - margin, top + margin + 1 / density, 1 / density, dtype=np.float32)
    if len(y) < 2:
        return
    paths = np.zeros((len(y), len(x)), np.float32)
    for weight, solids in bone.states:
        state = np.zeros_like(paths)
        for solid in solids:
            if isinstance(solid, Blob):
                state = np.maximum(state, blob_paths(solid, x, y))
                continue
            reach = _overhang(solid) + margin
            rows = slice(*np.searchsorted(y, (solid.y[0] - reach, solid.y[-1] + reach)))
            if len(y[rows]) < 2:  # below the picture
                continue
            state[rows] = np.maximum(state[rows], tube_paths(solid, x, y[rows]))
        paths += np.float32(weight) * state
    raster = np.array([[1 / density, 0, x[0]], [0, 1 / density, y[0]]])
    matrix = to_canvas[:, :2] @ raster
    matrix[:, 2] += to_canvas[:, 2]
    corners = matrix @ np.array(
        [[0, len(x), 0, len(x)], [0, 0, len(y), len(y)], [1, 1, 1, 1]], dtype=float
    )
    x0, y0 = np.maximum(np.floor(corners.min(axis=1)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=1)).astype(int) + 2, (width, height))
    if x1 <= x0 or y1 <= y0:
        return
    matrix[:, 2] -= (x0, y0)
    placed = cv2.warpAffine(paths, matrix, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
    canvas[y0:y1, x0:x1] += placed


def bone_paths(hand: Hand, shape: tuple[int, int], view: np.ndarray) -> np.ndarray:
    """Path lengths of all rays through all bones of a hand: (h, w) float32, mm of compact bone."""
    canvas = np.zeros(shape, np.float32)
    for bone in hand.bones:
        add_bone(canvas, bone, view)
    return canvas


def _stadium(canvas: np.ndarray, points: np.ndarray, radii: np.ndarray, value: int) -> None:
    """Fill a chain of tapered capsules: points (k, 2) and radii (k,), pixels."""
    shift, one = 4, 16
    for k in range(len(points)):
        centre = tuple(int(v) for v in np.rint(points[k] * one))
        cv2.circle(canvas, centre, int(radii[k] * one), value, -1, cv2.LINE_AA, shift)
    for (p, r), (q, s) in zip(
        zip(points[:-1], radii[:-1], strict=True), zip(points[1:], radii[1:], strict=True),
        strict=True,
    ):  # fmt: skip
        along = (q - p) / max(float(np.hypot(*(q - p))), 1e-6)
        normal = np.array([-along[1], along[0]])
        quad = np.array([p + r * normal, q + s * normal, q - s * normal, p - r * normal])
        cv2.fillConvexPoly(canvas, np.rint(quad * one).astype(np.int32), value, cv2.LINE_AA, shift)


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
        np.array([-29.0 * plump, -60.0]) * scale,
        np.array([-27.5 * plump, -22.0]) * scale,
        np.array([-30.0 * plump, -10.0]) * scale,
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
        np.array([28.5 * plump, -24.0]) * scale,
        np.array([31.0 * plump, -60.0]) * scale,
        np.array([36.0 * plump, -260.0]) * scale,
    ]
    return np.array(outline)


def soft_tissue_paths(hand: Hand, shape: tuple[int, int], view: np.ndarray) -> np.ndarray:
    """Path lengths of all rays through the soft tissue of a hand: (h, w) float32, mm."""
    height, width = shape
    # Everything is smooth here: half the resolution is enough.
    half_view = view * 0.5
    size = ((width + 1) // 2, (height + 1) // 2)
    mask = np.zeros((size[1], size[0]), np.uint8)
    depths = np.zeros_like(mask)
    pixels = float(np.sqrt(abs(np.linalg.det(half_view[:, :2]))))

    def place(points: np.ndarray) -> np.ndarray:
        return np.asarray(points @ half_view[:, :2].T + half_view[:, 2])

    unit = 6  # grey levels a mm of half depth
    palm = np.rint(place(_palm(hand)) * 16).astype(np.int32)
    plump = hand.scale * hand.chubbiness
    cv2.fillPoly(mask, [palm], 255, cv2.LINE_AA, 4)
    depths[:] = round(min(255, 24 * plump * unit))  # the forearm's
    wrist = np.array([[-90.0, -22.0], [90.0, -22.0], [90.0, 260.0], [-90.0, 260.0]]) * hand.scale
    cv2.fillConvexPoly(
        depths, np.rint(place(wrist)).astype(np.int32), round(min(255, 16 * plump * unit))
    )
    for finger in hand.fingers:
        points = place(finger.joints)
        _stadium(mask, points[1:], finger.half_widths[1:] * pixels, 255)
        flesh = round(float(finger.half_widths[2:].mean()) * 1.05 * unit)
        _stadium(depths, points[1:], finger.half_widths[1:] * pixels * 1.25, flesh)
    smooth = cv2.GaussianBlur(mask, (0, 0), max(2.2 * hand.scale * pixels, 0.5))
    inside = np.asarray(cv2.distanceTransform((smooth > 127).astype(np.uint8), cv2.DIST_L2, 5))
    # The binary mask's steps, smoothed away before the square root would show them.
    inside = np.maximum(np.asarray(cv2.GaussianBlur(inside, (0, 0), 1.2)) - np.float32(0.5), 0)
    inside = inside / np.float32(pixels)
    depth = cv2.GaussianBlur(
        depths.astype(np.float32) / unit, (0, 0), max(4.5 * hand.scale * pixels, 0.5)
    )
    paths = 2 * depth * np.sqrt(_round(inside / depth))
    paths = cv2.GaussianBlur(paths, (0, 0), max(1.1 * hand.scale * pixels, 0.8))
    return np.asarray(cv2.resize(paths, (width, height), interpolation=cv2.INTER_LINEAR))
