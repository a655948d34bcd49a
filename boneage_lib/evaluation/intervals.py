"""Intervals: how far a score of a few hundred radiographs could be off."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import special, stats

from boneage_lib.errors import InputError

RESAMPLES = 5_000
#: Radiographs above which a score of means is normal, and its interval is taken to be so.
LARGE = 5_000
#: Radiographs that each stratum needs: resampled within itself, one of n shows 1/n too little.
SMALLEST_STRATUM = 10

#: Values no farther apart are equal but for rounding, and BCa would divide by zero.
ROUNDING = 1e-9

Interval = tuple[float, float]
Statistic = Callable[[np.ndarray], np.ndarray]


def bootstrap_interval(
    values: np.ndarray,
    weights: np.ndarray | None = None,
    root: bool = False,
    seed: int = 0,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    strata: np.ndarray | None = None,
) -> Interval | None:
    """BCa bootstrap interval of a weighted mean, or of its square root; see `bootstrap_scores`.

    Args:
        values: (n,) one number a radiograph, such as its absolute error in months.
        weights: (n,) above zero, how often each counts; once by default.
        root: interval of the square root of the mean, for a root mean square.
        seed: seed of the bootstrap.
        confidence: coverage aimed at, between 0 and 1.
        resamples: number of bootstrap resamples.
        strata: (n,) a label a radiograph, such as its sex; resamples keep the number of each.

    Returns:
        (low, high), in the unit of ``values`` (its root with ``root``); both the mean itself where
        all values are equal; None for fewer than two values.

    Raises:
        InputError: a ``confidence`` out of range.
    """

    def statistic(means: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(means, 0)) if root else means

    columns = np.asarray(values, dtype=float)[:, None]
    ((low, high),) = bootstrap_scores(
        columns, statistic, weights, strata, seed, confidence, resamples
    )
    return None if math.isnan(low) else (float(low), float(high))


def bootstrap_scores(
    columns: np.ndarray,
    statistic: Statistic,
    weights: np.ndarray | None = None,
    strata: np.ndarray | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> np.ndarray:
    """BCa bootstrap intervals of scores that are functions of means, all on the same resamples.

    Efron, "Better bootstrap confidence intervals", J. Am. Stat. Assoc. 82 (1987). The intervals are
    those of `scipy.stats.bootstrap`, a sample a stratum, on the same draws; SciPy's jackknife costs
    n² where means allow n, and its samples carry no weights. Above 5,000 radiographs the interval
    is the normal one, with the jackknife's standard error.

    Args:
        columns: (n, k) what is averaged, a row a radiograph.
        statistic: means of shape (..., k) to scores of shape (..., m); NaN where undefined, and
            such resamples are left out.
        weights: (n,) above zero, how often each counts; once by default. A radiograph is drawn
            together with its weight, so that repeats of one radiograph never pass for evidence of
            several (a cluster bootstrap).
        strata: (n,) a label a radiograph, such as its sex; resamples keep the number of each.
            Ignored where one of them is on fewer than 10 radiographs.
        seed: seed of the bootstrap.
        confidence: coverage aimed at, between 0 and 1.
        resamples: number of bootstrap resamples.

    Returns:
        (m, 2) lower and upper limits, in the units of the scores; NaN for fewer than two rows or an
        undefined score; both the score itself where it is the same whoever is left out.

    Raises:
        InputError: a ``confidence`` out of range.
    """
    check_confidence(confidence)
    n = len(columns)
    weights = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    sums = np.column_stack([columns, np.ones(n)]) * weights[:, None]  # (n, k + 1)

    def score(totals: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return statistic(totals[..., :-1] / totals[..., -1:])

    total = sums.sum(axis=0)
    point = score(total)  # (m,)
    if n < 2:
        return np.full((len(point), 2), np.nan)
    left_out = score(total - sums)  # (n, m)
    groups = _groups(strata, n)
    squares, cubes = _influence(left_out, groups)
    tail = (1 - confidence) / 2
    if n > LARGE:
        half = -special.ndtri(tail) * np.sqrt(squares)
        return np.stack([point - half, point + half], axis=1)
    drawn = score(_resampled(sums, groups, resamples, np.random.default_rng(seed)))  # (B, m)
    intervals = np.full((len(point), 2), np.nan)
    for number, value in enumerate(point):
        if np.ptp(left_out[:, number]) * (n - 1) <= ROUNDING:
            intervals[number] = value
            continue
        kept = drawn[np.isfinite(drawn[:, number]), number]
        if np.isfinite(value) and len(kept):
            levels = _bca_levels(kept, value, squares[number], cubes[number], tail)
            intervals[number] = np.quantile(kept, levels)
    return intervals


def _groups(strata: np.ndarray | None, n: int) -> list[np.ndarray]:
    """Rows of each stratum; of all together where one is too small to show its spread."""
    if strata is not None:
        labels, number = np.unique(np.asarray(strata), return_inverse=True)
        groups = [np.flatnonzero(number == label) for label in range(len(labels))]
        if min(map(len, groups)) >= SMALLEST_STRATUM:
            return groups
    return [np.arange(n)]


def _influence(left_out: np.ndarray, groups: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares and of cubes of what each row does to the scores, each of shape (m,)."""
    squares, cubes = np.zeros((2, left_out.shape[1]))
    for rows in groups:
        without = left_out[rows]
        influence = (len(rows) - 1) / len(rows) * (without.mean(axis=0) - without)
        squares += (influence**2).sum(axis=0)
        cubes += (influence**3).sum(axis=0)
    return squares, cubes


