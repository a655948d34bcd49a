"""Agreement against pingouin and statsmodels, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pingouin
import pytest
import statsmodels.api as sm
from matplotlib.figure import Figure

from boneage_lib.evaluation import evaluate, icc_2_1, limits_of_agreement, lin_ccc
from boneage_lib.evaluation.agreement import error_slope

TRUTH = np.array([50.0, 100, 150, 200])
PREDICTED = TRUTH + [-10, 0, 10, 20]


def readings(seed: int, n: int = 70) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(5, 220, n)
    return truth, 0.8 * truth + rng.normal(15, 12, n)


@pytest.mark.parametrize("seed", range(3))
def test_icc_is_pingouins(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pingouin.options, "round.column.CI95", None)
    truth, predicted = readings(seed)
    n = len(truth)
    long = pd.DataFrame(
        {
            "image": np.tile(np.arange(n), 2),
            "reader": np.repeat(["reference", "network"], n),
            "months": np.concatenate([truth, predicted]),
        }
    )
    expected = pingouin.intraclass_corr(long, "image", "reader", "months").set_index("Type")
    found, interval = icc_2_1(truth, predicted)
    assert found == pytest.approx(expected.loc["ICC(A,1)", "ICC"], abs=1e-10)
    assert interval == pytest.approx(list(expected.loc["ICC(A,1)", "CI95"]), abs=1e-10)


def test_icc_by_hand() -> None:
    """From the mean squares between images, between readers and of the rest."""
    images = 2 * ((TRUTH + PREDICTED) / 2).var(ddof=1)
    readers = 4 * 2 * 2.5**2  # the readers' means lie 2.5 on both sides of the grand mean
    error = (PREDICTED - TRUTH).var(ddof=1) / 2
    expected = (images - error) / (images + error + 2 * (readers - error) / 4)
    assert icc_2_1(TRUTH, PREDICTED)[0] == pytest.approx(expected, abs=1e-12)


def test_icc_of_perfect_and_of_merely_shifted_predictions() -> None:
    assert icc_2_1(TRUTH, TRUTH) == (1, [1, 1])
    found, (low, high) = icc_2_1(TRUTH, TRUTH + 20)
    assert 0 <= low < found < high <= 1


@pytest.mark.parametrize("seed", range(3))
def test_bland_altman_is_pingouins(seed: int) -> None:
    truth, predicted = readings(seed)
    axes = Figure().add_subplot()
    pingouin.plot_blandaltman(predicted, truth, ax=axes)
    heights = [line.get_ydata()[0] for line in axes.lines]  # type: ignore[index]
    found = limits_of_agreement(predicted - truth)
    bias = float(np.mean(predicted - truth))
    drawn = [bias, found["loa_high_months"], found["loa_low_months"]]
    for height in drawn:
        assert min(abs(height - line) for line in heights) < 1e-10
    low, high = found["loa_high_months_ci"]
    # Pingouin's is the standard error of 1986, √(3/n), of which 1.96² / 2 + 1 falls short by 0.08.
    of_1986 = 2 * math.sqrt(3 / len(truth)) * found["sd_error_months"]
    assert high - low == pytest.approx(1.99 * of_1986, rel=0.03)


def test_limits_by_hand() -> None:
    """Errors of -10, 0, 10, 20: mean 5, variance 500/3; t of three degrees of freedom is 3.182."""
    found = limits_of_agreement(PREDICTED - TRUTH)
    sd = math.sqrt(500 / 3)
    assert found["sd_error_months"] == pytest.approx(sd)
    assert found["loa_low_months"] == pytest.approx(5 - 1.96 * sd)
    half = 3.182446 * sd * math.sqrt(1 / 4 + 1.96**2 / 6)
    low, high = found["loa_high_months_ci"]
    assert (high - low) / 2 == pytest.approx(half, rel=1e-6)
    assert limits_of_agreement(np.array([3.0]))["loa_low_months"] is None


@pytest.mark.parametrize("seed", range(3))
def test_concordance_is_that_of_its_definition(seed: int) -> None:
    truth, predicted = readings(seed)
    covariance = np.cov(truth, predicted, ddof=0)
    apart = (truth.mean() - predicted.mean()) ** 2
    expected = 2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + apart)
    assert lin_ccc(truth, predicted) == pytest.approx(expected, abs=1e-12)


def test_concordance_by_hand() -> None:
    """Mean squared difference 150; variances 3,125 and 4,500, means 5 apart."""
    assert lin_ccc(TRUTH, PREDICTED) == pytest.approx(1 - 150 / (3125 + 4500 + 25))
    assert lin_ccc(TRUTH, TRUTH) == 1
    assert lin_ccc(TRUTH, 250 - TRUTH) == pytest.approx(-1)
    assert math.isnan(lin_ccc(TRUTH * 0, TRUTH * 0))


@pytest.mark.parametrize("seed", range(3))
def test_slope_is_that_of_statsmodels(seed: int) -> None:
    truth, predicted = readings(seed)
    fitted = sm.OLS(predicted - truth, sm.add_constant(truth)).fit()
    slope, interval = error_slope(truth, predicted - truth)
    assert slope == pytest.approx(fitted.params[1], abs=1e-10)
    assert interval == pytest.approx(list(fitted.conf_int()[1]), abs=1e-10)


def test_evaluate_hands_out_the_same() -> None:
    truth, predicted = readings(9)
    table = pd.DataFrame(
        {"id": range(len(truth)), "boneage_months": truth, "predicted_months": predicted}
    )
    found = evaluate(table, confidence=0.9)
    assert found["lin_ccc"] == lin_ccc(truth, predicted)
    assert (found["icc_2_1"], found["icc_2_1_ci"]) == icc_2_1(truth, predicted, confidence=0.9)
    assert found | limits_of_agreement(predicted - truth, confidence=0.9) == found
    assert (found["error_slope"], found["error_slope_ci"]) == error_slope(
        truth, predicted - truth, confidence=0.9
    )
    p = pingouin.ttest(predicted, truth, paired=True)
    (column,) = [name for name in p.columns if name.lower().startswith("p") and "val" in name]
    assert found["t_test_p"] == pytest.approx(p[column].iloc[0], abs=1e-10)
    r = pingouin.corr(truth, predicted)
    assert found["pearson_r"] == pytest.approx(r["r"].iloc[0], abs=1e-10)
