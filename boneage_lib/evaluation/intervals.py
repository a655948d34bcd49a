"""Intervals: how far a score of a few hundred radiographs could be off."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from boneage_lib.errors import InputError

RESAMPLES = 5_000
LARGE = 5_000  # radiographs; above it BCa, whose cost grows as n², gives what percentiles give

ROUNDING = 1e-9  # values no farther apart are equal but for rounding, and BCa would divide by zero

Interval = tuple[float, float]


def bootstrap_interval(
    values: np.ndarray,
    weights: np.ndarray | None = None,
    root: bool = False,
    seed: int = 0,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval | None:
    """BCa bootstrap interval of a weighted mean, or of its square root.

    Above 5,000 values the percentile interval, which by then is the same.

    Args:
        values: (n,) one number a radiograph, such as its absolute error in months.
        weights: (n,) above zero, how often each counts; once by default. A radiograph is drawn
            together with its weight, so that repeats of one radiograph never pass for evidence of
            several (a cluster bootstrap).
        root: interval of the square root of the mean, for a root mean square.
        seed: seed of the bootstrap.
        confidence: coverage aimed at, between 0 and 1.
        resamples: number of bootstrap resamples.

    Returns:
        (low, high), in the unit of ``values`` (its root with ``root``); both the mean itself where
        all values are equal; None for fewer than two values.
    """
    if not 0 < confidence < 1:
        raise InputError(f"Found confidence={confidence}; expected a number between 0 and 1.")
    values = np.asarray(values, dtype=float)
    weights = np.ones_like(values) if weights is None else np.asarray(weights, dtype=float)
    if len(values) < 2:
        return None

    def statistic(weighted: np.ndarray, weight: np.ndarray, axis: int = -1) -> np.ndarray:
        mean = weighted.sum(axis=axis) / weight.sum(axis=axis)
        return np.sqrt(mean) if root else mean

    if np.ptp(values) <= ROUNDING:
        point = math.sqrt(values[0]) if root else float(values[0])
        return point, point
    drawn = stats.bootstrap(
        (values * weights, weights),
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, 4_000_000 // len(values)),  # some 32 MB an array, whatever the size of split
        confidence_level=confidence,
        method="BCa" if len(values) <= LARGE else "percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = drawn.confidence_interval
    if not (math.isfinite(low) and math.isfinite(high)):
        # BCa has no answer when every resample falls on one side; the percentiles still do.
        tail = (1 - confidence) / 2
        low, high = np.quantile(drawn.bootstrap_distribution, [tail, 1 - tail])
    return float(low), float(high)


def fisher_interval(r: float, n: float, confidence: float = 0.95) -> list[float] | None:
    """Fisher's interval [low, high] of a correlation r from n pairs; None unless n > 3."""
    if n <= 3:
        return None
    if abs(r) >= 1:
        return [r, r]
    half = stats.norm.ppf((1 + confidence) / 2) / math.sqrt(n - 3)
    return [math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)]


def student_interval(values: Sequence[float], confidence: float = 0.95) -> list[float] | None:
    """Student's interval [low, high] of the mean of a few values; None for fewer than two."""
    if len(values) < 2:
        return None
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))
    mean = float(np.mean(values))
    return [mean - half, mean + half]


def spread_interval(values: Sequence[float], confidence: float = 0.95) -> list[float] | None:
    """The χ² interval [low, high] of a standard deviation; None for fewer than two values.

    With a handful of seeds it is wide: a smaller spread alone shows little.
    """
    n = len(values)
    if n < 2:
        return None
    squares = (n - 1) * float(np.var(values, ddof=1))
    tails = (1 + confidence) / 2, (1 - confidence) / 2
    low, high = (math.sqrt(squares / stats.chi2.ppf(tail, n - 1)) for tail in tails)
    return [low, high]
