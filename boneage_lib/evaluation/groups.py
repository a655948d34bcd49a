"""Scores of one prediction table by sex, by age band and by both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.data.resampling import AgeNormalizer, age_bins
from boneage_lib.errors import InputError
from boneage_lib.evaluation.intervals import bootstrap_interval
from boneage_lib.evaluation.metrics import evaluate
from boneage_lib.evaluation.predictions import strata_of, validate_predictions

AGE_BANDS_MONTHS = (0, 60, 120, 180, 240)
CALIBRATION_BANDS_MONTHS = tuple(range(0, 241, 24))


def evaluate_by_group(
    table: pd.DataFrame,
    bands_months: Sequence[float] = AGE_BANDS_MONTHS,
    normalizer: AgeNormalizer | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    infants: bool = False,
) -> list[dict[str, Any]]:
    """`evaluate` of each sex, each age band and each pair of the two.

    Args:
        table: predictions; without the column ``female`` only the age bands are given.
        bands_months: rising edges of the age bands, months; a band holds its lower edge, the last
            one both.
        normalizer: see `evaluate`.
        seed: seed of the bootstrap.
        confidence: coverage of the intervals, between 0 and 1.
        infants: see `validate_predictions`.

    Returns:
        For each group that holds anyone, what `evaluate` gives, after ``by`` (sex, age, sex and
        age) and ``group`` ("female, 60 to 120 months"). A correlation within an age band is that of
        few ages, and smaller than that of all.

    Raises:
        InputError: a bad table, edges that do not rise, or an age outside all bands.
    """
    table = validate_predictions(table, infants=infants)
    return [
        {"by": by, "group": group}
        | evaluate(table[rows], normalizer, seed, confidence, infants=True)
        for by, group, rows in groups_of(table, bands_months)
    ]


def by_group(
    table: pd.DataFrame,
    bands_months: Sequence[float] = AGE_BANDS_MONTHS,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Errors by sex, by age band and by both: the short form of `evaluate_by_group`.

    Args:
        table: predictions; without the column ``female`` only the age bands are given.
        bands_months: rising edges of the age bands, months; a band holds its lower edge, the last
            one both.
        seed: seed of the bootstrap.
        confidence: coverage of the intervals, between 0 and 1.

    Returns:
        One row a group that holds anyone: ``by`` (sex, age, sex and age), ``group``, ``n``,
        ``mae_months``, ``mae_low``, ``mae_high``, ``rmse_months``, ``bias_months``. Limits are
        missing where a group holds one radiograph.

    Raises:
        InputError: a bad table, edges that do not rise, or an age outside all bands.
    """
    table = validate_predictions(table)
    records = []
    for by, group, rows in groups_of(table, bands_months):
        part = table[rows]
        error = (part["predicted_months"] - part["boneage_months"]).to_numpy()
        low, high = bootstrap_interval(
            np.abs(error), seed=seed, confidence=confidence, strata=strata_of(part)
        ) or (math.nan, math.nan)
        records.append(
            {
                "by": by,
                "group": group,
                "n": len(part),
                "mae_months": float(np.abs(error).mean()),
                "mae_low": low,
                "mae_high": high,
                "rmse_months": float(np.sqrt(np.mean(error**2))),
                "bias_months": float(error.mean()),
            }
        )
    return pd.DataFrame(records)


def groups_of(
    table: pd.DataFrame, bands_months: Sequence[float]
) -> Iterator[tuple[str, str, np.ndarray]]:
    """The groups of a prediction table that hold anyone: by sex where known, by age, by both.

    Args:
        table: predictions, n rows.
        bands_months: rising edges of the age bands, see `by_group`.

    Yields:
        What a group is by (sex, age, sex and age), its name, and bool (n,), its rows.

    Raises:
        InputError: edges that do not rise, or an age outside all bands.
    """
    band = _band(table["boneage_months"], bands_months)
    bands = [
        (f"{low:g} to {high:g} months", band == number)
        for number, (low, high) in enumerate(pairwise(bands_months))
    ]
    sexes = []
    if "female" in table:
        female = table["female"].to_numpy()
        sexes = [("male", female == 0), ("female", female == 1)]
    groups = [("sex", name, rows) for name, rows in sexes]
    groups += [("age", name, rows) for name, rows in bands]
    groups += [
        ("sex and age", f"{sex}, {name}", of_sex & in_band)
        for sex, of_sex in sexes
        for name, in_band in bands
    ]
    return (found for found in groups if found[2].any())


