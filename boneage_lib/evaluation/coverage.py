"""Did intervals hold what they promised: how many of them held the reference age."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from boneage_lib.evaluation.groups import AGE_BANDS_MONTHS, groups_of
from boneage_lib.evaluation.predictions import validate_predictions


def coverage_by_group(
    table: pd.DataFrame,
    half_width_months: float,
    bands_months: Sequence[float] = AGE_BANDS_MONTHS,
) -> pd.DataFrame:
    """Share of intervals about the answers that hold the reference age: of all, and by group.

    Args:
        table: predictions of radiographs that the width was not chosen by.
        half_width_months: see `boneage_lib.evaluation.conformal.conformal_half_width`.
        bands_months: rising edges of the age bands, see `boneage_lib.evaluation.by_group`.

    Returns:
        One row for all and one a group that holds anyone: ``by`` (all, sex, age, sex and age),
        ``group``, ``n``, ``covered`` (0 to 1), and ``low`` and ``high``, Clopper and Pearson's 95 %
        interval of it.

    Raises:
        InputError: a bad table, or edges that do not rise.
    """
    table = validate_predictions(table)
    held = (
        (table["predicted_months"] - table["boneage_months"]).abs() <= half_width_months
    ).to_numpy()
    everyone = ("all", "all", np.ones(len(table), dtype=bool))
    records = []
    for by, group, rows in [everyone, *groups_of(table, bands_months)]:
        k, n = int(held[rows].sum()), int(rows.sum())
        limits = stats.binomtest(k, n).proportion_ci(method="exact")
        records.append(
            {
                "by": by,
                "group": group,
                "n": n,
                "covered": k / n,
                "low": float(limits.low),
                "high": float(limits.high),
            }
        )
    return pd.DataFrame(records)
