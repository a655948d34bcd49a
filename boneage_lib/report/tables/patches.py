"""Tables of patches: how answers are combined, and the study of their size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.evaluation import bootstrap_interval, student_interval


def patches_at_test(averages: pd.DataFrame) -> pd.DataFrame:
    """Errors of a network by how its patches' answers are combined, months.

    Args:
        averages: see `boneage_lib.evaluation.patch_averages`.
    """
    rows = []
    for row in averages.to_dict("records"):
        side = round(row["patches"] ** 0.5)
        grid = row["places"] == "grid"
        spread = "—" if np.isnan(row["sd_months"]) else f"{row['sd_months']:.2f}"
        lowest = "—" if np.isnan(row["lowest"]) else f"{row['lowest']:.1f} to {row['highest']:.1f}"
        one = (row["places"], row["patches"], row["combined"]) == ("random", 3, "mean")
        rows.append(
            {
                "patches": f"{side} × {side} grid" if grid else f"{row['patches']} random",
                "combined by": row["combined"] if row["patches"] > 1 else "—",
                "draws": row["draws"],
                "mean absolute error": _in_words(row["mae_months"], row["low"], row["high"]),
                "standard deviation over draws": spread,
                "lowest to highest draw": lowest,
                "less the mean of 3 random": "—"
                if one
                else _in_words(
                    row["difference_months"], row["difference_low"], row["difference_high"], 2
                ),
            }
        )
    return pd.DataFrame(rows).set_index(["patches", "combined by"])


def fair_patch_study(fair: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The fair patch-size study, one row a setting, months.

    Args:
        fair: see `boneage_lib.training.fair_patch_study`, with ``errors_months``.
        seed: seed of the bootstraps.

    Returns:
        By number and size: pixels of a radiograph's patches and their share of it, pixels a step,
        updates, seeds; the mean absolute error of validation radiographs, averaged over seeds, with
        a bootstrap interval over radiographs and Student's over seeds; and the difference to the
        largest patches, paired by radiograph, with its bootstrap interval.
    """
    settings = [rows for _, rows in fair.groupby(["patch_size", "patch_count"])][::-1]
    errors = [np.mean(np.stack(list(rows["errors_months"])), axis=0) for rows in settings]
    found = []
    for rows, error in zip(settings, errors, strict=True):
        first, maes = rows.iloc[0], rows["mae_months"].tolist()
        over_seeds, less = student_interval(maes), error - errors[0]
        found.append(
            {
                "patches": f"{first['patch_count']} × {first['patch_size']} px",
                "pixels": int(first["pixels"]),
                "of the radiograph": f"{first['budget']:.0%}",
                "pixels a step": int(first["pixels_a_step"]),
                "updates": int(first["updates"]),
                "seeds": len(rows),
                "mean absolute error": _with(bootstrap_interval, error, seed),
                "over seeds": "—"
                if over_seeds is None
                else f"{over_seeds[0]:.1f} to {over_seeds[1]:.1f}",
                "less the largest patches'": "—"
                if error is errors[0]
                else _with(bootstrap_interval, less, seed),
            }
        )
    return pd.DataFrame(found).set_index("patches")


def _with(interval: Callable[..., Any], values: np.ndarray, seed: int) -> str:
    low, high = interval(values, seed=seed) or (np.nan, np.nan)
    return _in_words(float(values.mean()), low, high)


def _in_words(value: float, low: float, high: float, decimals: int = 1) -> str:
    if np.isnan(low):
        return f"{value:.{decimals}f}"
    return f"{value:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"
