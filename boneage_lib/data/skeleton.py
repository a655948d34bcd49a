"""The bones of one hand at an age: which are there, how far they have grown and where they lie.

All lengths are millimeters. The hand's frame has its origin in the middle of the wrist, x towards
the thumb and y towards the fingertips: the left hand, palm down, as a radiograph shows it.
"""

from __future__ import annotations

import numpy as np

from boneage_lib.data.anatomy import (
    ALONG,
    CARPAL_MIDDLES,
    CARPAL_RADII,
    EPIPHYSIS_SHARE,
    FINGER_SPREAD,
    FINGER_WIDTH,
    FLESH_WIDTHS,
    FOREARM_END,
    HALF_WIDTHS,
    LENGTHS,
    METACARPAL_BASES,
    METACARPAL_DIRECTIONS,
    METACARPAL_FACETS,
    OUTLINE_ANGLES,
    RADIUS,
    SEGMENTS,
    ULNA,
    WRIST_PIVOT,
    ForearmBone,
)
from boneage_lib.data.maturity import CARPALS, Individual, draw_individual
from boneage_lib.data.solids import Blob, Bone, Finger, Hand, State, Tube

MATURITY_NOISE_MONTHS = 6.0
CENTRE_NOISE_MONTHS = 3.0
_JOINT_GAP = 1.0  # cartilage between two grown bones, mm


def epiphysis_size(progress: float) -> float:
    """Width of an epiphysis relative to its shaft's end: a grain at first, a cap at last."""
    return float(min(max(0.24 + 1.08 * max(progress, 0) ** 0.55, 0), 1.05))


def fusion(progress: float) -> float:
    """How far epiphysis and shaft are one bone, 0 to 1."""
    x = min(max((progress - 0.9) / 0.14, 0), 1)
    return x * x * (3 - 2 * x)


def _states(joined: float, apart: list[Tube], whole: list[Tube]) -> tuple[State, ...]:
    states = ((1 - joined, tuple(apart)), (joined, tuple(whole)))
    return tuple(state for state in states if state[0] > 0)


def _epiphysis_height(zone: float, gap: float, size: float) -> float:
    """Height of an epiphysis in its cartilage of height ``zone``, beyond the growth plate, mm."""
    return (zone - gap) * (0.35 + 0.65 * min(size, 1)) * min(1, 0.4 + size)


def tubular_bone(child: Individual, finger: int, segment: int) -> tuple[State, ...]:
    """Shaft and epiphysis of a metacarpal or phalanx, proximal end at 0, pointing along y.

    Args:
        child: whose bone it is: size, robustness, maturity.
        finger: 0 thumb to 4 little finger.
        segment: 0 metacarpal, 1 proximal, 2 middle, 3 distal phalanx.
    """
    kind, scale, grown = SEGMENTS[segment], child.scale, child.grown
    progress = child.progress(f"{kind}_{finger + 1}")
    joined = fusion(progress)
    length = LENGTHS[finger][segment] * scale
    y = ALONG * length
    half = HALF_WIDTHS[kind] * (scale * child.robust * FINGER_WIDTH[finger])
    head = float(half[-5])
    metacarpal = kind == "metacarpal"
    cortex = (1.5 * scale * (0.7 + 0.4 * grown), 0.6 * scale)
    round_head = head * (0.7 if metacarpal else 0.5)
    bulge = (2.0 if metacarpal else 0.7) * scale  # of the head
    # A phalanx's base is a cup for the head before it.
    hollow, slope = METACARPAL_FACETS[finger] if metacarpal else (-1.0, 0.0)
    hollow *= scale
    whole = []
    if joined > 0:
        rounding = ((2.6 if metacarpal else 1.4) * scale, round_head)
        ends, plates = (hollow, bulge), (1.0 * scale, 0.7 * scale)
        span = (0.0, length)
        tilt = (slope, 0.0)
        whole = [Tube(y, half, span, rounding, 0.0, ends, tilt, cortex=cortex, plates=plates)]
    if joined == 1:
        return _states(joined, [], whole)

    young = 1 - grown
    zone = length * EPIPHYSIS_SHARE[kind]
    at_head = metacarpal and finger > 0  # the others have their epiphysis at the base
    cartilage = length * (0.045 if at_head else 0.065) * young  # at the end without epiphysis
    metaphysis = float(np.interp(length - zone if at_head else zone, y, half))
    calcified, plain = 0.9 * scale, 0.5 * scale  # the growing end is the denser one
    if at_head:
        span, rounding = (cartilage, length - zone), ((1.5 + 3.0 * young) * scale, 0.9 * scale)
        ends, plates = (hollow * grown, 0.4 * scale), (plain, calcified)
    else:
        span, rounding = (zone, length - cartilage), (0.9 * scale, round_head * (1 + 0.3 * young))
        ends, plates = (0.4 * scale, bulge), (calcified, plain)
    rounding = (min(rounding[0], 0.95 * metaphysis), min(rounding[1], 0.95 * head))
    tilt = (slope * grown, 0.0)
    apart = [Tube(y, half, span, rounding, 0.0, ends, tilt, cortex=cortex, plates=plates)]
    if progress > 0:
        size = epiphysis_size(progress)
        gap = scale * (0.1 + 1.5 * (1 - min(progress, 1)))
        height = _epiphysis_height(zone, gap, size)
        width = metaphysis * size * (0.95 if at_head else 1.02)
        top = length - zone + gap + height if at_head else zone - gap
        corner = 0.98 * min(height / 2, width)
        bend = height * (0.35 if at_head else 0.05)
        cup = min(0.25 * height, 0.8 * scale) * min(size, 1)
        cap = Tube(
            np.array([top - height, top]),
            np.array([width, width]),
            (top - height, top),
            (corner * (0.5 if at_head else 1), corner),
            ends=(0.0, bend) if at_head else (bend - 2 * cup * grown, 0.0),
            tilt=(0.14 * (2 - finger) * min(size, 1) if at_head else 0.0, 0.0),
            cortex=(0.6 * scale, 0.6 * scale),
            marrow=(0.42, 0.42),
            plates=(0.6 * scale, 0.5 * scale),
            flat=0.7,
            edge=min(0.7 * scale, height / 2),
        )
        apart.append(cap)
    return _states(joined, apart, whole)


