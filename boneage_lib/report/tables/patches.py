"""Tables of patches: how answers are combined, and the study of their size."""

from __future__ import annotations

import numpy as np
import pandas as pd

from boneage_lib.report.wording import with_interval, with_limits


def patches_at_test(averages: pd.DataFrame) -> pd.DataFrame:
    """Errors of a network by how its patches' answers are combined, months.

    Args:
        averages: see `boneage_lib.evaluation.patch_averages`; an empty one stays empty.
    """
    if averages.empty:
        return averages
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
                "radiographs": row["n"],
                "mean absolute error": with_limits(row["mae_months"], row["low"], row["high"]),
                "standard deviation over draws": spread,
                "lowest to highest draw": lowest,
                "less the mean of 3 random": "—"
                if one
                else with_limits(
                    row["difference_months"], row["difference_low"], row["difference_high"], 2
                ),
            }
        )
    return pd.DataFrame(rows).set_index(["patches", "combined by"])


def patch_study(printed: pd.DataFrame) -> pd.DataFrame:
    """The patch-size study as the paper did it, in words, one row a setting.

    Args:
        printed: see `boneage_lib.report.results.keep_patch_study`, its first table.
    """
    found = [
        {
            "patches": f"{row['patch_count']} × {row['patch_size']} px",
            "pixels": row["pixels"],
            "of the radiograph": f"{row['budget']:.0%}",
            "patches a step": row["patches_a_step"],
            "training loss (z²)": row["loss"],
            "validation loss (z²)": row["val_loss"],
            "mean absolute error": with_limits(row["mae_months"], row["low"], row["high"]),
        }
        for row in printed.to_dict("records")
    ]
    return pd.DataFrame(found).set_index("patches")


def fair_patch_study(sizes: pd.DataFrame) -> pd.DataFrame:
    """The fair patch-size study in words, one row a setting, months.

    Args:
        sizes: see `boneage_lib.evaluation.patch_sizes`; an empty one stays empty.
    """
    if sizes.empty:
        return sizes
    found = []
    for number, row in enumerate(sizes.to_dict("records")):
        over_seeds = row["over_seeds"]
        record = {str(key): value for key, value in row.items()}
        found.append(
            {
                "patches": f"{row['patch_count']} × {row['patch_size']} px",
                "pixels": row["pixels"],
                "of the radiograph": f"{row['budget']:.0%}",
                "pixels a step": row["pixels_a_step"],
                "updates": row["updates"],
                "seeds": row["seeds"],
                "mean absolute error": with_interval(record, "mae_months"),
                "over seeds": "—"
                if over_seeds is None
                else f"{over_seeds[0]:.1f} to {over_seeds[1]:.1f}",
                "less the largest patches'": "—"
                if number == 0
                else with_interval(record, "difference_months"),
            }
        )
    return pd.DataFrame(found).set_index("patches")
