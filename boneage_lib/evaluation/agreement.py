"""Agreement of predicted and reference bone age, as two readers of the same radiographs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

#: Limits of agreement lie this many standard deviations from the bias.
LIMITS_SD = 1.96


def limits_of_agreement(
    error_months: np.ndarray, n: float | None = None, confidence: float = 0.95
) -> dict[str, Any]:
    """Bland and Altman's limits: 95% of differences lie between them, if they are normal.

    Bland and Altman, "Measuring agreement in method comparison studies", Stat. Methods Med. Res. 8
    (1999), section 2: a limit's variance is s² (1/n + 1.96² / 2(n - 1)).

    Args:
        error_months: (rows,) predicted minus reference.
        n: effective number of radiographs; that of the rows by default.
        confidence: coverage of the limits' intervals, between 0 and 1.

    Returns:
        ``sd_error_months`` (ddof=1), ``loa_low_months`` and ``loa_high_months``, the limits with
        ``…_ci`` ([low, high], Student's t); all None for fewer than two radiographs.
    """
    n = float(len(error_months)) if n is None else n
    keys = ("sd_error_months", "loa_low_months", "loa_high_months")
    found: dict[str, Any] = dict.fromkeys((*keys, "loa_low_months_ci", "loa_high_months_ci"))
    if n < 2:
        return found
    bias = float(error_months.mean())
    sd = math.sqrt(float(np.mean((error_months - bias) ** 2)) * n / (n - 1))
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * sd
    half = float(half) * math.sqrt(1 / n + LIMITS_SD**2 / (2 * (n - 1)))
    found["sd_error_months"] = sd
    for key, limit in zip(keys[1:], (bias - LIMITS_SD * sd, bias + LIMITS_SD * sd), strict=True):
        found |= {key: limit, f"{key}_ci": [limit - half, limit + half]}
    return found


def lin_ccc(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Lin's concordance correlation coefficient, -1 to 1; NaN where nothing varies.

    Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45 (1989),
    with variances over n as there: one minus the mean squared difference over what it would be
    were the two unrelated.
    """
    unrelated = truth.var() + predicted.var() + (truth.mean() - predicted.mean()) ** 2
    return float(1 - np.mean((predicted - truth) ** 2) / unrelated) if unrelated > 0 else math.nan


def icc_2_1(
    truth: np.ndarray, predicted: np.ndarray, n: float | None = None, confidence: float = 0.95
) -> tuple[float, list[float]]:
    """ICC(2,1): two-way random effects, absolute agreement, a single reader.

    Shrout and Fleiss, "Intraclass correlations", Psychol. Bull. 86 (1979); the interval, from F
    distributions, after McGraw and Wong, "Forming inferences about some intraclass correlation
    coefficients", Psychol. Methods 1 (1996), there called ICC(A,1).

    Args:
        truth: (rows,) reference ages, months, not all equal.
        predicted: (rows,) predicted ages, months.
        n: effective number of radiographs, above 2; that of the rows by default.
        confidence: coverage of the interval, between 0 and 1.

    Returns:
        The coefficient, at most 1, and [low, high].
    """
    rows = len(truth)
    n = float(rows) if n is None else n
    ratings = np.stack([truth, predicted], axis=1)
    k = 2
    grand = ratings.mean()
    of_images, of_readers = ratings.mean(axis=1) - grand, ratings.mean(axis=0) - grand
    rest = ratings - grand - of_images[:, None] - of_readers
    images = k * float(np.mean(of_images**2)) * n / (n - 1)  # mean squares
    readers = n * float(np.sum(of_readers**2)) / (k - 1)
    error = float(np.sum(rest**2)) / rows * n / ((n - 1) * (k - 1))
    icc = (images - error) / (images + (k - 1) * error + k * (readers - error) / n)
    if error <= 1e-20 * images:
        freedom = float(k - 1)  # what Satterthwaite's tends to as the error vanishes
    else:
        ours = k * icc * readers / error
        theirs = n * (1 + (k - 1) * icc) - k * icc
        freedom = (k - 1) * (n - 1) * (ours + theirs) ** 2 / ((n - 1) * ours**2 + theirs**2)
    quantile = (1 + confidence) / 2
    below = float(stats.f.ppf(quantile, n - 1, freedom))
    above = float(stats.f.ppf(quantile, freedom, n - 1))
    shared = k * readers + (k * n - k - n) * error
    low = n * (images - below * error) / (below * shared + n * images)
    high = n * (above * images - error) / (shared + n * above * images)
    return icc, [low, high]


def error_slope(
    truth: np.ndarray, error_months: np.ndarray, n: float | None = None, confidence: float = 0.95
) -> tuple[float, list[float] | None]:
    """Months of error a month of reference age: below zero, predictions are drawn to the mean.

    Args:
        truth: (rows,) reference ages, months, not all equal.
        error_months: (rows,) predicted minus reference.
        n: effective number of radiographs; that of the rows by default.
        confidence: coverage of the interval, between 0 and 1.

    Returns:
        The least-squares slope and [low, high] (Student's t), None for fewer than three
        radiographs.
    """
    rows = len(truth)
    n = float(rows) if n is None else n
    if np.ptp(error_months) == 0:
        return 0.0, [0.0, 0.0] if n > 2 else None
    line = stats.linregress(truth, error_months)
    slope = float(line.slope)
    if n <= 2:
        return slope, None
    half = float(stats.t.ppf((1 + confidence) / 2, n - 2) * line.stderr)
    half *= math.sqrt((rows - 2) / (n - 2))
    return slope, [slope - half, slope + half]
