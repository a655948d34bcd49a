"""How far predictions lie from the reference bone age: errors, agreement and intervals.

Section III promises mean absolute error, root mean square error and correlation coefficients;
Table 6 prints two of the three in z-units. Here all are given, in months and in z, each with an
interval: at 200 radiographs an error of 20 months has a standard error of about one month.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from boneage_lib.data.resampling import AgeNormalizer
from boneage_lib.evaluation.agreement import error_slope, icc_2_1, limits_of_agreement, lin_ccc
from boneage_lib.evaluation.intervals import (
    RESAMPLES,
    SMALLEST_STRATUM,
    bootstrap_scores,
    check_confidence,
    fisher_interval,
    quantile_interval,
    wilson_interval,
)
from boneage_lib.evaluation.predictions import (
    distinct,
    split_notes,
    strata_of,
    unit_notes,
    validate_predictions,
)

SHARES_WITHIN_MONTHS = (6, 12, 24)
#: Quantiles of the absolute error by key.
QUANTILES = {
    "median_abs_error_months": 0.5,
    "abs_error_p90_months": 0.9,
    "abs_error_p95_months": 0.95,
}

Limits = list[float] | None


def evaluate(
    table: pd.DataFrame,
    normalizer: AgeNormalizer | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    repeats: bool = False,
    infants: bool = False,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Every number a reader expects of one prediction table.

    Errors are predicted minus reference: positive means too old.

    Args:
        table: predictions, see `validate_predictions`; all rows count, and ``notes`` says where
            they are of several splits (see `of_split` for one of them).
        normalizer: adds ``mae_z``, ``mse_z`` and ``rmse_z``: errors divided by its ``std_months``,
            the unit of Table 6. Which std the paper used is open, so the key ``std_months`` says
            which it was.
        seed: seed of the bootstrap.
        confidence: coverage of the intervals, between 0 and 1.
        repeats: the table is a resampled one ("as in the paper"). Every draw counts in the scores;
            bootstrap intervals resample distinct radiographs and hold for this one draw; the other
            intervals count Kish's effective number of radiographs; those of quantiles and p-values,
            which need independent rows, are left out.
        infants: see `validate_predictions`.
        resamples: number of bootstrap resamples.

    Returns:
        Plain numbers, ready for JSON. Each score has its interval, [low, high], under its own key
        with ``_ci`` behind:

        - ``mae_months``, ``rmse_months`` and ``bias_months`` (BCa bootstrap over radiographs, by
          sex where known, see `bootstrap_scores`), with a normalizer also in z;
        - ``median_abs_error_months``, ``abs_error_p90_months`` and ``abs_error_p95_months`` (order
          statistics, see `quantile_interval`);
        - ``within_6_months``, ``within_12_months`` and ``within_24_months``: shares, 0 to 1
          (Wilson);
        - ``loa_low_months`` and ``loa_high_months``, see `limits_of_agreement`; and
          ``sd_error_months``;
        - ``pearson_r`` (Fisher), ``r2``, the coefficient of determination, ``lin_ccc``, Lin's
          concordance (both BCa), and ``icc_2_1`` (F), see `icc_2_1`;
        - ``error_slope``, see `error_slope`.

        Without intervals: ``n``, ``n_distinct``, ``pearson_r_p`` (no correlation), ``t_test_p``
        (paired, means equal), ``ks_test_p`` (Kolmogorov-Smirnov, distributions equal),
        ``confidence`` and ``seed``. What cannot be computed is None; ``notes`` says why, and what
        is odd about the table.

    Raises:
        InputError: a table that `validate_predictions` refuses, or a ``confidence`` out of range.
    """
    check_confidence(confidence)
    table = validate_predictions(table, repeats=repeats, infants=infants)
    truth = table["boneage_months"].to_numpy()
    predicted = table["predicted_months"].to_numpy()
    absolute = np.abs(predicted - truth)
    single, counts = distinct(table)
    several = len(single) > 1
    effective = float(counts.sum() ** 2 / (counts**2).sum())
    notes = split_notes(table) + unit_notes(table)
    if 1 < len(single) < SMALLEST_STRATUM:
        notes.append("Fewer than ten radiographs: bootstrap intervals are too narrow.")
    limits = _bootstrap(single, counts, seed, confidence, resamples)

    scores: dict[str, Any] = {
        "n": len(table),
        "n_distinct": len(single),
        "mae_months": float(absolute.mean()),
        "mae_months_ci": limits["mae"],
        "rmse_months": math.sqrt(float(np.mean(absolute**2))),
        "rmse_months_ci": limits["rmse"],
        "bias_months": float((predicted - truth).mean()),
        "bias_months_ci": limits["bias"],
    }
    for key, share in QUANTILES.items():
        interval = quantile_interval(absolute, share, confidence) if several else None
        scores |= {key: float(np.quantile(absolute, share))}
        scores |= {f"{key}_ci": None if repeats else interval}
    lacking = [f"{share:.0%}" for key, share in QUANTILES.items() if scores[f"{key}_ci"] is None]
    if lacking and several and not repeats:
        notes.append(
            "Too few radiographs for intervals of quantiles of the absolute error: "
            f"{', '.join(lacking)}."
        )
    for months in SHARES_WITHIN_MONTHS:
        share = float((absolute <= months).mean())
        interval = wilson_interval(share, effective, confidence) if several else None
        scores |= {f"within_{months}_months": share, f"within_{months}_months_ci": interval}
    scores |= limits_of_agreement(predicted - truth, effective, confidence)
    if normalizer is not None:
        scores |= _in_z(scores, normalizer.std_months)
    scores |= _association(truth, predicted, effective, confidence, limits, notes)
    scores |= _tests(truth, predicted, repeats, notes)
    return scores | {"confidence": confidence, "seed": seed, "notes": notes}


