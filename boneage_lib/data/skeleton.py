"""The bones of one hand at an age: which are there, how far they have grown and where they lie.

All lengths are millimeters. The hand's frame has its origin in the middle of the wrist, x towards
the thumb and y towards the fingertips: the left hand, palm down, as a radiograph shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    LENGTHS,
    METACARPAL_BASES,
    METACARPAL_DIRECTIONS,
    OUTLINE_ANGLES,
    RADIUS,
    SEGMENTS,
    ULNA,
    WIDTH_MIXTURES,
    WIDTHS,
    ForearmBone,
)
from boneage_lib.data.maturity import CARPALS, CENTRES, hand_scale
from boneage_lib.data.solids import Blob, Bone, Finger, Hand, State, Tube, rounded_tube

MATURITY_NOISE_MONTHS = 6.0
CENTRE_NOISE_MONTHS = 3.0
_JOINT_GAP = 1.3  # cartilage between two grown bones, mm


@dataclass(frozen=True)
class Individual:
    """How far one child has grown.

    Attributes:
        female: sex.
        age: maturity of the whole hand, months.
        ages: maturity of each centre, months.
        scale: length of the hand relative to an adult man's.
        robust: width of the bones relative to an average man's of the same length.
    """

    female: bool
    age: float
    ages: dict[str, float]
    scale: float
    robust: float

    def progress(self, name: str) -> float:
        """0 when a centre appears, 1 when it is complete."""
        return CENTRES[name].progress(self.ages[name], self.female)

    @property
    def grown(self) -> float:
        """0 at birth, 1 when the fingers stop growing."""
        return float(np.clip(self.age / (162 if self.female else 180), 0, 1))


def draw_individual(
    months: float,
    female: bool,
    rng: np.random.Generator,
    maturity_noise_months: float,
    centre_noise_months: float,
) -> Individual:
    """A child of a bone age; see `grow_hand`."""
    share = float(np.clip(months / 96, 0.15, 1.0))
    age = months + share * maturity_noise_months * float(rng.standard_normal())
    jitter = share * centre_noise_months * rng.standard_normal(len(CENTRES))
    return Individual(
        female=female,
        age=age,
        ages={name: age + float(d) for name, d in zip(CENTRES, jitter, strict=True)},
        scale=hand_scale(max(age, 0), female) * float(np.exp(0.025 * rng.standard_normal())),
        robust=(0.92 if female else 1.0) * float(np.exp(0.04 * rng.standard_normal())),
    )


def epiphysis_size(progress: float) -> float:
    """Width of an epiphysis relative to its shaft's end: a grain at first, a cap at last."""
    return float(np.clip(0.24 + 1.08 * max(progress, 0) ** 0.55, 0, 1.05))


def fusion(progress: float) -> float:
    """How far epiphysis and shaft are one bone, 0 to 1."""
    x = float(np.clip((progress - 0.9) / 0.14, 0, 1))
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
    kind, scale = SEGMENTS[segment], child.scale
    progress = child.progress(f"{kind}_{finger + 1}")
    joined = fusion(progress)
    length = LENGTHS[finger][segment] * scale
    half = WIDTH_MIXTURES[kind] @ np.array(WIDTHS[kind]) / 2
    profile = (ALONG * length, half * scale * child.robust * FINGER_WIDTH[finger])
    head = float(profile[1][-5])
    round_head = head * (0.85 if kind == "metacarpal" else 0.45)
    cortex = (1.25 * scale * (0.75 + 0.45 * child.grown), 0.6 * scale)
    hollow = (-0.6 * scale, 1.2 * scale if kind == "metacarpal" else -0.4 * scale)
    whole = []
    if joined > 0:
        rounding = (1.5 * scale, round_head)
        whole = [rounded_tube(profile, (0, length), rounding, ends=hollow, cortex=cortex)]
    if joined == 1:
        return _states(joined, [], whole)

    young = 1 - child.grown
    zone = length * EPIPHYSIS_SHARE[kind]
    at_head = kind == "metacarpal" and finger > 0  # the others have their epiphysis at the base
    cartilage = length * (0.045 if at_head else 0.065) * young  # at the end without epiphysis
    metaphysis = float(np.interp(length - zone if at_head else zone, *profile))
    if at_head:
        span, rounding = (cartilage, length - zone), ((1.5 + 3.0 * young) * scale, 0.9 * scale)
    else:
        span, rounding = (zone, length - cartilage), (0.9 * scale, round_head * (1 + 0.3 * young))
    rounding = (min(rounding[0], 0.95 * metaphysis), min(rounding[1], 0.95 * head))
    apart = [rounded_tube(profile, span, rounding, cortex=cortex)]
    if progress > 0:
        size = epiphysis_size(progress)
        gap = scale * (0.2 + 1.5 * (1 - min(progress, 1)))
        height = _epiphysis_height(zone, gap, size)
        width = metaphysis * size * (0.93 if at_head else 1.0)
        top = length - zone + gap + height if at_head else zone - gap
        corner = 0.98 * min(height / 2, width)
        bend = height * (0.4 if at_head else 0.05)
        cap = rounded_tube(
            ((top - height, top), (width, width)),
            (top - height, top),
            (corner * (0.5 if at_head else 1), corner),
            ends=(0.0, bend) if at_head else (bend, 0.0),
            cortex=(0.55, 0.55),
            marrow=(0.5, 0.5),
            flat=0.7,
            edge=min(0.8 * scale, height / 2),
        )
        apart.append(cap)
    return _states(joined, apart, whole)


