"""Ensembles on changed radiographs: averages of their members' answers under the same change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_run import NORMALIZER, all_predictions, changed

from boneage_lib.errors import InputError
from boneage_lib.evaluation import ensemble_robustness, ensemble_study
from boneage_lib.paper.published import TITLES


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    return ensemble_study({name: all_predictions(name) for name in TITLES}, NORMALIZER)


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    return {name: changed(name) for name in TITLES}


def test_members_are_what_their_tables_say(
    study: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> None:
    rows, summary = ensemble_robustness(tables, study, NORMALIZER)
    for name, table in tables.items():
        error = (table["predicted_months"] - table["boneage_months"]).abs()
        expected = error.groupby([table["condition"], table["strength"]]).mean()
        found = rows[rows["name"] == name].set_index(["condition", "strength"])["mae_months"]
        pd.testing.assert_series_equal(found.sort_index(), expected, check_names=False)
        # Rotations cost 5 and 10 months, a flip half a month.
        row = summary.set_index("name").loc[name]
        assert row["increase_months"] == pytest.approx((7.5 + 0.5) / 2)
        assert row["changed_months"] == pytest.approx(row["mae_months"] + 4)
        low, high = row["increase_months_ci"]
        assert 3 < low < 4 < high < 5
    assert (rows["n"] == 20).all() and (summary["n"] == 20).all()


def test_an_ensemble_averages_under_each_change(
    study: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> None:
    rows, summary = ensemble_robustness(tables, study, NORMALIZER)
    assert summary["name"].tolist() == study["name"].tolist()
    weights = {"inception_v3": 1 / 7, "xception": 1 / 7, "resnet50_patches": 5 / 7}
    months = sum(w * tables[name]["predicted_months"] for name, w in weights.items())
    first = tables["xception"]
    at = (first["condition"] == "rotation") & (first["strength"] == 20)
    error = np.abs(np.asarray(months) - first["boneage_months"])[at].mean()
    found = rows.query("name == 'normalized' and condition == 'rotation' and strength == 20")
    assert found["mae_months"].item() == pytest.approx(error)
    row = summary.set_index("name").loc["normalized"]
    members = summary.set_index("name").loc[list(weights)]
    assert row["best_member"] == "resnet50_patches"
    assert row["changed_difference_months"] == pytest.approx(
        row["changed_months"] - members["changed_months"].min()
    )
    low, high = row["changed_difference_months_ci"]
    assert low < row["changed_difference_months"] < high
    assert row["increase_difference_months"] == pytest.approx(
        row["increase_months"] - members.loc["resnet50_patches", "increase_months"]
    )


def test_rows_in_another_order_are_the_same(
    study: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> None:
    mixed = tables | {"xception": tables["xception"].sample(frac=1, random_state=0)}
    for one, other in zip(
        ensemble_robustness(tables, study, NORMALIZER),
        ensemble_robustness(mixed, study, NORMALIZER),
        strict=True,
    ):
        pd.testing.assert_frame_equal(one, other)


def test_ensembles_of_networks_that_were_not_asked_are_left_out(
    study: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> None:
    del tables["xception_attention"]
    _, summary = ensemble_robustness(tables, study, NORMALIZER)
    assert "equal" in set(summary["name"])
    assert not summary["name"].str.contains("attention").any()


def test_bad_tables_are_refused(study: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    def refused(changes: dict[str, pd.DataFrame], match: str) -> None:
        with pytest.raises(InputError, match=match):
            ensemble_robustness(tables | changes, study, NORMALIZER)

    refused({"xception": tables["xception"].drop(columns="strength")}, "xception lack strength")
    refused({"xception": tables["xception"].iloc[1:]}, "xception are of other radiographs")
    refused({"xception": pd.concat([tables["xception"]] * 2)}, "xception are of other radiographs")
    with pytest.raises(InputError, match="Found no answers"):
        ensemble_robustness({}, study, NORMALIZER)
    for name, table in tables.items():
        tables[name] = table.query("condition != 'none'")
    refused({}, "no condition 'none'")
