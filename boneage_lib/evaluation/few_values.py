"""Student's, Welch's and χ² intervals: for a handful of values, such as the errors of seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


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


def welch_interval(a: np.ndarray, b: np.ndarray, confidence: float = 0.95) -> list[float] | None:
    """Welch's interval [low, high] of mean(a) - mean(b); None where one of them never varies."""
    if min(len(a), len(b)) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    found = stats.ttest_ind(a, b, equal_var=False).confidence_interval(confidence)
    return [float(found.low), float(found.high)]
