"""One answer from many patches: mean or median, few or many, random or on a grid (section V-D)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.errors import InputError
from boneage_lib.evaluation.intervals import bootstrap_interval

#: What is taken of a radiograph's answers.
COMBINED: dict[str, Callable[..., np.ndarray]] = {"mean": np.mean, "median": np.median}
#: The paper's patches, which the others are compared with.
REFERENCE = ("random", 3, "mean")


def patch_averages(
    boneage_months: np.ndarray,
    random_months: np.ndarray,
    grid_months: np.ndarray,
    counts: Sequence[int] = (1, 3, 9),
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Errors of one network when the answers to its patches are combined in different ways.

    Random patches give another score every time. A set of ``patches`` gives as many disjoint draws
    of ``count`` as fit; they share a network and a test set, so that their spread is that of the
    patches' places alone, while the interval is that of a score over other radiographs.

    Args:
        boneage_months: (n,) reference.
        random_months: (n, sets, patches) answers to random patches.
        grid_months: (n, patches) answers to the patches of a grid.
        counts: how many random patches are combined.
        seed: seed of the bootstraps.
        confidence: coverage of the intervals.

    Returns:
        A row for each way: ``places`` (random or grid), ``patches``, ``combined`` (mean or median;
        the mean alone for one patch), ``n``, ``draws``, ``mae_months``, the mean over draws, with
        ``low`` and ``high``, its bootstrap interval over radiographs; ``sd_months``, ``lowest`` and
        ``highest`` of the draws' errors (missing where there is one draw); and
        ``difference_months``, the error less that of the mean of three random patches, with
        ``difference_low`` and ``difference_high``, paired by radiograph.

    Raises:
        InputError: more patches wanted than there are, or arrays that do not match.
    """
    n, _, patches = random_months.shape
    if len(boneage_months) != n or len(grid_months) != n:
        raise InputError(
            f"Found {len(boneage_months)} ages, {n} and {len(grid_months)} radiographs; expected "
            "as many of each."
        )
    if not counts or not 1 <= min(counts) <= max(counts) <= patches:
        raise InputError(f"Found counts={tuple(counts)}; expected numbers from 1 to {patches}.")
    errors: dict[tuple[str, int, str], np.ndarray] = {}
    for places, answers, of_places in (
        ("random", random_months, counts),
        ("grid", grid_months[:, None], (grid_months.shape[1],)),
    ):
        for count in of_places:
            whole = answers.shape[2] - answers.shape[2] % count
            drawn = answers[:, :, :whole].reshape(n, -1, count)  # (n, draws, count)
            for combined, function in COMBINED.items():
                if count > 1 or combined == "mean":
                    months = function(drawn, axis=2)
                    errors[places, count, combined] = np.abs(months - boneage_months[:, None])
    three = errors.get(REFERENCE)
    records = []
    for key, error in errors.items():
        record: dict[str, Any] = dict(zip(("places", "patches", "combined"), key, strict=True))
        of_draws, several = error.mean(axis=0), error.shape[1] > 1
        record |= {
            "n": n,
            "draws": len(of_draws),
            "mae_months": float(error.mean()),
            **_limits("", error.mean(axis=1), seed, confidence),
            "sd_months": float(of_draws.std(ddof=1)) if several else np.nan,
            "lowest": float(of_draws.min()) if several else np.nan,
            "highest": float(of_draws.max()) if several else np.nan,
        }
        if three is not None:
            less = error.mean(axis=1) - three.mean(axis=1)
            record["difference_months"] = float(less.mean())
            record |= _limits("difference_", less, seed, confidence)
        records.append(record)
    return pd.DataFrame(records)


def _limits(prefix: str, values: np.ndarray, seed: int, confidence: float) -> dict[str, float]:
    interval = bootstrap_interval(values, seed=seed, confidence=confidence) or (np.nan, np.nan)
    return {f"{prefix}low": interval[0], f"{prefix}high": interval[1]}
