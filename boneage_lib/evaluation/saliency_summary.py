"""Saliency of many radiographs at once: averages over age bands, and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from boneage_lib.evaluation.groups import AGE_BANDS_MONTHS
from boneage_lib.evaluation.intervals import SMALLEST_STRATUM, bootstrap_interval
from boneage_lib.evaluation.registration import mean_place, moved, place, silhouette
from boneage_lib.evaluation.windows import MAP_SIDE, resized

if TYPE_CHECKING:
    from boneage_lib.evaluation.saliency import Saliency


@dataclass(frozen=True)
class Band:
    """The mean over the registered hands of an age band.

    Attributes:
        low: lower edge, months, in the band.
        high: upper edge, months, not in the band but for the last one.
        n: hands in it.
        radiograph: float32 (size, size), their mean.
        strength: float32 (64, 64), the mean of `Saliency.strength`.
    """

    low: float
    high: float
    n: int
    radiograph: np.ndarray
    strength: np.ndarray


def age_bands(seen: Saliency, bands_months: Sequence[float] = AGE_BANDS_MONTHS) -> list[Band]:
    """Average radiograph and saliency of every age band, hands laid on each other.

    Hands are shifted and scaled to their band's mean place and size; see
    `boneage_lib.evaluation.registration`. Radiographs without a silhouette are left out.

    Args:
        seen: see `saliency`.
        bands_months: rising edges, months; a band holds its lower edge, the last one both.

    Returns:
        The bands that hold a hand, from young to old.
    """
    masks = [silhouette(image) for image in seen.images]
    band = np.digitize(seen.labels["boneage_months"], list(bands_months)[1:-1])
    strength = seen.strength
    found = []
    for number, (low, high) in enumerate(pairwise(bands_months)):
        places = {
            row: place(mask)
            for row, mask in enumerate(masks)
            if mask is not None and band[row] == number
        }
        if not places:
            continue
        common = mean_place(list(places.values()))
        radiograph, average = (
            np.mean([moved(pictures[row], own, common) for row, own in places.items()], axis=0)
            for pictures in (seen.images, strength)
        )
        found.append(
            Band(low, high, len(places), radiograph.astype("float32"), average.astype("float32"))
        )
    return found


def saliency_numbers(
    seen: Saliency, cases: Saliency, covered: np.ndarray, seed: int = 0
) -> dict[str, Any]:
    """What the maps come to in numbers.

    Args:
        seen: of radiographs that stand for the test set.
        cases: of the radiographs that were occluded, those with the worst errors: what their
            correlation is says nothing of others.
        covered: their `occlusion`.
        seed: seed of the bootstraps.

    Returns:
        Plain numbers, ready for JSON: ``n`` radiographs with a silhouette; ``inside_hand``, the
        mean share of `Saliency.strength` that lies in it, beside ``hand_area``, the share of the
        picture that it takes up, which a network that looks anywhere would reach; ``cases``; and
        ``rank_correlation``, the mean over them of Spearman's correlation between Grad-CAM and
        occlusion, both signed. The shares and the correlation have a 95 % bootstrap interval
        ``…_ci`` over radiographs, None for fewer than 10, of which a bootstrap shows too little.
    """
    inside, area = [], []
    for image, strength in zip(seen.images, seen.strength, strict=True):
        if (mask := silhouette(image)) is not None:
            weights = resized(mask.astype("float32"), MAP_SIDE)
            inside.append(float((strength * weights).sum() / strength.size))
            area.append(float(mask.mean()))
    squares = covered.shape[1]
    correlations = [
        float(stats.spearmanr(resized(own, squares).ravel(), other.ravel()).statistic)
        for own, other in zip(cases.maps, covered, strict=True)
        if np.ptp(own) > 0 and np.ptp(other) > 0
    ]
    numbers: dict[str, Any] = {"n": len(inside), "cases": len(correlations)}
    for name, values in (
        ("inside_hand", inside),
        ("hand_area", area),
        ("rank_correlation", correlations),
    ):
        numbers[name] = float(np.mean(values)) if values else None
        enough = len(values) >= SMALLEST_STRATUM
        interval = bootstrap_interval(np.array(values), seed=seed) if enough else None
        numbers[f"{name}_ci"] = None if interval is None else list(interval)
    return numbers
