"""The fair patch-size study, one row a setting: errors over seeds and radiographs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.evaluation.few_values import student_interval
from boneage_lib.evaluation.intervals import bootstrap_interval


def patch_sizes(fair: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Settings of the fair patch-size study, the largest patches first.

    Args:
        fair: see `boneage_lib.training.fair_patch_study`.
        seed: seed of the bootstraps.

    Returns:
        ``patch_count`` and ``patch_size``; ``pixels`` of a radiograph's patches and their share of
        it ``budget``; ``pixels_a_step``, ``updates``, ``seeds``; on validation, in months,
        ``mae_months``, the mean over seeds, with a bootstrap interval over radiographs
        ``mae_months_ci`` and Student's over seeds ``over_seeds``; ``difference_months`` to the
        largest patches, paired by radiograph, with its bootstrap interval ``difference_months_ci``.
        Intervals are None where there is nothing to compute them from.
    """
    settings = [rows for _, rows in fair.groupby(["patch_size", "patch_count"])][::-1]
    errors = [np.mean(np.stack(list(rows["errors_months"])), axis=0) for rows in settings]
    found: list[dict[str, Any]] = []
    for rows, error in zip(settings, errors, strict=True):
        first, less = rows.iloc[0], error - errors[0]
        found.append(
            {
                **{name: int(first[name]) for name in ("patch_count", "patch_size", "pixels")},
                "budget": float(first["budget"]),
                **{name: int(first[name]) for name in ("pixels_a_step", "updates")},
                "seeds": len(rows),
                "mae_months": float(error.mean()),
                "mae_months_ci": _interval(error, seed),
                "over_seeds": student_interval(rows["mae_months"].tolist()),
                "difference_months": float(less.mean()),
                "difference_months_ci": None if error is errors[0] else _interval(less, seed),
            }
        )
    return pd.DataFrame(found)


def _interval(values: np.ndarray, seed: int) -> list[float] | None:
    interval = bootstrap_interval(values, seed=seed)
    return None if interval is None else list(interval)