def _resampled(
    sums: np.ndarray, groups: list[np.ndarray], resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Column sums of every resample, of shape (resamples, k + 1)."""
    totals = np.zeros((resamples, sums.shape[1]))
    batch = max(1, 1_000_000 // len(sums))  # 8 MB an array
    for start in range(0, resamples, batch):
        several = totals[start : start + batch]
        for rows in groups:
            size = len(rows)
            drawn = rng.integers(0, size, (len(several), size))
            drawn += size * np.arange(len(several))[:, None]
            counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
            several += counts.astype(float) @ sums[rows]
    return totals


def _bca_levels(
    drawn: np.ndarray, point: float, squares: float, cubes: float, tail: float
) -> np.ndarray:
    """Which quantiles of the resampled scores are the limits, each 0 to 1."""
    close = 1e-12 * abs(point)  # a resample that equals the score up to rounding
    below = np.mean(drawn < point - close) + np.mean(drawn <= point + close)
    bias = special.ndtri(below / 2)
    sides = bias + special.ndtri([tail, 1 - tail])
    with np.errstate(divide="ignore", invalid="ignore"):
        acceleration = cubes / (6 * squares**1.5)
        levels = special.ndtr(bias + sides / (1 - acceleration * sides))
    if np.isfinite(levels).all():
        return np.asarray(levels)
    # BCa has no answer when every resample falls on one side; the percentiles still do.
    return np.array([tail, 1 - tail])


def fisher_interval(r: float, n: float, confidence: float = 0.95) -> list[float] | None:
    """Fisher's interval [low, high] of a correlation r from n pairs; None unless n > 3."""
    if n <= 3:
        return None
    if abs(r) >= 1:
        return [r, r]
    half = stats.norm.ppf((1 + confidence) / 2) / math.sqrt(n - 3)
    return [math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)]


def wilson_interval(share: float, n: float, confidence: float = 0.95) -> list[float]:
    """Wilson's interval [low, high] of a share, 0 to 1, of n radiographs.

    Wilson, "Probable inference, the law of succession, and statistical inference", J. Am. Stat.
    Assoc. 22 (1927). ``n`` may be an effective number, which need not be whole.
    """
    z = stats.norm.ppf((1 + confidence) / 2)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return [float(max(middle - half, 0)), float(min(middle + half, 1))]


def quantile_interval(
    values: np.ndarray, share: float, confidence: float = 0.95
) -> list[float] | None:
    """Interval [low, high] of a quantile between order statistics, whatever the distribution.

    Args:
        values: (n,) independent numbers.
        share: which quantile, between 0 and 1: 0.9 for the 90th percentile.
        confidence: coverage, at least.

    Returns:
        Limits in the unit of ``values``; None where n is too small to have both.
    """
    limits = stats.quantile_test(values, p=share).confidence_interval(confidence)
    found = [float(limits.low), float(limits.high)]
    return found if all(map(math.isfinite, found)) else None


def check_confidence(confidence: float) -> None:
    """Raise InputError unless a coverage lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise InputError(f"Found confidence={confidence}; expected a number between 0 and 1.")
