"""A table of errors by sex and age."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from boneage_lib.evaluation import by_group


def errors_by_group(predictions: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Errors of one network by sex, by age band and by both, months.

    Args:
        predictions: of the network, as `boneage_lib.evaluation.by_group` takes them.
        seed: of the bootstrap.

    Returns:
        A row a group: ``radiographs``, ``mean absolute error`` with its 95 % interval where the
        group has more than one, ``root mean square error`` and ``bias`` (predicted less true).
    """
    rows: list[dict[str, Any]] = []
    for found in by_group(predictions, seed=seed).to_dict("records"):
        error = f"{found['mae_months']:.1f}"
        if not math.isnan(found["mae_low"]):
            error += f" ({found['mae_low']:.1f} to {found['mae_high']:.1f})"
        rows.append(
            {
                "group": found["group"],
                "radiographs": found["n"],
                "mean absolute error": error,
                "root mean square error": found["rmse_months"],
                "bias": found["bias_months"],
            }
        )
    return pd.DataFrame(rows).set_index("group")
