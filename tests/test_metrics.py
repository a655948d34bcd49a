"""Metrics against SciPy and scikit-learn, against hand-computed cases, and what they refuse."""

from __future__ import annotations

import json
import math
import random as randomness
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from boneage_lib.data.resampling import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.evaluation import (
    age_weighted_mae,
    by_group,
    calibration,
    evaluate,
    evaluate_by_group,
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
        "abs_error_p90_months": (predicted - truth).abs().quantile(0.9),
        "abs_error_p95_months": (predicted - truth).abs().quantile(0.95),
        "bias_months": np.average(predicted - truth),
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
    assert found["mae_z"] == pytest.approx(0.2)
    assert found["error_slope"] == pytest.approx(0.2)
    quantiles = ("median_abs_error_months", "abs_error_p90_months", "abs_error_p95_months")
    assert [found[key] for key in quantiles] == pytest.approx([10, 17, 18.5])
    shares = [found[f"within_{m}_months"] for m in (6, 12, 24)]
    assert shares == [0.25, 0.75, 1.0]


def test_repeats_do_not_narrow_the_interval() -> None:
    table = predictions(40)
    threefold = pd.concat([table] * 3, ignore_index=True)
    once, thrice = evaluate(table), evaluate(threefold, repeats=True)
    assert thrice["mae_months"] == pytest.approx(once["mae_months"])
    assert thrice["mae_months_ci"] == pytest.approx(once["mae_months_ci"])
    same = [key for key in once if key.endswith("_ci") and thrice[key] is not None]
    assert len(same) == 13
    for key in same:
        assert thrice[key] == pytest.approx(once[key]), key
    assert thrice["abs_error_p90_months_ci"] is None
    for key in ("sd_error_months", "icc_2_1", "lin_ccc"):
        assert thrice[key] == pytest.approx(once[key]), key
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
    assert (found["lin_ccc"], found["icc_2_1"]) == (None, None)
    assert found["notes"] == [
        "Too few radiographs for intervals of quantiles of the absolute error: 95%.",
        "All predictions are equal: no correlation.",
    ]
    json.dumps(found, allow_nan=False)


def test_a_perfect_network_and_a_single_radiograph_give_numbers_or_none() -> None:
    perfect = evaluate(hand().assign(predicted_months=hand()["boneage_months"]))
    assert (perfect["mae_months"], perfect["mae_months_ci"]) == (0, [0, 0])
    assert perfect["t_test_p"] is None
    single = evaluate(hand().head(1))
    assert (single["mae_months"], single["mae_months_ci"], single["r2"]) == (10, None, None)
    assert single["notes"] == ["One radiograph: no intervals, no correlation and no tests."]
    assert not [key for key in single if key.endswith("_ci") and single[key] is not None]
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


def test_groups_are_evaluated_like_tables_of_their_own() -> None:
    table = predictions(90)
    normalizer = AgeNormalizer(120, 60)
    groups = {group["group"]: group for group in evaluate_by_group(table, normalizer=normalizer)}
    rows = table[(table["female"] == 1) & table["boneage_months"].between(60, 120, "left")]
    expected = evaluate(rows, normalizer)
    assert groups["female, 60 to 120 months"] == {
        "by": "sex and age",
        "group": "female, 60 to 120 months",
        **expected,
    }
    short = by_group(table).set_index("group")
    assert list(short.index) == list(groups)
    for name, group in groups.items():
        assert short.loc[name, "mae_months"] == pytest.approx(group["mae_months"])
        low, high = group["mae_months_ci"]
        # Drawn by one column or five, the same resamples, rounded differently.
        assert short.loc[name, ["mae_low", "mae_high"]].tolist() == pytest.approx([low, high])
    json.dumps(list(groups.values()), allow_nan=False)


def test_calibration_shows_predictions_drawn_to_the_mean() -> None:
    table = predictions(300, noise=5)
    mean = table["boneage_months"].mean()
    table["predicted_months"] = mean + 0.5 * (table["predicted_months"] - mean)
    bands = calibration(table)
    first, last = bands.iloc[0], bands.iloc[-1]
    assert first["predicted_low"] > first["reference_months"]
    assert last["predicted_high"] < last["reference_months"]
    assert bands["n"].sum() == 300
    inside = table[table["boneage_months"].between(24, 48, inclusive="left")]
    assert bands.loc[1, "low_months"] == 24
    assert bands.loc[1, "predicted_months"] == pytest.approx(inside["predicted_months"].mean())
    assert bands.loc[1, "bias_months"] == pytest.approx(
        bands.loc[1, "predicted_months"] - bands.loc[1, "reference_months"]
    )
    alone = calibration(hand().head(1))
    assert alone[["predicted_low", "predicted_high"]].isna().all(axis=None)


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
    "years": (lambda t: t.assign(boneage_months=[1.5, 5, 11, 17]), "looks like years"),
    "days": (lambda t: t.assign(boneage_months=[900.0, 3000, 4000, 6000]), "expected months"),
    "sex": (lambda t: t.assign(female=[0, 1, 2, 0]), "female"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_refused_with_what_was_found(case: str) -> None:
    spoil, message = BAD[case]
    with pytest.raises(InputError, match=message):
        evaluate(spoil(hand()))


def test_infants_may_be_told_from_years() -> None:
    infants = hand().assign(boneage_months=[2.0, 6, 13, 20], predicted_months=[4.0, 6, 12, 18])
    with pytest.raises(InputError, match="2 to 20.*infants=True"):
        evaluate(infants)
    assert evaluate(infants, infants=True)["mae_months"] == 1.25
    # One age or ages close together tell nothing of their unit.
    assert evaluate(infants.head(1))["mae_months"] == 2
    assert evaluate(infants.tail(2))["mae_months"] == 1.5


def test_a_band_of_infants_is_not_taken_for_years() -> None:
    table = hand().assign(boneage_months=[2.0, 9, 19, 200])
    assert [group["n"] for group in evaluate_by_group(table)] == [3, 1]
    assert calibration(table)["n"].tolist() == [3, 1]


@pytest.mark.parametrize(
    ("predicted", "unit"),
    [
        ([4.0, 8, 12, 17], "look like years"),
        ([-1.5, -0.5, 0.5, 1.6], "look like z-scores"),
        ([40.0, 80, 120, 170], None),
        ([-30.0, 8, 12, 17], None),
        ([12.0, 12, 12, 12], None),
    ],
)
def test_predictions_in_another_unit_are_noticed(predicted: list[float], unit: str | None) -> None:
    notes = evaluate(hand().assign(predicted_months=predicted))["notes"]
    assert [note for note in notes if "look like" in note] == [
        note for note in notes if unit is not None and unit in note
    ]
    assert any("look like" in note for note in notes) == (unit is not None)


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


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_rows(
    n: int, seed: int, random: randomness.Random
) -> None:
    """But for the luck of the bootstrap's draws, and the last digits of sums."""
    table = predictions(n, seed)
    order = random.sample(range(n), n)
    mixed = table.iloc[order]
    kept, found = (
        {k: v for k, v in evaluate(t, resamples=10).items() if k not in BOOTSTRAPPED}
        for t in (table, mixed)
    )
    assert kept.keys() == found.keys()
    for name, value in kept.items():
        expected = value if isinstance(value, list | None) else pytest.approx(value, rel=1e-9)
        if isinstance(value, list) and name != "notes":
            expected = pytest.approx(value, rel=1e-9)
        assert found[name] == expected, name
    groups, of_mixed = (by_group(t).set_index("group") for t in (table, mixed))
    for column in ("n", "mae_months", "rmse_months", "bias_months"):
        pd.testing.assert_series_equal(groups[column], of_mixed[column])


#: Intervals that come from a bootstrap.
BOOTSTRAPPED = {
    f"{score}_ci" for score in ("mae_months", "rmse_months", "bias_months", "r2", "lin_ccc")
}


@settings(max_examples=10)
@given(
    st.lists(st.integers(0, 10**6), min_size=3, max_size=30, unique=True),
    st.sampled_from(["", "hand-"]),
    st.randoms(use_true_random=False),
)
def test_no_score_of_a_file_depends_on_the_order_of_its_rows(
    ids: list[int], prefix: str, random: randomness.Random
) -> None:
    """Bootstraps included, to the last digit."""
    table = predictions(len(ids)).assign(id=[f"{prefix}{number}" for number in ids])
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for order in (range(len(ids)), random.sample(range(len(ids)), len(ids))):
            table.iloc[list(order)].to_csv(Path(folder) / "table.csv", index=False)
            read = read_predictions(Path(folder) / "table.csv")
            found.append((evaluate(read), calibration(read).to_dict(), by_group(read).to_dict()))
    assert repr(found[0]) == repr(found[1])
