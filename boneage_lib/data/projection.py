"""How much bone each ray passes: the solids of a hand as path lengths, mm.

All solids of a kind are computed at once, each in a frame of its own that is as many samples wide
as the others', and only then turned into place: some forty bones one by one would spend their time
in Python, which the threads that draw a cohort have to share.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from boneage_lib.data.solids import Blob, Bone, Hand, Tube

_FINENESS = 1.0  # samples a pixel
_MARGIN = 1.5  # samples of nothing around a solid; half a one, so that none lies on its edge
_FINEST_BLOB = 64  # samples a side

Placed = tuple[Bone, float]


def _dome(q: np.ndarray) -> np.ndarray:
    """Depth of a rounded edge, 0 to 1, at ``q`` of its width; works in place."""
    np.clip(q, 0, 1, out=q)
    q -= 1
    q *= q
    np.subtract(1, q, out=q)
    return q


def _rows(values: Sequence[tuple[float, ...]] | Sequence[float], of: np.ndarray) -> np.ndarray:
    """Parameters of every tube, repeated for each of its rows: (parameters, rows)."""
    return np.asarray(values, np.float32).T[..., of]


def tube_paths(
    tubes: Sequence[Tube], bottoms: Sequence[float], density: float
) -> tuple[list[np.ndarray], np.ndarray]:
    """Path lengths through tubes, each in its own frame.

    Args:
        tubes: the solids, n of them.
        bottoms: (n,) lowest y to draw of each, mm.
        density: samples a mm along each axis.

    Returns:
        n arrays (rows, columns) float32, mm of compact bone, and (n, 4) x and y of the first
        sample of each and steps in x and y, mm.
    """
    spans = np.array([tube.span for tube in tubes])
    widest = np.array([tube.half_width.max() for tube in tubes])
    margin = _MARGIN / density
    tilts = np.array([tube.tilt for tube in tubes])
    hollow = np.array([min(0.0, *tube.ends) for tube in tubes])
    reach = widest * np.abs(tilts).max(axis=1) - hollow + margin
    low = np.maximum(spans[:, 0] - reach, bottoms)
    counts = np.maximum(np.ceil((spans[:, 1] + reach - low) * density).astype(int) + 1, 2)
    starts = np.concatenate([[0], np.cumsum(counts)])
    of = np.repeat(np.arange(len(tubes)), counts)
    y = (low[of] + (np.arange(starts[-1]) - starts[of]) / density).astype(np.float32)

    half, axis = np.empty_like(y), np.zeros_like(y)
    bent = np.zeros(len(tubes))  # how far the axis strays
    for k, tube in enumerate(tubes):
        rows = slice(starts[k], starts[k + 1])
        half[rows] = np.interp(y[rows], tube.y, tube.half_width)
        if isinstance(tube.axis, float):
            bent[k] = tube.axis
            axis[rows] = 0
        else:
            axis[rows] = np.interp(y[rows], tube.y, tube.axis)
            bent[k] = axis[rows].mean()
            axis[rows] -= bent[k]
    bottom, top = spans.astype(np.float32).T[:, of]
    below, above = y - bottom, top - y
    for radius, depth in zip(_rows([tube.rounding for tube in tubes], of), (below, above),
                             strict=True):  # fmt: skip
        inside = np.minimum(np.maximum(depth, 0), radius)
        half -= radius - np.sqrt(inside * (2 * radius - inside))
    np.maximum(half, 0.05, out=half)
    slope = np.diff(half, append=half[-1]) * np.float32(density)
    slope[starts[1:] - 1] = 0
    cosine = 1 / np.sqrt(1 + np.minimum(slope * slope, 4))
    middle = np.clip(1.7 - 1.7 * np.abs(below - above) / (top - bottom), 0, 1)  # 1 at mid-shaft
    mid, end = _rows([tube.cortex for tube in tubes], of)
    rim = np.maximum(half, 0.3)
    shell = np.minimum(end + (mid - end) * middle, 0.6 * rim)
    mid, end = _rows([tube.marrow for tube in tubes], of)
    marrow = end + (mid - end) * middle
    size = widest.astype(np.float32)[of]
    depth = 2 * _rows([tube.flat for tube in tubes], of) * np.maximum(half, 0.5 * size)
    edge = _rows([tube.edge for tube in tubes], of)

    # From here on (rows, columns): the columns reach as far as each tube does.
    stray = np.maximum.reduceat(np.abs(axis), starts[:-1])
    wide = widest + stray + margin
    columns = int(np.ceil(2 * wide.max() * density)) + 1
    across = np.linspace(-1, 1, columns, dtype=np.float32) * wide.astype(np.float32)[of][:, None]
    if stray.any():
        across -= axis[:, None]
    ends = _rows([tube.ends for tube in tubes], of) / (size * size)
    slant = _rows([tube.tilt for tube in tubes], of)
    square = across * across
    from_below = below[:, None] - square * ends[0][:, None]
    square *= ends[1][:, None]
    from_above = np.subtract(above[:, None], square, out=square)
    if slant.any():
        from_below -= across * slant[0][:, None]
        from_above += across * slant[1][:, None]
    # Distance from the outline: sideways, corrected for its slope.
    side = np.abs(across, out=across)
    np.subtract(half[:, None], side, out=side)
    side *= cosine[:, None]
    plates = _rows([tube.plates for tube in tubes], of)
    inner = np.minimum(from_below - plates[0][:, None], from_above - plates[1][:, None])
    inner *= (1 / edge)[:, None]
    outer = np.minimum(from_below, from_above, out=from_below)
    outer *= (1 / edge)[:, None]
    _dome(outer)
    _dome(inner)
    outer *= _dome(side * (1 / rim)[:, None])
    side -= shell[:, None]
    side *= (1 / (rim - shell))[:, None]
    inner *= _dome(side)
    cv2.sqrt(outer, dst=outer)
    cv2.sqrt(inner, dst=inner)
    outer *= depth[:, None]
    inner *= (np.maximum(depth - shell, 0) * (1 - marrow))[:, None]
    outer -= inner
    paths = [outer[a:b] for a, b in zip(starts[:-1], starts[1:], strict=True)]
    steps = 2 * wide / (columns - 1)
    frames = np.column_stack([bent - wide, low, steps, np.full(len(tubes), 1 / density)])
    return paths, frames


@lru_cache(maxsize=16)
def _polar_grid(side: int, angles: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of a square around (0, 0): distance, the two nearest angles and the share of the second."""
    unit = np.linspace(-1, 1, side)
    turn = np.arctan2(unit[:, None], unit[None, :]) * (angles / (2 * np.pi))
    index = np.floor(turn).astype(np.int32)
    distance = np.hypot(unit[:, None], unit[None, :]).astype(np.float32)
    share = (turn - index).astype(np.float32)
    return distance, index % angles, (index + 1) % angles, share


