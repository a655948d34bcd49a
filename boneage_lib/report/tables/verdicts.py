"""Verdicts of several kept studies, side by side."""

from __future__ import annotations

from typing import Any

import pandas as pd


def verdicts(*studies: Any) -> pd.DataFrame:
    """What kept studies say of each claim, one column a study, named by what it was trained on.

    Args:
        studies: see `boneage_lib.report.studies.Study`; a claim that one did not measure is empty
            there.
    """
    columns = {}
    for study in studies:
        data = study.metrics["data"]
        heading = f"{data['n_train']:,} at {data['image_size']} px"
        columns[heading] = study.claims.set_index("statement")["verdict"].map(str)
    return pd.DataFrame(columns).rename_axis("the paper says")
