"""Tables of ablations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.evaluation import student_interval
from boneage_lib.report.wording import with_interval, with_limits

#: Arms of ablations as tables call them.
ARM_TITLES = {
    "plateau": "halved on a plateau (the reference)",
    "sawtooth": "1e-3 to 1e-5 within each epoch",
    "exponential": "one decay over all epochs",
    "constant": "constant",
    "resampled": "uniform over age and sex (the reference)",
    "as_it_is": "as the radiographs come",
    "caffe": "as the weights expect (the reference)",
    "tf": "[-1, 1], as printed",
}


def ablation(found: dict[str, Any] | None) -> pd.DataFrame:
    """An ablation in words, one row an arm.

    Args:
        found: see `boneage_lib.report.ablation.keep_ablation`; None gives an empty table.
    """
    if found is None:
        return pd.DataFrame()
    rows = []
    for name, arm in found["arms"].items():
        errors = {
            "mae_months": float(np.mean(arm["mae_months"])),
            "mae_months_ci": student_interval(arm["mae_months"]),
        }
        less = "—"
        if name != found["reference"]:
            low, high = arm["interval"] or (math.nan, math.nan)
            less = with_limits(arm["difference_months"], low, high, 2)
        updates = sorted(set(arm["updates"]))
        rows.append(
            {
                "arm": ARM_TITLES.get(name, name),
                "updates": " to ".join(f"{number:,}" for number in {updates[0], updates[-1]}),
                "seeds": len(arm["seed"]),
                "mean absolute error": with_interval(errors, "mae_months"),
                "less the first": less,
            }
        )
    return pd.DataFrame(rows).set_index("arm")
