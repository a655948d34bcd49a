"""Claims about where on the age axis the networks differ (section VI-C, Figure 6)."""

from __future__ import annotations

from typing import Any

import numpy as np

from boneage_lib.paper.claim import Claim, Verdict
from boneage_lib.paper.findings import Difference, Results, absent, lower_error, told
from boneage_lib.paper.published import TITLES, limits
from boneage_lib.paper.statements import stated

HALF_WIDTH_Z = 0.25  # of the "small intervals around -1.5 and 1.5", which the text leaves open
MARGIN_MONTHS = 6.0  # networks whose errors differ by less count as "approximately equally able"
RESNET = "resnet50_patches"


def in_region(age_z: np.ndarray, region: str) -> np.ndarray:
    """True for the ages of a region of Figure 6's axis.

    Args:
        age_z: true ages, z-scores.
        region: ``"edge"``, around -1.5 and 1.5, or ``"center"``, between those intervals.
    """
    low, high = limits("edges")
    if region == "center":
        return (age_z > low + HALF_WIDTH_Z) & (age_z < high - HALF_WIDTH_Z)
    return np.minimum(np.abs(age_z - low), np.abs(age_z - high)) <= HALF_WIDTH_Z


def region_claims(run_results: Results) -> list[Claim]:
    """Equal at the edges, ResNet50 best in the center."""
    return [_edges(run_results), _center(run_results)]


def _known(
    run_results: Results, region: str
) -> tuple[dict[tuple[str, str], Difference], int | None]:
    """Differences in mean absolute error (months) by pair of networks, and the radiographs."""
    found, n = {}, None
    for record in run_results.get("regions") or ():
        if record["region"] == region and record.get("difference_months_ci") is not None:
            low, high = record["difference_months_ci"]
            found[record["a"], record["b"]] = (record["difference_months"], low, high)
            n = int(record["n"])
    return found, n


def _edges(run_results: Results) -> Claim:
    found, n = _known(run_results, "edge")
    half: dict[str, Any]
    if len(found) < 3:
        half = absent("differences between the three networks at the edges of the age axis")
    else:
        largest = max(found.values(), key=lambda each: abs(each[0]))
        if all(low > -MARGIN_MONTHS and high < MARGIN_MONTHS for _, low, high in found.values()):
            verdict = Verdict.CONFIRMED
        elif any(low > 0 or high < 0 for _, low, high in found.values()):
            verdict = Verdict.CONTRADICTED
        else:
            verdict = Verdict.AMBIGUOUS
        half = {
            "measured": f"{n} radiographs; "
            + "; ".join(f"{TITLES[a]} less {TITLES[b]} {told(d)}" for (a, b), d in found.items()),
            "value": largest[0],
            "interval": largest[1:],
            "verdict": verdict,
            "reason": f"Equal if every interval stays within {MARGIN_MONTHS:g} months; not equal "
            "if one excludes zero; else there are too few radiographs to tell.",
        }
    return stated(
        "edges-equal",
        test=f"Paired differences on test radiographs within {HALF_WIDTH_Z} z of -1.5 and 1.5.",
        **half,
    )


def _center(run_results: Results) -> Claim:
    found, n = _known(run_results, "center")
    against: dict[str, Difference] = {}
    for (a, b), (point, low, high) in found.items():
        if a == RESNET:
            against[b] = (point, low, high)
        elif b == RESNET:
            against[a] = (-point, -high, -low)
    half: dict[str, Any]
    if len(against) < 2:
        half = absent(f"differences of {TITLES[RESNET]} in the center of the age axis")
    else:
        weakest = max(against.values(), key=lambda each: each[0])
        verdict, reason = lower_error(list(against.values()))
        half = {
            "measured": f"{n} radiographs; "
            + "; ".join(f"{told(d)} against {TITLES[other]}" for other, d in against.items()),
            "value": weakest[0],
            "interval": weakest[1:],
            "verdict": verdict,
            "reason": f"Claimed: lower error; {reason}.",
        }
    return stated(
        "center-resnet50",
        test="Paired differences on test radiographs between those two intervals.",
        **half,
    )
