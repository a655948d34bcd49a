"""Claims about where on the age axis the networks differ (section VI-C, Figure 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from boneage_lib.paper.claim import Claim, Verdict
from boneage_lib.paper.findings import (
    ONE_SEED,
    Difference,
    Results,
    absent,
    both,
    lower_error,
    turned,
)
from boneage_lib.paper.published import TITLES, limits
from boneage_lib.paper.statements import stated

HALF_WIDTH_Z = 0.25  # of the "small intervals around -1.5 and 1.5", which the text leaves open
MARGIN_MONTHS = 6.0  # networks whose errors differ by less count as "approximately equally able"
RESNET = "resnet50_patches"
#: Regions of Figure 6's axis, in words.
REGIONS = {"young": "around \N{MINUS SIGN}1.5", "old": "around 1.5", "center": "between"}
EDGES = ("young", "old")

Pairs = dict[tuple[str, str], list[Difference]]


def in_region(age_z: np.ndarray, region: str) -> np.ndarray:
    """True for the ages of a region of Figure 6's axis.

    Args:
        age_z: true ages, z-scores.
        region: a key of `REGIONS`.
    """
    low, high = limits("edges")
    if region == "center":
        return (age_z > low + HALF_WIDTH_Z) & (age_z < high - HALF_WIDTH_Z)
    return np.abs(age_z - {"young": low, "old": high}[region]) <= HALF_WIDTH_Z


def region_claims(run_results: Results) -> list[Claim]:
    """Equal at the edges, ResNet50 best in the center."""
    return [_edges(run_results), _center(run_results)]


def _known(run_results: Results, region: str) -> tuple[Pairs, int]:
    """Differences in mean absolute error (months) by pair of networks, and the radiographs.

    Each with an interval over radiographs, then one over seeds where there are several.
    """
    found: Pairs = {}
    n = 0
    for record in run_results.get("regions") or ():
        if record["region"] == region and record.get("difference_months_ci") is not None:
            low, high = record["difference_months_ci"]
            known: list[Difference] = [(record["difference_months"], low, high)]
            if record.get("over_seeds") is not None:
                point, low, high = record["over_seeds"]
                known.append((point, low, high))
            found[record["a"], record["b"]] = known
            n = int(record["n"])
    return found, n


def _luck(pairs: Iterable[list[Difference]]) -> str:
    """What is said where some pair was compared after one training alone."""
    return f" {ONE_SEED}" if any(len(known) == 1 for known in pairs) else ""


def _edges(run_results: Results) -> Claim:
    by_edge = {edge: _known(run_results, edge) for edge in EDGES}
    known = {edge: (found, n) for edge, (found, n) in by_edge.items() if len(found) >= 3}
    half: dict[str, Any]
    if not known:
        half = absent("differences between the three networks at the edges of the age axis")
    else:
        pairs = [pair for found, _ in known.values() for pair in found.values()]
        largest = max((pair[0] for pair in pairs), key=lambda each: abs(each[0]))
        half = {
            "measured": "; ".join(
                f"{REGIONS[edge]}, {n} radiographs: "
                + ", ".join(f"{TITLES[a]} less {TITLES[b]} {both(d)}" for (a, b), d in f.items())
                for edge, (f, n) in known.items()
            ),
            "value": largest[0],
            "interval": largest[1:],
            "verdict": _alike(pairs, whole=len(known) == len(EDGES)),
            "reason": f"Equal if every interval stays within {MARGIN_MONTHS:g} months, at both "
            "edges; not equal if two networks' intervals lie beyond; else there are too few "
            "radiographs to tell."
            + "".join(f" Not compared {REGIONS[e]}: too few." for e in EDGES if e not in known)
            + _luck(pairs),
        }
    return stated(
        "edges-equal",
        test=f"Paired differences on test radiographs within {HALF_WIDTH_Z} z of "
        "\N{MINUS SIGN}1.5, and of 1.5.",
        **half,
    )


def _alike(pairs: list[list[Difference]], whole: bool) -> Verdict:
    """Verdict on "about equal", from the differences of every pair; ``whole``: at both edges."""
    for pair in pairs:
        if all(low > MARGIN_MONTHS for _, low, _ in pair) or all(
            high < -MARGIN_MONTHS for _, _, high in pair
        ):
            return Verdict.CONTRADICTED
    within = all(
        low > -MARGIN_MONTHS and high < MARGIN_MONTHS for pair in pairs for _, low, high in pair
    )
    return Verdict.CONFIRMED if within and whole else Verdict.AMBIGUOUS


def _center(run_results: Results) -> Claim:
    found, n = _known(run_results, "center")
    against: dict[str, list[Difference]] = {}
    for (a, b), known in found.items():
        if a == RESNET:
            against[b] = known
        elif b == RESNET:
            against[a] = [turned(each) for each in known]
    half: dict[str, Any]
    if len(against) < 2:
        half = absent(f"differences of {TITLES[RESNET]} in the center of the age axis")
    else:
        weakest = max((known[0] for known in against.values()), key=lambda each: each[0])
        verdict, reason = lower_error(*against.values())
        half = {
            "measured": f"{n} radiographs; "
            + "; ".join(f"{both(d)} against {TITLES[other]}" for other, d in against.items()),
            "value": weakest[0],
            "interval": weakest[1:],
            "verdict": verdict,
            "reason": f"Claimed: lower error; {reason}.{_luck(against.values())}",
        }
    return stated(
        "center-resnet50",
        test="Paired differences on test radiographs between those two intervals.",
        **half,
    )
