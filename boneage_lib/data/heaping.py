"""How bone ages crowd at whole and half years, and the error that such rounding leaves."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from boneage_lib.data.cohort import SPLITS
from boneage_lib.errors import InputError

STEPS = (6, 12)  # months


def heaping(histogram: pd.DataFrame, steps: tuple[int, ...] = STEPS) -> pd.DataFrame:
    """Share of labels at multiples of a step, beside the share that unrounded readings would have.

    Without rounding one month is about as likely as its neighbors, so that of every ``step``
    consecutive months one holds 1 / ``step`` of the labels.

    Args:
        histogram: columns ``split``, ``female``, ``months`` and ``count``, as `load_histogram`
            gives it.
        steps: widths in months, 2 or more.

    Returns:
        One row a split and step: ``split``, ``step_months``, ``share`` (0 to 1), ``expected``
        (1 / step) and ``ratio`` of the two.

    Raises:
        InputError: a step below 2 months.
    """
    _check_steps(steps)
    rows = []
    for split in [name for name in SPLITS if name in set(histogram["split"])]:
        part = histogram[histogram["split"] == split]
        count = part["count"].sum()
        for step in steps:
            share = float(part.loc[part["months"] % step == 0, "count"].sum() / count)
            rows.append(
                {
                    "split": split,
                    "step_months": step,
                    "share": share,
                    "expected": 1 / step,
                    "ratio": share * step,
                }
            )
    return pd.DataFrame(rows)


def other_heaps(histogram: pd.DataFrame, split: str, count: int = 4) -> pd.DataFrame:
    """The months with most labels among those that are no multiple of six.

    Args:
        histogram: columns ``split``, ``female``, ``months`` and ``count``.
        split: train, validation or test.
        count: months to return at most, the fullest first.

    Returns:
        One row a month: ``months``, ``labels``, ``female_share`` (0 to 1).

    Raises:
        InputError: no labels of that split.
    """
    part = _of_split(histogram, split)
    part = part[part["months"] % 6 != 0].assign(girls=lambda rows: rows["count"] * rows["female"])
    found = part.groupby("months", as_index=False)[["count", "girls"]].sum()
    found = found.sort_values(["count", "months"], ascending=[False, True], ignore_index=True)
    found["female_share"] = found["girls"] / found["count"]
    found = found.rename(columns={"count": "labels"}).head(count)
    return found[["months", "labels", "female_share"]]


def rounding_error(step_months: float) -> dict[str, float]:
    """Error of rounding an age to the nearest multiple of a step, all ages equally likely.

    The error is uniform between plus and minus half a step: its root mean square is step / √12,
    its mean absolute value step / 4.

    Returns:
        ``most_months``, ``rmse_months`` and ``mae_months``.

    Raises:
        InputError: a step that is not above zero.
    """
    if not step_months > 0:
        raise InputError(f"Found step_months={step_months}; expected a number above 0.")
    return {
        "most_months": step_months / 2,
        "rmse_months": step_months / math.sqrt(12),
        "mae_months": step_months / 4,
    }


def implied_rounding(histogram: pd.DataFrame, split: str) -> pd.DataFrame:
    """Which mixture of rounding to 12, 6 and 1 months gives a split's heaps, and its error.

    A label rounded to 12 months is always a multiple of 12, one rounded to 6 months every other
    time, one rounded to the month one time in twelve; the two observed shares then fix how many
    labels are of each kind. A lower bound of the error: labels that heap at other months, such as
    those of an atlas plate at 7 years 10 months, pass for readings to the month.

    Args:
        histogram: columns ``split``, ``months`` and ``count``.
        split: train or validation; their labels are whole months as the readers gave them.

    Returns:
        One row a step of 12, 6 and 1 months and one for all labels (``step_months`` missing):
        ``share`` of the labels (0 to 1), ``most_months``, ``rmse_months``, ``mae_months``.

    Raises:
        InputError: no labels of that split, or ones that no such mixture gives.
    """
    part = _of_split(histogram, split)
    found = heaping(part, (6, 12)).set_index("step_months")["share"]
    months = 6 / 5 * (1 - found[6])
    years = 2 * (found[12] - months / 12) - (1 - months)
    shares = {12: years, 6: 1 - months - years, 1: months}
    if min(shares.values()) < -1e-9:
        raise InputError(
            f"Found {found[12]:.3f} of {split} at multiples of 12 months and {found[6]:.3f} at "
            "multiples of 6; no mixture of rounding gives that. Leave this table out for "
            "labels that do not heap."
        )
    rows = [
        {"step_months": step, "share": share, **rounding_error(step)}
        for step, share in shares.items()
    ]
    weights = np.array([row["share"] for row in rows])
    rows.append(
        {
            "step_months": None,
            "share": float(weights.sum()),
            "most_months": max(row["most_months"] for row in rows),
            "rmse_months": math.sqrt(weights @ [row["rmse_months"] ** 2 for row in rows]),
            "mae_months": float(weights @ [row["mae_months"] for row in rows]),
        }
    )
    return pd.DataFrame(rows).astype({"step_months": "Int64"})


def _of_split(histogram: pd.DataFrame, split: str) -> pd.DataFrame:
    part = histogram[histogram["split"] == split]
    if part.empty:
        raise InputError(
            f"Found no labels with split={split!r}; expected one of "
            f"{', '.join(histogram['split'].unique())}."
        )
    return part


def _check_steps(steps: tuple[int, ...]) -> None:
    if not steps or min(steps) < 2:
        raise InputError(f"Found steps={steps}; expected widths of 2 months or more.")
