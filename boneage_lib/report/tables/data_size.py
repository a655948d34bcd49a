"""Tables of trainings on ever fewer radiographs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.evaluation import student_interval
from boneage_lib.paper.yardsticks import by_training_size
from boneage_lib.report.wording import title, with_interval


def data_size(found: dict[str, Any] | None) -> pd.DataFrame:
    """Errors by number of training radiographs, and those that Larson et al. printed.

    Args:
        found: see `boneage_lib.report.reached.on_some`; None gives an empty table.
    """
    if found is None:
        return pd.DataFrame()
    rows = []
    for size in found["sizes"]:
        row = {
            "network": title(found["network"]),
            "training radiographs": size["n_train"],
            "seeds": str(size["seeds"]),
        }
        for words, key in (("MAE (months)", "mae_months"), ("RMSE (months)", "rmse_months")):
            scores = {key: float(np.mean(size[key])), f"{key}_ci": student_interval(size[key])}
            row[words] = with_interval(scores, key, 2)
        rows.append(row)
    for n, months in by_training_size().items():
        rows.append(
            {
                "network": "Larson et al.",
                "training radiographs": n,
                "seeds": "—",
                "MAE (months)": "not printed",
                "RMSE (months)": f"{months:.1f}",
            }
        )
    return pd.DataFrame(rows).set_index("network")