def _styloid(child: Individual, progress: float, top: float) -> list[Tube]:
    """The styloid of the ulna beyond the joint at ``top``, once it has grown."""
    grown = min(max((progress - 0.35) / 0.5, 0), 1)
    if grown == 0:
        return []
    scale = child.scale
    end = top + 4.6 * scale * grown
    width = 2.8 * scale * child.robust
    y = np.array([top - 1.5 * scale, end])
    return [
        Tube(
            y, np.array([width, 0.8 * width]), (y[0], end), (0.2, 0.6 * width), -23.8 * scale,
            cortex=(0.8 * scale, 0.6 * scale), marrow=(0.3, 0.3),
        )
    ]  # fmt: skip


def forearm_bone(child: Individual, bone: ForearmBone) -> tuple[State, ...]:
    """Shaft and epiphysis of radius or ulna in the hand's frame."""
    scale = child.scale
    progress = child.progress(bone.name)
    joined = fusion(progress)
    y = np.array(bone.y) * scale
    half = np.array(bone.half_width) * (scale * child.robust)
    axis = np.array(bone.axis) * scale
    low, end, zone = FOREARM_END * scale, bone.top * scale, bone.zone * scale
    cortex, marrow, flat = (2.4 * scale, 0.6 * scale), (0.1, 0.24), 0.64
    hollow = -bone.hollow * scale
    styloid = _styloid(child, progress, end) if bone.name == "ulna" else []
    whole = []
    if joined > 0:
        whole = [
            Tube(
                y, half, (low, end), (0.0, 0.0), axis, (0.0, hollow), (0.0, bone.tilt),
                cortex, marrow, (0.4, 1.0 * scale), flat,
            ),
            *styloid,
        ]  # fmt: skip
    if joined == 1:
        return _states(joined, [], whole)
    apart = [
        Tube(
            y, half, (low, end - zone), (0.0, 1.2 * scale), axis, cortex=cortex, marrow=marrow,
            plates=(0.4, 1.1 * scale), flat=flat,
        )
    ]  # fmt: skip
    if progress > 0:
        size = epiphysis_size(progress)
        gap = scale * (0.15 + 2.0 * (1 - min(progress, 1)))
        height = _epiphysis_height(zone, gap, size)
        width = float(np.interp(end - zone, y, half)) * min(size, 1.02)
        middle = float(np.interp(end - zone, y, axis))
        span = (end - zone + gap, end - zone + gap + height)
        cap = Tube(
            np.array(span),
            np.array([width, width]),
            span,
            (height * 0.3, 0.0),  # the slanted corner is its styloid
            middle,
            ends=(0.0, hollow * min(max(2 * progress - 0.8, 0), 1)),
            tilt=(0.0, bone.tilt * min(1.0, 0.2 + progress)),
            cortex=(0.6 * scale, 0.6 * scale),
            marrow=(0.35, 0.35),
            plates=(0.6 * scale, 0.8 * scale),
            flat=0.7,
            edge=min(0.9 * scale, height / 2),
        )
        apart += [cap, *styloid]
    return _states(joined, apart, whole)


