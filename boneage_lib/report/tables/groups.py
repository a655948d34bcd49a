"""A table of errors by sex and age."""

from __future__ import annotations

import pandas as pd

from boneage_lib.evaluation import by_group
from boneage_lib.report.wording import with_limits


def errors_by_group(predictions: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Errors of one network by sex, by age band and by both, months.

    Args:
        predictions: of the network, as `boneage_lib.evaluation.by_group` takes them.
        seed: of the bootstrap.

    Returns:
        A row a group: ``radiographs``, ``mean absolute error`` with its 95 % interval where the
        group has more than one, ``root mean square error`` and ``bias`` (predicted less true).
    """
    rows = [
        {
            "group": found["group"],
            "radiographs": found["n"],
            "mean absolute error": with_limits(
                found["mae_months"], found["mae_low"], found["mae_high"]
            ),
            "root mean square error": found["rmse_months"],
            "bias": found["bias_months"],
        }
        for found in by_group(predictions, seed=seed).to_dict("records")
    ]
    return pd.DataFrame(rows).set_index("group")