def _bootstrap(
    single: pd.DataFrame, counts: np.ndarray, seed: int, confidence: float, resamples: int
) -> dict[str, Limits]:
    """Intervals of the scores that are functions of means, all on the same resamples."""
    truth = single["boneage_months"].to_numpy()
    middle = truth.mean()  # deviations from it lose no digits when squared
    t, p = truth - middle, single["predicted_months"].to_numpy() - middle
    error = single["predicted_months"].to_numpy() - truth
    constant = 1e-9 * t.var()  # less than this is rounding

    def statistic(means: np.ndarray) -> np.ndarray:
        mae, bias, mse, t1, t2, p1, p2 = np.moveaxis(means, -1, 0)
        of_truth = t2 - t1**2
        of_truth = np.where(of_truth > constant, of_truth, np.nan)
        concordance = 1 - mse / (of_truth + p2 - p1**2 + bias**2)
        rmse = np.sqrt(np.maximum(mse, 0))
        return np.stack([mae, rmse, bias, 1 - mse / of_truth, concordance], axis=-1)

    columns = np.stack([np.abs(error), error, error**2, t, t**2, p, p**2], axis=1)
    found = bootstrap_scores(
        columns, statistic, counts, strata_of(single), seed, confidence, resamples
    ).tolist()
    names = ("mae", "rmse", "bias", "r2", "lin_ccc")
    return {
        name: None if math.isnan(low) else [low, high]
        for name, (low, high) in zip(names, found, strict=True)
    }


def _in_z(scores: dict[str, Any], std: float) -> dict[str, Any]:
    """Errors in units of the standard deviation of age."""
    mae, rmse = scores["mae_months_ci"], scores["rmse_months_ci"]
    return {
        "std_months": std,
        "mae_z": scores["mae_months"] / std,
        "mae_z_ci": mae and [limit / std for limit in mae],
        "mse_z": scores["rmse_months"] ** 2 / std**2,
        "mse_z_ci": rmse and [limit**2 / std**2 for limit in rmse],
        "rmse_z": scores["rmse_months"] / std,
        "rmse_z_ci": rmse and [limit / std for limit in rmse],
    }


def _association(
    truth: np.ndarray,
    predicted: np.ndarray,
    effective: float,
    confidence: float,
    limits: dict[str, Limits],
    notes: list[str],
) -> dict[str, Any]:
    """Correlations and slope; appends to ``notes`` why one of them is None."""
    scores = ("pearson_r", "r2", "lin_ccc", "icc_2_1", "error_slope")
    found: dict[str, Any] = {key + end: None for key in scores for end in ("", "_ci")}
    if len(truth) < 2:
        notes.append("One radiograph: no intervals, no correlation and no tests.")
        return found
    if np.ptp(truth) == 0:
        notes.append("All reference ages are equal: no R², no correlation and no slope.")
        return found
    error = predicted - truth
    found["r2"] = float(1 - np.sum(error**2) / np.sum((truth - truth.mean()) ** 2))
    found["error_slope"], found["error_slope_ci"] = error_slope(truth, error, effective, confidence)
    if effective > 3:
        found["r2_ci"] = limits["r2"]
    else:
        notes.append("Fewer than four radiographs: no intervals of correlation.")
    if np.ptp(predicted) == 0:
        notes.append("All predictions are equal: no correlation.")
    elif effective <= 2:
        notes.append("Fewer than three radiographs: no correlation.")
    else:
        found["pearson_r"] = float(stats.pearsonr(truth, predicted).statistic)
        found["pearson_r_ci"] = fisher_interval(found["pearson_r"], effective, confidence)
        found["lin_ccc"] = lin_ccc(truth, predicted)
        found["icc_2_1"], interval = icc_2_1(truth, predicted, effective, confidence)
        if effective > 3:
            found |= {"lin_ccc_ci": limits["lin_ccc"], "icc_2_1_ci": interval}
    return found


def _tests(
    truth: np.ndarray, predicted: np.ndarray, repeats: bool, notes: list[str]
) -> dict[str, Any]:
    """P-values of tests that need independent rows; appends to ``notes`` why one is None."""
    found: dict[str, Any] = dict.fromkeys(("pearson_r_p", "t_test_p", "ks_test_p"))
    if repeats:
        notes.append("Radiographs repeat: no p-values and no intervals of quantiles.")
        return found
    if len(truth) < 2:
        return found
    if len(truth) > 2 and np.ptp(truth) > 0 and np.ptp(predicted) > 0:
        found["pearson_r_p"] = float(stats.pearsonr(truth, predicted).pvalue)
    if np.ptp(predicted - truth) > 0:
        found["t_test_p"] = float(stats.ttest_rel(predicted, truth).pvalue)
    else:
        notes.append("All errors are equal: no t-test.")
    with warnings.catch_warnings():
        # Of a few rows SciPy's exact p may fail; it then says so and takes the asymptotic one.
        warnings.simplefilter("ignore", RuntimeWarning)
        found["ks_test_p"] = float(stats.ks_2samp(predicted, truth).pvalue)
    return found