def _band(ages: pd.Series, bands_months: Sequence[float]) -> np.ndarray:
    """Number of the band that each age is in; raises InputError where it is in none."""
    if len(bands_months) < 2 or np.any(np.diff(bands_months) <= 0):
        raise InputError(f"Found bands_months={bands_months}; expected rising edges.")
    if not ages.between(bands_months[0], bands_months[-1]).all():
        raise InputError(
            f"Some ages lie outside the bands {bands_months[0]} to {bands_months[-1]}."
        )
    number: np.ndarray = np.digitize(ages, list(bands_months[1:-1]))
    return number


def calibration(
    table: pd.DataFrame,
    bands_months: Sequence[float] = CALIBRATION_BANDS_MONTHS,
    seed: int = 0,
    confidence: float = 0.95,
    infants: bool = False,
) -> pd.DataFrame:
    """Mean predicted against mean reference age, in narrow bands of reference age.

    Predictions drawn to the mean are too old in the youngest bands and too young in the oldest.

    Args:
        table: predictions, see `validate_predictions`.
        bands_months: rising edges of the bands, months; two years each by default.
        seed: seed of the bootstrap.
        confidence: coverage of the intervals, between 0 and 1.
        infants: see `validate_predictions`.

    Returns:
        One row a band that holds anyone: ``low_months`` and ``high_months`` (its edges), ``n``,
        ``reference_months`` and ``predicted_months`` (means), ``predicted_low``,
        ``predicted_high`` and ``bias_months``. The interval is that of the bias about the mean
        reference age, so that it leaves out how ages spread in a band; missing for one radiograph.

    Raises:
        InputError: a bad table, edges that do not rise, or an age outside all bands.
    """
    table = validate_predictions(table, infants=infants)
    band = _band(table["boneage_months"], bands_months)
    records = []
    for number in np.unique(band):
        part = table[band == number]
        error = (part["predicted_months"] - part["boneage_months"]).to_numpy()
        reference = float(part["boneage_months"].mean())
        low, high = bootstrap_interval(
            error, seed=seed, confidence=confidence, strata=strata_of(part)
        ) or (math.nan, math.nan)
        records.append(
            {
                "low_months": float(bands_months[number]),
                "high_months": float(bands_months[number + 1]),
                "n": len(part),
                "reference_months": reference,
                "predicted_months": float(part["predicted_months"].mean()),
                "predicted_low": reference + low,
                "predicted_high": reference + high,
                "bias_months": float(error.mean()),
            }
        )
    return pd.DataFrame(records)


def age_weighted_mae(
    table: pd.DataFrame, seed: int = 0, confidence: float = 0.95
) -> dict[str, Any]:
    """Mean absolute error with every cell (10 age bins × sex) weighing the same.

    What scores on the paper's resampled test set aim at, without drawing: no radiograph repeats,
    and the result has no luck of a draw in it.

    Returns:
        ``mae_months``, ``mae_months_ci`` and ``n_effective`` (Kish, radiographs).

    Raises:
        InputError: a table that `validate_predictions` refuses or that has no ``female``.
    """
    table = validate_predictions(table)
    if "female" not in table:
        raise InputError("Weighing age and sex equally needs the column female in the table.")
    cell = 2 * age_bins(table["boneage_months"].to_numpy()) + table["female"].to_numpy()
    weights = 1 / np.bincount(cell)[cell]
    absolute = (table["predicted_months"] - table["boneage_months"]).abs().to_numpy()
    ci = bootstrap_interval(
        absolute, weights, seed=seed, confidence=confidence, strata=strata_of(table)
    )
    return {
        "mae_months": float(np.average(absolute, weights=weights)),
        "mae_months_ci": None if ci is None else list(ci),
        "n_effective": float(weights.sum() ** 2 / (weights**2).sum()),
    }
