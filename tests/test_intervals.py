"""Intervals: those of SciPy on the same draws, and as wide as they say."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from boneage_lib.evaluation import bootstrap_interval, evaluate
from boneage_lib.evaluation.intervals import (
    LARGE,
    bootstrap_scores,
    quantile_interval,
    wilson_interval,
)


def pooled_mean(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.asarray(np.concatenate(samples, axis=axis).mean(axis=axis))


@pytest.mark.parametrize("sizes", [(50,), (30, 45), (12, 20, 33)])
@pytest.mark.parametrize("root", [False, True])
def test_the_bootstrap_is_scipys_on_the_same_draws(sizes: tuple[int, ...], root: bool) -> None:
    rng = np.random.default_rng(1)
    samples = [rng.exponential(10 + 5 * number, size) for number, size in enumerate(sizes)]
    strata = np.repeat(np.arange(len(sizes)), sizes)

    def statistic(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        mean = pooled_mean(*drawn, axis=axis)
        return np.sqrt(mean) if root else mean

    expected = stats.bootstrap(
        samples, statistic, vectorized=True, n_resamples=700, rng=np.random.default_rng(3)
    ).confidence_interval
    found = bootstrap_interval(
        np.concatenate(samples), root=root, seed=3, resamples=700, strata=strata
    )
    assert found == pytest.approx(tuple(expected), abs=1e-10)


def scores_of(truth: np.ndarray, predicted: np.ndarray, axis: int = -1) -> np.ndarray:
    """By their textbook formulas: MAE, RMSE, bias, R² and Lin's concordance."""
    error = predicted - truth
    center = [x - x.mean(axis=axis, keepdims=True) for x in (truth, predicted)]
    covariance = (center[0] * center[1]).mean(axis=axis)
    apart = truth.mean(axis=axis) - predicted.mean(axis=axis)
    return np.stack(
        [
            np.abs(error).mean(axis=axis),
            np.sqrt((error**2).mean(axis=axis)),
            error.mean(axis=axis),
            1 - (error**2).sum(axis=axis) / (center[0] ** 2).sum(axis=axis),
            2 * covariance / (truth.var(axis=axis) + predicted.var(axis=axis) + apart**2),
        ]
    )


def test_bootstrap_intervals_of_scores_are_scipys() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(5, 220, 60)
    predicted = 0.8 * truth + rng.normal(20, 15, 60)
    table = pd.DataFrame({"id": range(60), "boneage_months": truth, "predicted_months": predicted})
    expected = stats.bootstrap(
        (truth, predicted),
        scores_of,
        paired=True,
        vectorized=True,
        n_resamples=900,
        rng=np.random.default_rng(4),
    ).confidence_interval
    found = evaluate(table, seed=4, resamples=900)
    keys = ("mae_months", "rmse_months", "bias_months", "r2", "lin_ccc")
    for key, low, high in zip(keys, expected.low, expected.high, strict=True):
        assert found[f"{key}_ci"] == pytest.approx([low, high], abs=1e-10), key


