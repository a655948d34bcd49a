"""Weighted averages over networks: what each weighting does, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boneage_lib.data.resampling import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.evaluation import (
    AS_PRINTED,
    COMPLETED,
    combine,
    ensemble_study,
    evaluate,
    fit_weights,
    weights_for,
)
from boneage_lib.evaluation.ensemble import less_members

NORMALIZER = AgeNormalizer(mean_months=120, std_months=50)
NOISE = {"inception_v3": 20, "xception": 18, "resnet50_patches": 12, "xception_attention": 40}


def network_tables(*names: str, noise: float | None = None) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    n = 240
    age = rng.uniform(20, 220, n)
    split = np.repeat(["train", "validation", "test"], n // 3)
    return {
        name: pd.DataFrame(
            {
                "id": np.arange(n),
                "split": split,
                "female": np.arange(n) % 2,
                "boneage_months": age,
                "predicted_months": age
                + rng.normal(0, 1, n) * (NOISE[name] if noise is None else noise),
            }
        )
        for name in names or NOISE
    }


def of_split(tables: dict[str, pd.DataFrame], split: str) -> dict[str, pd.DataFrame]:
    return {name: table[table["split"] == split] for name, table in tables.items()}


def test_printed_weights_leave_a_perfect_ensemble_an_mse_of_a_tenth() -> None:
    perfect = network_tables(noise=0)
    table = combine(perfect, AS_PRINTED, NORMALIZER)
    ages = table["boneage_months"].to_numpy()
    own = AgeNormalizer(float(ages.mean()), float(ages.std()))
    table = combine(perfect, AS_PRINTED, own)
    assert evaluate(table, own)["mse_z"] == pytest.approx(0.09)
    normalized = combine(perfect, weights_for("normalized", list(AS_PRINTED)), NORMALIZER)
    assert evaluate(normalized)["mae_months"] == pytest.approx(0, abs=1e-10)


def test_combine_by_hand_in_z() -> None:
    tables = network_tables(*AS_PRINTED)
    z = {name: (t["predicted_months"] - 120) / 50 for name, t in tables.items()}
    expected = 120 + 50 * sum(AS_PRINTED[name] * z[name] for name in z)
    found = combine(tables, AS_PRINTED, NORMALIZER)
    assert np.allclose(found["predicted_months"], expected, atol=1e-10)
    assert list(found) == list(tables["xception"])


weights = st.floats(-3, 3)


@settings(max_examples=25)
@given(st.tuples(weights, weights), st.tuples(weights, weights), weights, weights)
def test_ensembles_are_linear_in_their_weights(
    first: tuple[float, float], second: tuple[float, float], a: float, b: float
) -> None:
    """In z-scores: twice the weights are twice as far from the mean age."""
    tables = network_tables("xception", "inception_v3")

    def z(own: tuple[float, float]) -> np.ndarray:
        found = combine(tables, dict(zip(tables, own, strict=True)), NORMALIZER)
        return NORMALIZER.to_z(found["predicted_months"].to_numpy())

    mixed = tuple(a * one + b * other for one, other in zip(first, second, strict=True))
    np.testing.assert_allclose(z(mixed), a * z(first) + b * z(second), atol=1e-9)


def test_weights_that_sum_to_one_do_not_depend_on_the_normalizer() -> None:
    tables = network_tables(*AS_PRINTED)
    weights = weights_for("normalized", list(tables))
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["resnet50_patches"] == pytest.approx(5 / 7)
    one, other = (
        combine(tables, weights, normalizer)["predicted_months"]
        for normalizer in (NORMALIZER, AgeNormalizer(10, 3))
    )
    assert np.allclose(one, other)


def test_completed_weights_are_the_printed_ones_but_for_the_first() -> None:
    weights = weights_for("completed", list(AS_PRINTED))
    assert weights == COMPLETED and weights is not COMPLETED
    assert sum(weights.values()) == pytest.approx(1)
    changed = {name for name in AS_PRINTED if weights[name] != AS_PRINTED[name]}
    assert changed == {"resnet50_patches"}


def test_the_best_member_is_chosen_on_test_and_on_validation() -> None:
    tables = network_tables()
    validation = tables["resnet50_patches"]["split"] == "validation"
    tables["resnet50_patches"].loc[validation, "predicted_months"] += 60
    study = ensemble_study(tables, NORMALIZER).set_index("name")
    row = study.loc["equal"]
    assert (row["best_member"], row["best_on_validation"]) == ("resnet50_patches", "xception")
    maes = study["mae_months"]
    assert row["validation_best_difference_months"] == pytest.approx(
        maes["equal"] - maes["xception"]
    )
    low, high = row["validation_best_difference_months_ci"]
    assert low < row["validation_best_difference_months"] < high
    assert row["validation_best_difference_months"] < row["difference_months"]


def test_an_ensembles_best_member_is_one_of_its_own() -> None:
    tables = network_tables()
    tables["xception_attention"]["predicted_months"] = tables["xception"]["boneage_months"] + 1
    study = ensemble_study(tables, NORMALIZER).set_index("name")
    for key in ("best_member", "best_on_validation"):
        assert study.loc["normalized", key] == study.loc["equal", key] == "resnet50_patches"
        assert study.loc["equal with attention", key] == "xception_attention"
    assert study.loc["normalized", "difference_months"] == pytest.approx(
        study["mae_months"]["normalized"] - study["mae_months"]["resnet50_patches"]
    )


def test_weights_that_are_all_zero_count_members_alike() -> None:
    members = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 6.0])}
    for weights in ({"a": 0.0, "b": 0.0}, {"a": 2.0, "b": 2.0}):
        found = less_members(np.array([1.0, 1.0]), members, weights)
        assert found[""].tolist() == [-1, -3]
        assert found["b"].tolist() == [-2, -5]


def test_the_gap_is_validation_less_train_with_welchs_interval() -> None:
    tables = network_tables()
    train = tables["xception"]["split"] == "train"
    errors = tables["xception"]["predicted_months"] - tables["xception"]["boneage_months"]
    tables["xception"].loc[train, "predicted_months"] -= 0.8 * errors[train]
    study = ensemble_study(tables, NORMALIZER).set_index("name")
    row, ensemble = study.loc["xception"], study.loc["equal"]
    held, learned = (
        of_split(tables, split)["xception"].eval("abs(predicted_months - boneage_months)")
        for split in ("validation", "train")
    )
    assert row["gap_months"] == pytest.approx(held.mean() - learned.mean())
    error = np.sqrt(held.var() / 80 + learned.var() / 80)
    assert row["gap_months_ci"] == pytest.approx(
        [row["gap_months"] - 1.98 * error, row["gap_months"] + 1.98 * error], rel=0.02
    )
    members = study.loc[list(AS_PRINTED), "gap_months"]
    assert ensemble["gap_less_members_months"] == pytest.approx(
        ensemble["gap_months"] - members.mean()
    )
    weighted = study.loc["normalized"]
    own = sum(weight * members[name] for name, weight in weighted["weights"].items())
    assert own != pytest.approx(members.mean())
    assert weighted["gap_less_members_months"] == pytest.approx(weighted["gap_months"] - own)
    assert weighted["smallest_gap_member"] == members.idxmin()
    assert weighted["gap_less_smallest_months"] == pytest.approx(
        weighted["gap_months"] - members.min()
    )
    low, high = weighted["gap_less_smallest_months_ci"]
    assert low < weighted["gap_less_smallest_months"] < high
    low, high = ensemble["gap_less_members_months_ci"]
    assert low < ensemble["gap_less_members_months"] < high
    assert np.isnan(row["gap_less_members_months"]), "a member has none"


def test_rows_are_matched_by_id() -> None:
    tables = network_tables("xception", "inception_v3")
    weights = weights_for("equal", list(tables))
    mixed = tables | {"inception_v3": tables["inception_v3"].sample(frac=1, random_state=1)}
    pd.testing.assert_frame_equal(
        combine(mixed, weights, NORMALIZER), combine(tables, weights, NORMALIZER)
    )


def test_fitted_weights_find_the_mixture_the_ages_were_made_of() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.uniform(-1, 1, (2, 100))
    truth = NORMALIZER.to_months(0.3 * a + 0.6 * b)
    tables = {
        name: pd.DataFrame(
            {
                "id": range(100),
                "split": "validation",
                "boneage_months": truth,
                "predicted_months": NORMALIZER.to_months(z),
            }
        )
        for name, z in (("a", a), ("b", b), ("opposite", -a))
    }
    assert fit_weights({k: tables[k] for k in "ab"}, NORMALIZER) == pytest.approx(
        {"a": 0.3, "b": 0.6}
    )
    assert min(fit_weights(tables, NORMALIZER).values()) >= 0


def test_weights_are_never_fitted_on_test() -> None:
    tables = network_tables()
    for split in ("test", "train"):
        with pytest.raises(InputError, match="validation rows only"):
            fit_weights(of_split(tables, split), NORMALIZER)
    with pytest.raises(InputError, match="validation rows only"):
        fit_weights(tables, NORMALIZER)
    changed = {
        name: t.assign(predicted_months=t["predicted_months"].where(t["split"] != "test", 0.0))
        for name, t in tables.items()
    }
    fitted = [ensemble_study(t, NORMALIZER).set_index("name") for t in (tables, changed)]
    assert fitted[0].loc["fitted", "weights"] == fitted[1].loc["fitted", "weights"]


def test_study_holds_members_and_ensembles_with_and_without_attention() -> None:
    tables = network_tables()
    study = ensemble_study(tables, NORMALIZER).set_index("name")
    assert study[study["kind"] == "member"].index.tolist() == list(tables)
    assert study[study["kind"] == "ensemble"].index.tolist() == [
        "as_printed",
        "normalized",
        "completed",
        "equal",
        "fitted",
        "equal with attention",
        "fitted with attention",
    ]
    test = of_split(tables, "test")
    assert study.loc["xception", "mae_months"] == evaluate(test["xception"])["mae_months"]
    row = study.loc["fitted"]
    assert row["best_member"] == "resnet50_patches"
    assert row["difference_months"] == pytest.approx(
        study["mae_months"]["fitted"] - study["mae_months"]["resnet50_patches"]
    )
    low, high = row["difference_months_ci"]
    assert low < row["difference_months"] < high
    assert study.loc["as_printed", "weight_sum"] == pytest.approx(0.7)
    validation = of_split(tables, "validation")["xception"]
    assert study.loc["xception", "mae_validation_months"] == pytest.approx(
        evaluate(validation)["mae_months"]
    )


def test_study_makes_do_with_fewer_networks_and_splits() -> None:
    two = of_split(network_tables("xception", "xception_attention"), "test")
    study = ensemble_study(two, NORMALIZER)
    assert study["name"].tolist() == ["xception", "xception_attention", "equal with attention"]
    alone = ensemble_study({"xception": two["xception"]}, NORMALIZER)
    assert alone["kind"].tolist() == ["member"]


def test_bad_input_is_refused() -> None:
    tables = network_tables("xception", "inception_v3")
    with pytest.raises(InputError, match="no predictions of resnet50_patches"):
        combine(tables, AS_PRINTED, NORMALIZER)
    with pytest.raises(InputError, match="finite"):
        combine(tables, {"xception": float("nan")}, NORMALIZER)
    with pytest.raises(InputError, match="no prediction table"):
        combine(tables, {}, NORMALIZER)
    with pytest.raises(InputError, match="weighting='printed'"):
        weights_for("printed", ["xception"])
    with pytest.raises(InputError, match="prints weights for"):
        weights_for("normalized", ["xception"])
    with pytest.raises(InputError, match="need validation_tables"):
        weights_for("fitted", ["xception"])
    with pytest.raises(InputError, match="no members"):
        weights_for("equal", [])
    with pytest.raises(InputError, match="no rows of the test split"):
        ensemble_study(of_split(tables, "train"), NORMALIZER)
