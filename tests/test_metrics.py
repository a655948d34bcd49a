"""Metrics against SciPy and scikit-learn, against hand-computed cases, and what they refuse."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sk

from boneage_lib.data.resampling import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.evaluation import (
    age_weighted_mae,
    bootstrap_interval,
    by_group,
    evaluate,
    fisher_interval,
    read_predictions,
    resampled,
    validate_predictions,
)


def predictions(n: int = 60, seed: int = 0, noise: float = 12.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.uniform(5, 220, n)
    return pd.DataFrame(
        {
            "id": np.arange(n) + 100,
            "split": "test",
            "female": rng.integers(0, 2, n),
            "boneage_months": age,
            "predicted_months": age + rng.normal(2, noise, n),
        }
    )


def hand() -> pd.DataFrame:
    """Errors of -10, 0, +10 and +20 months."""
    truth = np.array([50.0, 100, 150, 200])
    return pd.DataFrame(
        {"id": range(4), "boneage_months": truth, "predicted_months": truth + [-10, 0, 10, 20]}
    )


@pytest.mark.parametrize("seed", range(4))
def test_scores_agree_with_scipy_and_scikit_learn(seed: int) -> None:
    table = predictions(seed=seed)
    truth, predicted = table["boneage_months"], table["predicted_months"]
    found = evaluate(table, seed=seed)
    r = stats.pearsonr(truth, predicted)
    expected = {
        "mae_months": sk.mean_absolute_error(truth, predicted),
        "rmse_months": sk.root_mean_squared_error(truth, predicted),
        "median_abs_error_months": sk.median_absolute_error(truth, predicted),
        "r2": sk.r2_score(truth, predicted),
        "pearson_r": r.statistic,
        "t_test_p": stats.ttest_rel(truth, predicted).pvalue,
        "ks_test_p": stats.ks_2samp(truth, predicted).pvalue,
        "error_slope": np.polyfit(truth, predicted - truth, 1)[0],
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-10)
    assert found["pearson_r_p"] == pytest.approx(r.pvalue, rel=1e-10)
    assert found["pearson_r_ci"] == pytest.approx(list(r.confidence_interval()), abs=1e-10)


def test_scores_by_hand() -> None:
    found = evaluate(hand(), AgeNormalizer(mean_months=125, std_months=50))
    assert found["n"] == 4
    assert found["mae_months"] == 10
    assert found["bias_months"] == 5
    assert found["rmse_months"] == pytest.approx(math.sqrt(150))
    assert found["mse_z"] == pytest.approx(150 / 2500)
    assert found["rmse_z"] == pytest.approx(math.sqrt(150) / 50)
    assert found["error_slope"] == pytest.approx(0.2)
    shares = [found[f"within_{m}_months"] for m in (6, 12, 24)]
    assert shares == [0.25, 0.75, 1.0]


def test_interval_is_scipys_bca_interval_of_the_mean() -> None:
    values = np.random.default_rng(1).exponential(10, 50)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(5)
    ).confidence_interval
    found = bootstrap_interval(values, resamples=20_000)
    assert found == pytest.approx((expected.low, expected.high), rel=0.01)


def test_intervals_cover_the_true_error_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    truth = math.sqrt(2 / math.pi)  # mean absolute value of a standard normal number
    covered = 0.0
    for seed in range(300):
        values = np.abs(rng.normal(size=60))
        low, high = bootstrap_interval(values, seed=seed, resamples=400) or (math.nan, math.nan)
        covered += (low <= truth <= high) / 300
    assert 0.91 <= covered <= 0.985


def test_repeats_do_not_narrow_the_interval() -> None:
    table = predictions(40)
    threefold = pd.concat([table] * 3, ignore_index=True)
    once, thrice = evaluate(table), evaluate(threefold, repeats=True)
    assert thrice["mae_months"] == pytest.approx(once["mae_months"])
    assert thrice["mae_months_ci"] == pytest.approx(once["mae_months_ci"])
    assert thrice["pearson_r_ci"] == pytest.approx(once["pearson_r_ci"])
    assert (thrice["n"], thrice["n_distinct"]) == (120, 40)
    assert thrice["pearson_r_p"] is None
    assert any("repeat" in note for note in thrice["notes"])


def test_results_are_json_and_depend_on_nothing_but_table_and_seed() -> None:
    table = predictions()
    first, again = evaluate(table, seed=3), evaluate(table.sample(frac=1, random_state=0), seed=3)
    assert json.loads(json.dumps(first, allow_nan=False)) == evaluate(table, seed=3)
    assert again["mae_months"] == pytest.approx(first["mae_months"])
    assert evaluate(table, seed=4)["mae_months_ci"] != first["mae_months_ci"]


def test_constant_predictions_have_no_correlation_and_say_so() -> None:
    found = evaluate(predictions().assign(predicted_months=130.0))
    assert found["pearson_r"] is None
    assert found["pearson_r_ci"] is None
    assert found["error_slope"] == pytest.approx(-1)
    assert found["notes"] == ["All predictions are equal: no correlation."]
    json.dumps(found, allow_nan=False)


def test_a_perfect_network_and_a_single_radiograph_give_numbers_or_none() -> None:
    perfect = evaluate(hand().assign(predicted_months=hand()["boneage_months"]))
    assert (perfect["mae_months"], perfect["mae_months_ci"]) == (0, [0, 0])
    assert perfect["t_test_p"] is None
    single = evaluate(hand().head(1))
    assert (single["mae_months"], single["mae_months_ci"], single["r2"]) == (10, None, None)
    for found in (perfect, single, evaluate(hand().head(2)), evaluate(hand().head(3))):
        json.dumps(found, allow_nan=False)


def test_fisher_interval() -> None:
    assert fisher_interval(0.9, 3) is None
    assert fisher_interval(1.0, 10) == [1.0, 1.0]
    low, high = fisher_interval(0.0, 103) or (0, 0)
    assert high == -low == pytest.approx(math.tanh(stats.norm.ppf(0.975) / 10))


def test_age_weighted_error_is_what_resampling_tends_to() -> None:
    table = predictions(300, seed=2)
    table["predicted_months"] = table["boneage_months"] * 1.3  # errors grow with age
    drawn = evaluate(resampled(table, draws_per_cell=4000), repeats=True)
    found = age_weighted_mae(table)
    assert found["mae_months"] == pytest.approx(drawn["mae_months"], rel=0.01)
    assert found["n_effective"] < 300
    low, high = found["mae_months_ci"]
    assert low < found["mae_months"] < high


def test_by_group_adds_up_and_leaves_empty_groups_out() -> None:
    table = predictions(80)
    groups = by_group(table)
    assert groups.groupby("by")["n"].sum().to_dict() == {"age": 80, "sex": 80, "sex and age": 80}
    girls = groups.set_index("group").loc["female"]
    rows = table[table["female"] == 1]
    error = rows["predicted_months"] - rows["boneage_months"]
    assert girls["mae_months"] == pytest.approx(error.abs().mean())
    assert girls["bias_months"] == pytest.approx(error.mean())
    assert girls["mae_low"] < girls["mae_months"] < girls["mae_high"]
    assert set(by_group(hand())["group"]) == {
        "0 to 60 months",
        "60 to 120 months",
        "120 to 180 months",
        "180 to 240 months",
    }
    edge = hand().assign(boneage_months=[0.0, 60, 120, 240])
    assert by_group(edge)["n"].tolist() == [1, 1, 1, 1]


def test_resampled_draws_every_cell_alike() -> None:
    table = predictions(400)
    drawn = resampled(table, draws_per_cell=7, seed=1)
    assert len(drawn) == 20 * 7
    assert drawn["female"].mean() == 0.5
    assert set(drawn["id"]) <= set(table["id"])
    pd.testing.assert_frame_equal(drawn, resampled(table, draws_per_cell=7, seed=1))


BAD = {
    "missing column": (lambda t: t.drop(columns="predicted_months"), "lacks predicted_months"),
    "empty": (lambda t: t.head(0), "empty"),
    "missing number": (lambda t: t.assign(predicted_months=[1.0, np.nan, 3, 4]), "not finite"),
    "infinite": (lambda t: t.assign(predicted_months=[1.0, np.inf, 3, 4]), "not finite"),
    "text": (lambda t: t.assign(boneage_months=["1", "x", "3", "4"]), "id 1 with 'x'"),
    "repeated id": (lambda t: t.assign(id=[0, 1, 1, 2]), "more than once"),
    "missing id": (lambda t: t.assign(id=[0, 1, None, 2]), "lack an id"),
    "z-scores": (lambda t: t.assign(boneage_months=[-1.2, 0, 1, 2]), "expected months"),
    "sex": (lambda t: t.assign(female=[0, 1, 2, 0]), "female"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_refused_with_what_was_found(case: str) -> None:
    spoil, message = BAD[case]
    with pytest.raises(InputError, match=message):
        evaluate(spoil(hand()))


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="confidence"):
        evaluate(hand(), confidence=95)
    with pytest.raises(InputError, match="identical rows"):
        validate_predictions(hand().assign(id=[0, 1, 1, 2]), repeats=True)
    for needs_sex in (resampled, age_weighted_mae):
        with pytest.raises(InputError, match="female"):
            needs_sex(hand())
    with pytest.raises(InputError, match="rising"):
        by_group(hand(), bands_months=(0, 50, 50))
    with pytest.raises(InputError, match="outside the bands"):
        by_group(hand(), bands_months=(60, 240))


def test_reading_a_file(tmp_path) -> None:
    path = tmp_path / "predictions.csv"
    predictions().to_csv(path, index=False)
    assert evaluate(read_predictions(path)) == evaluate(predictions())
    path.write_text("")
    with pytest.raises(InputError, match=r"predictions\.csv"):
        read_predictions(path)
    with pytest.raises(InputError, match="no file"):
        read_predictions(tmp_path / "absent.csv")


def test_the_table_given_is_left_as_it_was() -> None:
    table = hand().assign(female=[True, False, True, False])
    before = table.copy()
    evaluate(table)
    pd.testing.assert_frame_equal(table, before)