def carpal_bones(child: Individual, rng: np.random.Generator) -> list[Bone]:
    """The carpals that have begun to ossify, in the hand's frame."""
    bones, scale = [], child.scale
    turns = np.deg2rad(3.0) * rng.standard_normal(len(CARPALS))
    shifts = 0.3 * rng.standard_normal((len(CARPALS), 2))
    for name, turn, shift in zip(CARPALS, turns.tolist(), shifts.tolist(), strict=True):
        progress = child.progress(name)
        if progress <= 0:
            continue
        grown = min(1.0, 0.22 + 0.98 * progress**0.5)
        formed = min(1.0, 0.1 + progress)  # a round grain takes on its shape as it grows
        outline = CARPAL_RADII[name]
        radius = scale * grown * (formed * outline + (1 - formed) * 0.95 * outline.mean())
        depth = scale * grown * (5.0 if name == "pisiform" else 10.0)
        x, y = CARPAL_MIDDLES[name]
        y += (5.0 if y > 0 else 2.5) * (1 - grown)  # the cartilage is thinner towards the fingers
        place = ((x + shift[0]) * scale, (y + shift[1]) * scale)
        cortex, rim = 0.8 * scale, 0.75 - 0.4 * formed
        # Palm and back are not alike: their rims show as two lines.
        solids = [
            Blob(radius, 0.6 * depth, cortex, 0.3, rim),
            Blob(radius * (1 - 0.09 * formed), 0.4 * depth, cortex, 0.3, rim),
        ]
        bones.append(Bone(name, place, turn, ((1.0, tuple(solids)),)))
        if name == "hamate" and formed > 0.6:  # its hook, seen from its tip
            hook = scale * grown * (formed - 0.3) * (5.0 + 1.0 * np.cos(2 * OUTLINE_ANGLES))
            place = (place[0] + 1.5 * scale, place[1] + 1.5 * scale)
            solid = Blob(hook, 4.0 * scale, 1.3 * scale, 0.05, 0.5)
            bones.append(Bone("hamate", place, 0.6 + turn, ((1.0, (solid,)),)))
    return bones


def grow_hand(
    months: float,
    female: bool,
    rng: np.random.Generator,
    maturity_noise_months: float = MATURITY_NOISE_MONTHS,
    centre_noise_months: float = CENTRE_NOISE_MONTHS,
) -> Hand:
    """Bones and fingers of one hand at a bone age, in a random pose.

    Args:
        months: bone age, 0 to 240 months.
        female: sex.
        rng: draws the individual maturity, build and pose.
        maturity_noise_months: standard deviation of the whole hand's maturity around the bone
            age, in months, from eight years on: what readers disagree about. Smaller before, in
            proportion to the age.
        centre_noise_months: the same for each ossification centre on its own.
    """
    child = draw_individual(months, female, rng, maturity_noise_months, centre_noise_months)
    young = float(np.clip(1 - child.age / 150, 0, 1))
    chubbiness = 1 + 0.28 * young + 0.09 * float(np.clip(rng.standard_normal(), -2.5, 2.5))
    spread = float(np.clip(rng.normal(1.2, 0.35), 0.3, 1.8))
    turns = np.deg2rad(rng.normal(0, (1.0, 2.0, 2.0, 2.0), (5, 4)))
    turns[0, 0] *= 8.0  # the thumb moves freely, the other metacarpals hardly
    bones = carpal_bones(child, rng)
    bend = float(np.deg2rad(np.clip(rng.normal(-1, 5), -13, 11)))  # of the wrist
    pivot = WRIST_PIVOT * child.scale
    elbow = (-float(np.sin(bend)) * pivot, (1 - float(np.cos(bend))) * pivot)
    bones += [Bone(b.name, elbow, bend, forearm_bone(child, b)) for b in (RADIUS, ULNA)]
    fingers = []
    for finger in range(5):
        at = np.array(METACARPAL_BASES[finger]) * child.scale
        direction = np.deg2rad(METACARPAL_DIRECTIONS[finger]) * (1 + 0.12 * (spread - 1))
        angle = float(direction + turns[finger, 0])
        joints, flesh = [at], [FLESH_WIDTHS[0]]
        for segment, kind in enumerate(SEGMENTS):
            if LENGTHS[finger][segment] == 0:
                continue
            if segment == 1:  # fingers spread at the knuckles
                knuckle = float(np.deg2rad(FINGER_SPREAD[finger])) * spread
                angle = (knuckle if finger else angle + knuckle) + float(turns[finger, 1])
            elif segment > 1:
                angle = angle * 0.97 + float(turns[finger, segment])
            states = tubular_bone(child, finger, segment)
            bones.append(Bone(f"{kind}_{finger + 1}", (float(at[0]), float(at[1])), angle, states))
            reach = (LENGTHS[finger][segment] + _JOINT_GAP) * child.scale
            at = at + reach * np.array([np.sin(angle), np.cos(angle)])
            joints.append(at)
            flesh.append(FLESH_WIDTHS[segment + 1])
        width = child.scale * FINGER_WIDTH[finger] * (0.92 if female else 1.0) * chubbiness**0.8
        fingers.append(Finger(np.array(joints), np.array(flesh) * width))
    if (progress := child.progress("sesamoid")) > 0:
        size = child.scale * (0.9 + 1.7 * min(1, progress) ** 0.5)
        solid = Blob(size * (1 + 0.2 * np.cos(2 * OUTLINE_ANGLES)), 2.4 * size)
        x, y = fingers[0].joints[1] + np.array([-8.0, 0.0]) * child.scale
        bones.append(Bone("sesamoid", (float(x), float(y)), 0.5, ((1.0, (solid,)),)))
    return Hand(tuple(bones), tuple(fingers), child.scale, chubbiness, bend)
