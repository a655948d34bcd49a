"""Shapes of bones, lengths in millimeters: tubes, blobs and the hand they make up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tube:
    """A solid around an axis, symmetric in depth: a shaft, an epiphysis or both as one.

    It is the part of a profile within a span, its corners rounded.

    Attributes:
        y: (k,) positions along the axis, ascending, mm.
        half_width: (k,) at ``y``, mm.
        span: where the tube begins and ends, mm.
        rounding: radius of the corners at the bottom and at the top, mm.
        axis: (k,) sideways offset of the middle at ``y``, or one offset for all, mm.
        ends: how far the bottom and the top bend inwards at the sides, mm (below 0: hollow).
        tilt: slope of the bottom and of the top, mm sideways to mm along.
        cortex: thickness of the compact shell in the middle and at the ends, mm.
        marrow: density of the inside relative to the shell, in the middle and at the ends, 0 to 1.
        plates: thickness of the compact plates that close the bottom and the top, mm.
        flat: depth relative to width.
        edge: over how many mm the ends reach their full depth.
    """

    y: np.ndarray
    half_width: np.ndarray
    span: tuple[float, float]
    rounding: tuple[float, float] = (0.0, 0.0)
    axis: np.ndarray | float = 0.0
    ends: tuple[float, float] = (0.0, 0.0)
    tilt: tuple[float, float] = (0.0, 0.0)
    cortex: tuple[float, float] = (1.0, 0.4)
    marrow: tuple[float, float] = (0.06, 0.38)
    plates: tuple[float, float] = (0.4, 0.4)
    flat: float = 0.85
    edge: float = 0.75


@dataclass(frozen=True)
class Blob:
    """A rounded solid given by its outline: a carpal, a sesamoid or a styloid.

    Attributes:
        radius: (72,) distance of the outline from the middle at 0, 5, ... 355 degrees, mm.
        depth: thickness in the middle, mm.
        cortex: thickness of the shell, mm.
        marrow: density of the inside relative to the shell, 0 to 1.
        rim: over how many mm from the outline the depth is reached, relative to the smallest
            radius.
    """

    radius: np.ndarray
    depth: float
    cortex: float = 0.5
    marrow: float = 0.5
    rim: float = 0.75


State = tuple[float, tuple["Tube | Blob", ...]]


@dataclass(frozen=True)
class Bone:
    """What is ossified of one bone, in its own frame, and where it lies in the hand.

    Attributes:
        name: key of `maturity.CENTRES`.
        origin: place (x, y) of the frame's origin in the hand, mm.
        angle: turn of the frame's y axis towards the thumb, radians.
        states: the solids of each state the bone is in, with its weight; weights add up to 1. Shaft
            and epiphysis are one state, both fused another; a bone about to fuse is in both.
    """

    name: str
    origin: tuple[float, float]
    angle: float
    states: tuple[State, ...]


@dataclass(frozen=True)
class Finger:
    """The line its flesh follows, from the base of the metacarpal to the tip.

    Attributes:
        joints: (k, 2) points in the hand's frame, mm.
        half_widths: (k,) of the flesh at each point, mm.
    """

    joints: np.ndarray
    half_widths: np.ndarray


@dataclass(frozen=True)
class Hand:
    """One hand: its bones and what its soft tissue follows.

    Attributes:
        bones: all that is ossified.
        fingers: thumb to little finger.
        scale: length relative to an adult man's hand.
        chubbiness: thickness of the flesh relative to a lean adult's.
        wrist_turn: turn of the forearm around `anatomy.WRIST_PIVOT` towards the thumb, radians.
    """

    bones: tuple[Bone, ...]
    fingers: tuple[Finger, ...]
    scale: float
    chubbiness: float
    wrist_turn: float = 0.0
