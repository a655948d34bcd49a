"""Does an average of networks mind a changed radiograph less than its members do?

The members' answers to changed radiographs are kept (see notebooks 03 to 06); an ensemble's are
their weighted average, with the weights that it has on radiographs as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.data import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.evaluation.intervals import bootstrap_interval

#: The condition of a radiograph as it is.
UNCHANGED = "none"
_KEY = ["condition", "strength", "id"]


def ensemble_robustness(
    tables: Mapping[str, pd.DataFrame],
    study: pd.DataFrame,
    normalizer: AgeNormalizer,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Members and ensembles on changed radiographs.

    Args:
        tables: by network, answers to the same radiographs under the same conditions: ``id``,
            ``boneage_months``, ``condition`` (``none`` for radiographs as they are), ``strength``
            and ``predicted_months``.
        study: what `ensemble_study` gives: ``name``, ``kind`` and ``weights``. Rows with a member
            that has no table are left out.
        normalizer: months to z-scores, as used in training.
        seed: seed of the bootstraps.
        confidence: coverage of the intervals.

    Returns:
        A row for each of them, condition and strength: ``name``, ``kind``, ``condition``,
        ``strength``, ``n`` and ``mae_months``. And a row for each of them: ``name``, ``kind``,
        ``n``, ``mae_months`` as they are, ``changed_months``, the mean over conditions (and within
        a condition over its strengths) of the error, ``increase_months``, the second less the
        first, each with its bootstrap interval over radiographs (``…_ci``). For ensembles also
        ``best_member``, the member with the least error on changed radiographs, and
        ``changed_difference_months`` and ``increase_difference_months``, what the ensemble's error
        and its increase are less that member's, with their intervals.

    Raises:
        InputError: no table, other radiographs or conditions in one table than in another, or none
            unchanged.
    """
    z, truth = _aligned(tables, normalizer)
    by_condition, records = [], []
    changed: dict[str, pd.Series] = {}
    as_is: dict[str, pd.Series] = {}
    for row in study.to_dict("records"):
        weights = row["weights"]
        if not set(weights) <= set(z):
            continue
        name, kind = str(row["name"]), str(row["kind"])
        answer = np.sum([weight * z[member] for member, weight in weights.items()], axis=0)
        error = (normalizer.to_months(answer) - truth).abs()
        scores = error.groupby(level=["condition", "strength"], sort=False).agg(["size", "mean"])
        scores = scores.set_axis(["n", "mae_months"], axis=1).reset_index()
        by_condition.append(scores.assign(name=name, kind=kind))
        altered = error[error.index.get_level_values("condition") != UNCHANGED]
        of_condition = altered.groupby(level=["condition", "id"]).mean()
        changed[name] = of_condition.groupby(level="id").mean()
        as_is[name] = error.xs(UNCHANGED, level="condition").groupby(level="id").mean()
        increase = changed[name] - as_is[name]
        record: dict[str, Any] = {"name": name, "kind": kind, "n": len(increase)}
        numbers = {"mae": as_is[name], "changed": changed[name], "increase": increase}
        if kind == "ensemble":
            best = min(weights, key=lambda member: float(changed[member].mean()))
            record["best_member"] = best
            less = changed[name] - changed[best]
            numbers["changed_difference"] = less
            numbers["increase_difference"] = less - (as_is[name] - as_is[best])
        for key, values in numbers.items():
            interval = bootstrap_interval(values.to_numpy(), seed=seed, confidence=confidence)
            record[f"{key}_months"] = float(values.mean())
            record[f"{key}_months_ci"] = None if interval is None else list(interval)
        records.append(record)
    columns = ["name", "kind", "condition", "strength", "n", "mae_months"]
    return pd.concat(by_condition, ignore_index=True)[columns], pd.DataFrame(records)


def _aligned(
    tables: Mapping[str, pd.DataFrame], normalizer: AgeNormalizer
) -> tuple[dict[str, np.ndarray], pd.Series]:
    """Z-scores by network in the order of the first table, and the reference ages in months."""
    if not tables:
        raise InputError("Found no answers to changed radiographs; expected those of a network.")
    first: pd.DataFrame | None = None
    z = {}
    for name, table in tables.items():
        if missing := [c for c in (*_KEY, "boneage_months", "predicted_months") if c not in table]:
            raise InputError(f"The answers of {name} lack {', '.join(missing)}.")
        keyed = table.set_index(_KEY)
        first = keyed if first is None else first
        if not keyed.index.is_unique or set(keyed.index) != set(first.index):
            raise InputError(
                f"The answers of {name} are of other radiographs or conditions than those of "
                f"{next(iter(tables))}; run their notebooks with the same parameters."
            )
        z[name] = normalizer.to_z(keyed.loc[first.index, "predicted_months"].to_numpy(float))
    assert first is not None
    if UNCHANGED not in set(first.index.get_level_values("condition")):
        raise InputError(f"Found no condition {UNCHANGED!r} to compare the others with.")
    return z, first["boneage_months"].astype(float)
