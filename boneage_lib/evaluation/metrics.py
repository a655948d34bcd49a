"""How far predictions lie from the reference bone age: errors, correlations and intervals.

Section III promises mean absolute error, root mean square error and correlation coefficients;
Table 6 prints two of the three in z-units. Here all are given, in months and in z, each with an
interval: at 200 radiographs an error of 20 months has a standard error of about one month.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from boneage_lib.data.resampling import AgeNormalizer, age_bins
from boneage_lib.errors import InputError
from boneage_lib.evaluation.intervals import bootstrap_interval, fisher_interval
from boneage_lib.evaluation.predictions import distinct, validate_predictions

SHARES_WITHIN_MONTHS = (6, 12, 24)
AGE_BANDS_MONTHS = (0, 60, 120, 180, 240)


def evaluate(
    table: pd.DataFrame,
    normalizer: AgeNormalizer | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    repeats: bool = False,
) -> dict[str, Any]:
    """Every number a reader expects of one prediction table.

    Errors are predicted minus reference: positive means too old. Intervals of ``mae``, ``rmse``
    and ``bias`` are BCa bootstrap intervals over radiographs, that of ``pearson_r`` is Fisher's.

    Args:
        table: predictions, see `validate_predictions`; all rows count, whatever their split.
        normalizer: adds ``mse_z`` and ``rmse_z``: errors divided by its ``std_months``, the unit of
            Table 6. Which std the paper used is open, so the key ``std_months`` says which it was.
        seed: seed of the bootstrap.
        confidence: coverage of the intervals, between 0 and 1.
        repeats: the table is a resampled one ("as in the paper"). Every draw counts in the scores;
            intervals resample distinct radiographs and hold for this one draw; the interval of r
            counts Kish's effective number of radiographs; p-values, which need independent rows,
            are left out.

    Returns:
        Plain numbers, ready for JSON: ``n``, ``n_distinct``, ``mae_months``, ``rmse_months``,
        ``bias_months`` (each with ``…_ci``, a list [low, high]), ``median_abs_error_months``,
        ``within_6_months`` and so on (shares, 0 to 1), ``pearson_r`` with ``pearson_r_ci`` and
        ``pearson_r_p``, ``r2`` (coefficient of determination), ``t_test_p`` (paired, means equal),
        ``ks_test_p`` (Kolmogorov-Smirnov, distributions equal), ``error_slope`` (months of error a
        month of age; negative is regression to the mean), ``confidence``, ``seed`` and ``notes``.
        What cannot be computed is None, and ``notes`` says why.

    Raises:
        InputError: a table that `validate_predictions` refuses, or a ``confidence`` out of range.
    """
    table = validate_predictions(table, repeats=repeats)
    truth = table["boneage_months"].to_numpy()
    predicted = table["predicted_months"].to_numpy()
    error = predicted - truth
    single, counts = distinct(table)
    single_error = (single["predicted_months"] - single["boneage_months"]).to_numpy()
    absolute = np.abs(error)
    result: dict[str, Any] = {"n": len(table), "n_distinct": len(single)}

    def interval(values: np.ndarray, root: bool = False) -> list[float] | None:
        found = bootstrap_interval(values, counts, root, seed, confidence)
        return None if found is None else list(found)

    mse = float(np.mean(error**2))
    result |= {
        "mae_months": float(absolute.mean()),
        "mae_months_ci": interval(np.abs(single_error)),
        "rmse_months": math.sqrt(mse),
        "rmse_months_ci": interval(single_error**2, root=True),
        "bias_months": float(error.mean()),
        "bias_months_ci": interval(single_error),
        "median_abs_error_months": float(np.median(absolute)),
    }
    result |= {f"within_{m}_months": float((absolute <= m).mean()) for m in SHARES_WITHIN_MONTHS}
    if normalizer is not None:
        std = normalizer.std_months
        ci = result["rmse_months_ci"]
        result |= {
            "std_months": std,
            "mse_z": mse / std**2,
            "rmse_z": math.sqrt(mse) / std,
            "rmse_z_ci": None if ci is None else [limit / std for limit in ci],
        }
    notes: list[str] = []
    if len(single) < 2:
        notes.append("One radiograph: no intervals.")
    effective = float(counts.sum() ** 2 / (counts**2).sum())
    result |= _association(truth, predicted, effective, confidence, repeats, notes)
    return result | {"confidence": confidence, "seed": seed, "notes": notes}


def _association(
    truth: np.ndarray,
    predicted: np.ndarray,
    effective: float,
    confidence: float,
    repeats: bool,
    notes: list[str],
) -> dict[str, Any]:
    """Correlation, tests and slope; appends to ``notes`` why one of them is None."""
    error = predicted - truth
    found: dict[str, Any] = dict.fromkeys(
        ("pearson_r", "pearson_r_ci", "pearson_r_p", "r2", "t_test_p", "ks_test_p", "error_slope")
    )
    truth_varies, predicted_varies = np.ptp(truth) > 0, np.ptp(predicted) > 0
    if truth_varies:
        found["r2"] = float(1 - np.sum(error**2) / np.sum((truth - truth.mean()) ** 2))
        found["error_slope"] = float(stats.linregress(truth, error).slope)
    else:
        notes.append("All reference ages are equal: no R² and no slope.")
    if truth_varies and predicted_varies and len(truth) > 2:
        correlation = stats.pearsonr(truth, predicted)
        found["pearson_r"] = float(correlation.statistic)
        found["pearson_r_ci"] = fisher_interval(found["pearson_r"], effective, confidence)
        if not repeats:
            found["pearson_r_p"] = float(correlation.pvalue)
        if found["pearson_r_ci"] is None:
            notes.append("Fewer than four radiographs: no interval of r.")
    else:
        constant = "predictions" if truth_varies else "reference ages"
        notes.append(
            "Fewer than three radiographs: no correlation."
            if truth_varies and predicted_varies
            else f"All {constant} are equal: no correlation."
        )
    if repeats:
        notes.append("Radiographs repeat: no p-values, which need independent rows.")
        return found
    if np.ptp(error) > 0:
        found["t_test_p"] = float(stats.ttest_rel(predicted, truth).pvalue)
    else:
        notes.append("All errors are equal: no t-test.")
    found["ks_test_p"] = float(stats.ks_2samp(predicted, truth).pvalue)
    return found


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
    ci = bootstrap_interval(absolute, weights, seed=seed, confidence=confidence)
    return {
        "mae_months": float(np.average(absolute, weights=weights)),
        "mae_months_ci": None if ci is None else list(ci),
        "n_effective": float(weights.sum() ** 2 / (weights**2).sum()),
    }


def by_group(
    table: pd.DataFrame,
    bands_months: tuple[float, ...] = AGE_BANDS_MONTHS,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Errors by sex, by age band and by both.

    Args:
        table: predictions; without the column ``female`` only the age bands are given.
        bands_months: rising edges of the age bands, months; a band holds its lower edge, the last
            one both.
        seed: seed of the bootstrap.
        confidence: coverage of the intervals.

    Returns:
        One row a group that holds anyone: ``by`` (sex, age, sex and age), ``group``, ``n``,
        ``mae_months``, ``mae_low``, ``mae_high``, ``rmse_months``, ``bias_months``. Limits are
        missing where a group holds one radiograph.

    Raises:
        InputError: a bad table, edges that do not rise, or an age outside all bands.
    """
    table = validate_predictions(table)
    if len(bands_months) < 2 or np.any(np.diff(bands_months) <= 0):
        raise InputError(f"Found bands_months={bands_months}; expected rising edges.")
    ages = table["boneage_months"]
    if not ages.between(bands_months[0], bands_months[-1]).all():
        raise InputError(
            f"Some ages lie outside the bands {bands_months[0]} to {bands_months[-1]}."
        )
    edges = [f"{low:g} to {high:g} months" for low, high in pairwise(bands_months)]
    band = np.digitize(ages, bands_months[1:-1])
    groups: list[tuple[str, str, np.ndarray]] = []
    for number, name in enumerate(edges):
        groups.append(("age", name, band == number))
    if "female" in table:
        sexes = {
            name: (table["female"] == s).to_numpy() for s, name in enumerate(("male", "female"))
        }
        by_sex = [("sex", name, rows) for name, rows in sexes.items()]
        by_both = [
            ("sex and age", f"{sex}, {name}", rows & in_band)
            for sex, rows in sexes.items()
            for _, name, in_band in groups
        ]
        groups = by_sex + groups + by_both
    records = []
    for by, group, rows in groups:
        if not rows.any():
            continue
        error = (table["predicted_months"] - ages).to_numpy()[rows]
        ci = bootstrap_interval(np.abs(error), seed=seed, confidence=confidence)
        records.append(
            {
                "by": by,
                "group": group,
                "n": int(rows.sum()),
                "mae_months": float(np.abs(error).mean()),
                "mae_low": math.nan if ci is None else ci[0],
                "mae_high": math.nan if ci is None else ci[1],
                "rmse_months": float(np.sqrt(np.mean(error**2))),
                "bias_months": float(error.mean()),
            }
        )
    return pd.DataFrame(records)