def blob_paths(blobs: Sequence[Blob], density: float) -> tuple[np.ndarray, np.ndarray]:
    """Path lengths through blobs, each in its own frame: see `tube_paths`."""
    radius = np.array([blob.radius for blob in blobs], np.float32)
    wide = radius.max(axis=1) + np.float32(_MARGIN / density)
    side = min(int(np.ceil(2 * wide.max() * density)) + 1, _FINEST_BLOB)
    distance, before, after, share = _polar_grid(side, radius.shape[1])
    # Distance from the outline: along the ray, corrected for the outline's slope to it.
    slope = (np.roll(radius, -1, axis=1) - np.roll(radius, 1, axis=1)) * np.float32(
        radius.shape[1] / (4 * np.pi)
    )
    cosine = 1 / np.sqrt(1 + (slope / radius) ** 2)
    inside = np.take(radius, before, axis=1)
    inside += (np.take(radius, after, axis=1) - inside) * share
    inside -= distance * wide[:, None, None]
    inside *= np.take(cosine, before, axis=1)

    def each(values: list[float]) -> np.ndarray:
        return np.array(values, np.float32)[:, None, None]

    rim = each([blob.rim for blob in blobs]) * radius.min(axis=1)[:, None, None]
    shell = np.minimum(each([blob.cortex for blob in blobs]), 0.6 * rim)
    depth = each([blob.depth for blob in blobs])
    outer = _dome(inside * (1 / rim))
    inside -= shell
    inside *= 1 / (rim - shell)
    inner = _dome(inside)
    np.sqrt(outer, out=outer)
    np.sqrt(inner, out=inner)
    outer *= depth
    inner *= np.maximum(depth - shell, 0) * (1 - each([blob.marrow for blob in blobs]))
    outer -= inner
    steps = 2 * wide / (side - 1)
    return outer, np.column_stack([-wide, -wide, steps, steps])


