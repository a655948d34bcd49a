"""A table of answers under changes to errors by change and strength.

Apart from `boneage_lib.evaluation.robustness`, which makes the table with a network: whoever reads
one needs no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.errors import InputError
from boneage_lib.evaluation.intervals import bootstrap_interval
from boneage_lib.evaluation.predictions import validate_predictions

#: The condition of a radiograph as it is.
UNCHANGED = "none"


def robustness_summary(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Errors by condition and strength, and what each differs from the radiographs as they are.

    Args:
        table: what `robustness` gives.
        seed: seed of the bootstraps.

    Returns:
        One row a condition and strength, in the table's order: ``condition``, ``strength``, ``n``,
        ``mae_months`` with ``mae_low`` and ``mae_high``; ``change_months``, the error less that of
        the same radiographs unchanged (positive is worse), with ``change_low`` and
        ``change_high``; and ``moved_months``, by how much answers move, on average and whichever
        way. Limits are 95 % bootstrap intervals over radiographs, missing where there is one.

    Raises:
        InputError: a missing column, a bad prediction, or other radiographs in one condition than
            in another.
    """
    if missing := [name for name in ("condition", "strength") if name not in table]:
        raise InputError(f"The table lacks {', '.join(missing)}; expected what robustness() gives.")
    parts = {
        key: validate_predictions(rows).set_index("id")
        for key, rows in table.groupby(["condition", "strength"], sort=False)
    }
    unchanged = parts.get((UNCHANGED, 0.0))
    if unchanged is None:
        raise InputError(f"Found no condition {UNCHANGED!r}; expected what robustness() gives.")
    as_is = unchanged["predicted_months"]
    error_as_is = (as_is - unchanged["boneage_months"]).abs()
    records = []
    for (name, strength), part in parts.items():
        if len(part) != len(as_is) or not part.index.isin(as_is.index).all():
            raise InputError(
                f"Condition {name!r} at {strength:g} holds other radiographs than {UNCHANGED!r}; "
                "expected the same in each."
            )
        part = part.loc[as_is.index]
        error = (part["predicted_months"] - part["boneage_months"]).abs()
        change = error - error_as_is
        records.append(
            {
                "condition": name,
                "strength": strength,
                "n": len(part),
                **_mean("mae", error.to_numpy(), seed),
                **_mean("change", change.to_numpy(), seed),
                "moved_months": float((part["predicted_months"] - as_is).abs().mean()),
            }
        )
    return pd.DataFrame(records)


def averaged(tables: Mapping[str, pd.DataFrame], weights: Mapping[str, float]) -> pd.DataFrame:
    """The answers of an ensemble to changed radiographs: a weighted average of its members'.

    Args:
        tables: by network, what `boneage_lib.evaluation.robustness.robustness` gives.
        weights: above zero, one a member; divided by their sum. Networks without are unused.

    Returns:
        Such a table, with the rows of the first member's.

    Raises:
        InputError: no weight above zero, a member without a table, or members that answered to
            other radiographs or changes.
    """
    total = sum(weights.values())
    if not weights or min(weights.values()) < 0 or total <= 0:
        raise InputError(f"Found weights {dict(weights)}; expected one above zero, none below.")
    if absent := [name for name in weights if name not in tables]:
        raise InputError(f"Found no table of {', '.join(absent)}; found {list(tables)}.")
    key = ["id", "condition", "strength"]
    first = tables[next(iter(weights))]
    answers = np.zeros(len(first))
    for name, weight in weights.items():
        found = tables[name].set_index(key)["predicted_months"]
        own = found.reindex(pd.MultiIndex.from_frame(first[key])).to_numpy(dtype=float)
        if len(found) != len(first) or np.isnan(own).any():
            raise InputError(
                f"{name} answered to other radiographs or changes than {next(iter(weights))}; "
                "expected the same. Run its notebook again."
            )
        answers += weight / total * own
    return first.assign(predicted_months=answers)


def _mean(name: str, values: np.ndarray, seed: int) -> dict[str, Any]:
    low, high = bootstrap_interval(values, seed=seed) or (np.nan, np.nan)
    return {f"{name}_months": float(values.mean()), f"{name}_low": low, f"{name}_high": high}