def test_intervals_cover_as_often_as_they_say() -> None:
    """Two readers alike, each with an error of its own, of images that vary more than the two."""
    images, noise, n, tables = 25.0, 8.0, 60, 250
    total, error = images**2 + noise**2, math.sqrt(2) * noise
    alike = images**2 / total
    true = {
        "mae_months": error * math.sqrt(2 / math.pi),
        "rmse_months": error,
        "bias_months": 0.0,
        "median_abs_error_months": error * stats.norm.ppf(0.75),
        "abs_error_p90_months": error * stats.norm.ppf(0.95),
        "within_12_months": 2 * stats.norm.cdf(12 / error) - 1,
        "loa_low_months": -1.96 * error,
        "loa_high_months": 1.96 * error,
        "pearson_r": alike,
        "r2": 1 - error**2 / total,
        "lin_ccc": alike,
        "icc_2_1": alike,
        "error_slope": alike - 1,
    }
    rng = np.random.default_rng(5)
    covered = dict.fromkeys(true, 0)
    for seed in range(tables):
        age = 120 + images * rng.normal(size=n)
        truth, predicted = (age + noise * rng.normal(size=n) for _ in range(2))
        table = pd.DataFrame(
            {
                "id": range(n),
                "female": rng.integers(0, 2, n),
                "boneage_months": np.clip(truth, 0, 240),
                "predicted_months": predicted,
            }
        )
        found = evaluate(table, seed=seed, resamples=400)
        for key, value in true.items():
            low, high = found[f"{key}_ci"]
            covered[key] += low <= value <= high
    fewest, most = stats.binom.interval(0.999, tables, 0.95)
    assert all(fewest <= count for count in covered.values()), covered
    # Those between order statistics and of a share cover at least as often as they say.
    exact = ("median_abs_error_months", "abs_error_p90_months", "within_12_months")
    assert all(count <= most for key, count in covered.items() if key not in exact), covered


def test_strata_narrow_the_interval_where_they_differ() -> None:
    rng = np.random.default_rng(6)
    strata = np.repeat([0, 1], 100)
    values = rng.normal(size=200) + 10 * strata
    widths = [
        np.ptp(bootstrap_interval(values, strata=given) or (0, 0)) for given in (None, strata)
    ]
    assert widths[1] < 0.3 * widths[0]


def test_a_stratum_of_few_is_not_resampled_within_itself() -> None:
    values = np.random.default_rng(7).normal(size=40)
    few = np.array([1] * 9 + [0] * 31)
    assert bootstrap_interval(values, strata=few) == bootstrap_interval(values)
    assert bootstrap_interval(values[:2], strata=np.array([0, 1])) == bootstrap_interval(values[:2])


def test_many_radiographs_have_the_normal_interval_and_it_is_the_same() -> None:
    rng = np.random.default_rng(8)
    values = rng.exponential(size=LARGE)
    one_more = np.append(values, values.mean())
    few, many = bootstrap_interval(values), bootstrap_interval(one_more)
    assert few is not None and many is not None
    assert many == pytest.approx(few, abs=0.05 * np.ptp(few))
    half = stats.norm.ppf(0.975) * stats.sem(one_more)
    assert many == pytest.approx((values.mean() - half, values.mean() + half), rel=1e-5)


def test_an_undefined_score_has_no_interval() -> None:
    columns = np.random.default_rng(9).normal(size=(30, 2))
    found = bootstrap_scores(
        columns, lambda means: np.stack([means[..., 0], 0 * means[..., 1] / 0], axis=-1)
    )
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    assert np.isnan(bootstrap_scores(columns[:1], lambda means: means)).all()


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert bootstrap_interval(np.full(20, 0.1)) == pytest.approx((0.1, 0.1), abs=1e-12)
    assert bootstrap_interval(np.zeros(20), root=True) == (0, 0)


@pytest.mark.parametrize(("hits", "n"), [(0, 12), (3, 40), (200, 200)])
def test_wilsons_interval(hits: int, n: int) -> None:
    scipys = stats.binomtest(hits, n).proportion_ci(method="wilson")
    found = wilson_interval(hits / n, n)
    assert found == pytest.approx(list(scipys), abs=1e-10)
    assert found == pytest.approx(list(proportion_confint(hits, n, method="wilson")), abs=1e-10)


def test_interval_of_a_median_by_hand() -> None:
    """Of ten the second and the ninth: one or none lies below the median 11 times in 1,024."""
    assert quantile_interval(np.arange(1.0, 11), 0.5) == [2, 9]
    assert quantile_interval(np.arange(1.0, 6), 0.5) is None
    assert quantile_interval(np.arange(71.0), 0.95) is None
    assert quantile_interval(np.arange(72.0), 0.95) is not None