def _to_canvas(bones: Sequence[Bone], view: np.ndarray) -> np.ndarray:
    """Affine maps (n, 2, 3) from the bones' frames, mm, to the canvas, pixels."""
    angle = np.array([bone.angle for bone in bones])
    sine, cosine = np.sin(angle), np.cos(angle)
    origin = np.array([bone.origin for bone in bones])
    place = np.empty((len(bones), 2, 3))
    place[:, 0, 0], place[:, 0, 1], place[:, 0, 2] = cosine, sine, origin[:, 0]
    place[:, 1, 0], place[:, 1, 1], place[:, 1, 2] = -sine, cosine, origin[:, 1]
    maps = np.asarray(view[:, :2] @ place)
    maps[:, :, 2] += view[:, 2]
    return maps


def _lowest_seen(to_canvas: np.ndarray, shape: tuple[int, int]) -> float:
    """Lowest y, mm, of a bone's frame that lies in the picture."""
    height, width = shape
    corners = np.array([[0, width, 0, width], [0, 0, height, height]]) - to_canvas[:, 2:]
    return float(np.linalg.solve(to_canvas[:, :2], corners)[1].min())


def _add(
    canvas: np.ndarray,
    paths: Sequence[np.ndarray] | np.ndarray,
    frames: np.ndarray,
    to_canvas: np.ndarray,
    weights: Sequence[float],
) -> None:
    """Turn solids into place and add them to a canvas."""
    height, width = canvas.shape
    matrices = to_canvas.copy()
    matrices[:, :, 2] += (to_canvas[:, :, :2] @ frames[:, :2, None])[:, :, 0]
    matrices[:, :, :2] *= frames[:, None, 2:]
    spans = matrices[:, :, :2] * np.array([p.shape[::-1] for p in paths])[:, None, :]
    low = np.floor(matrices[:, :, 2] + np.minimum(spans, 0).sum(axis=2)).astype(int) - 1
    high = np.ceil(matrices[:, :, 2] + np.maximum(spans, 0).sum(axis=2)).astype(int) + 2
    low, high = np.maximum(low, 0), np.minimum(high, (width, height))
    matrices[:, :, 2] -= low
    for path, matrix, (x0, y0), (x1, y1), weight in zip(
        paths, matrices, low.tolist(), high.tolist(), weights, strict=True
    ):
        if x1 > x0 and y1 > y0:
            placed = cv2.warpAffine(path, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
            if weight != 1:
                placed *= weight
            canvas[y0:y1, x0:x1] += placed


def bone_paths(
    hand: Hand, shape: tuple[int, int], view: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """Path lengths of all rays through all bones of a hand.

    Args:
        hand: its bones.
        shape: height and width of the canvas, pixels.
        view: (2, 3) affine map from the hand's frame (mm) to the canvas (pixels).
        out: canvas to overwrite, of that shape and float32; a fresh one by default.

    Returns:
        (h, w) float32, mm of compact bone.
    """
    canvas = np.empty(shape, np.float32) if out is None else out
    canvas.fill(0)
    if not hand.bones:
        return canvas
    density = _FINENESS * float(np.sqrt(abs(np.linalg.det(view[:, :2]))))
    maps = _to_canvas(hand.bones, view)
    tubes: dict[bool, list[tuple[int, float, Tube, float]]] = {False: [], True: []}
    blobs: list[tuple[int, float, Blob]] = []
    for k, bone in enumerate(hand.bones):
        for weight, solids in bone.states:
            for solid in solids:
                if isinstance(solid, Blob):
                    blobs.append((k, weight, solid))
                    continue
                # The forearm leaves the picture: draw no more of it than is seen.
                forearm = bone.name in ("radius", "ulna")
                bottom = _lowest_seen(maps[k], shape) if forearm else -np.inf
                if bottom < solid.span[1]:
                    tubes[forearm].append((k, weight, solid, bottom))
    for group in tubes.values():  # forearm bones are wide: apart, so that the others need not be
        if group:
            at, weights, solids_, bottoms = zip(*group, strict=True)
            _add(canvas, *tube_paths(solids_, bottoms, density), maps[list(at)], weights)
    if blobs:
        at, weights, solids_ = zip(*blobs, strict=True)
        _add(canvas, *blob_paths(solids_, density), maps[list(at)], weights)
    return canvas