def forearm_bone(child: Individual, bone: ForearmBone) -> tuple[State, ...]:
    """Shaft and epiphysis of radius or ulna in the hand's frame."""
    scale = child.scale
    progress = child.progress(bone.name)
    joined = fusion(progress)
    profile = (np.array(bone.y) * scale, np.array(bone.half_width) * scale * child.robust)
    axis = (profile[0], np.array(bone.axis) * scale)
    low, end, zone = FOREARM_END * scale, bone.top * scale, bone.zone * scale
    shaft = {"cortex": (2.2 * scale, 0.5), "marrow": (0.3, 0.45), "flat": 0.8}
    tilt = (0.0, bone.tilt)
    whole = []
    if joined > 0:
        ends = (0.0, -0.5 * scale)
        rounding = (0.0, 3.0 * scale)
        whole = [rounded_tube(profile, (low, end), rounding, axis, tilt=tilt, ends=ends, **shaft)]
    apart = [rounded_tube(profile, (low, end - zone), (0, 1.2 * scale), axis, **shaft)]
    if progress > 0 and joined < 1:
        size = epiphysis_size(progress)
        gap = scale * (0.25 + 2.0 * (1 - min(progress, 1)))
        height = _epiphysis_height(zone, gap, size)
        width = float(np.interp(end - zone, *profile)) * min(size, 1.02)
        middle = float(np.interp(end - zone, *axis))
        span = (end - zone + gap, end - zone + gap + height)
        cap = rounded_tube(
            (span, (width, width)),
            span,
            (height * 0.3, min(height * 0.6, width)),
            (span, (middle, middle)),
            tilt=(0.0, bone.tilt * size),
            cortex=(0.5, 0.5),
            marrow=(0.5, 0.5),
            flat=0.7,
            edge=min(0.9 * scale, height / 2),
        )
        apart.append(cap)
    return _states(joined, apart, whole)


def carpal_bones(child: Individual) -> list[Bone]:
    """The carpals that have begun to ossify, in the hand's frame."""
    bones = []
    for name in CARPALS:
        progress = child.progress(name)
        if progress <= 0:
            continue
        grown = min(0.96, 0.22 + 0.98 * progress**0.52)
        formed = min(1.0, 0.1 + progress)  # a round grain takes on its shape as it grows
        outline = CARPAL_RADII[name]
        radius = child.scale * grown * (formed * outline + (1 - formed) * 0.95 * outline.mean())
        depth = child.scale * grown * (7.0 if name == "pisiform" else 12.0)
        x, y = CARPAL_MIDDLES[name]
        y += (5.0 if y > 0 else 2.5) * (1 - grown)  # the cartilage is thinner towards the fingers
        solid = Blob(radius, depth, cortex=0.6 * child.scale**0.5, marrow=0.4)
        bones.append(Bone(name, (x * child.scale, y * child.scale), 0.0, ((1.0, (solid,)),)))
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
    spread = float(np.clip(rng.normal(1.15, 0.35), 0.3, 2.0))
    turns = np.deg2rad(rng.normal(0, (1.0, 2.0, 2.0, 2.0), (5, 4)))
    turns[0, 0] *= 8.0  # the thumb moves freely, the other metacarpals hardly
    bones = carpal_bones(child)
    bones += [Bone(b.name, (0.0, 0.0), 0.0, forearm_bone(child, b)) for b in (RADIUS, ULNA)]
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
    return Hand(tuple(bones), tuple(fingers), child.scale, chubbiness)
