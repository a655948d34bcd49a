"""The histogram of RSNA 2017 and labels drawn from it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from boneage_lib.data.histogram import age_by_sex, draw_labels, load_histogram, table1
from boneage_lib.errors import InputError


def test_table1_is_that_of_rsna():
    table = table1(load_histogram()).set_index("split")
    assert table.index.tolist() == ["train", "validation", "test"]
    assert table["n"].tolist() == [12_611, 1_425, 200]
    np.testing.assert_allclose(table["female_share"], [0.458, 0.458, 0.5], atol=5e-4)
    np.testing.assert_allclose(table["mean_months"][:2], [127.3208, 127.1565], atol=5e-5)
    np.testing.assert_allclose(table["std_months"][:2], [41.1820, 41.7220], atol=5e-5)
    # The test set's consensus ages are fractional (mean 132.0955, std 43.1253) and rounded here.
    assert table.loc["test", "mean_months"] == pytest.approx(132.0955, abs=0.05)
    assert table.loc["test", "std_months"] == pytest.approx(43.1253, abs=0.05)
    assert table["min"].tolist() == [1, 3, 11]
    assert table["max"].tolist() == [228, 228, 219]


def test_histogram_counts_the_rare_ages():
    histogram = load_histogram()
    train = histogram[histogram["split"] == "train"]
    assert train.loc[train["months"] == 228, "count"].sum() == 19
    assert train.loc[train["months"] < 12, "count"].sum() == 13
    assert train.loc[train["months"] < 24, "count"].sum() == 91
    assert train.loc[train["months"] >= 204, "count"].sum() == 309
    assert (histogram["count"] > 0).all()
    assert not histogram.duplicated(["split", "female", "months"]).any()


def test_ages_by_sex_have_the_intervals_of_labels_one_by_one():
    histogram = load_histogram()
    table = age_by_sex(histogram).set_index(["split", "sex"])
    assert table["n"].tolist() == [5778, 6833, 12611, 652, 773, 1425, 100, 100, 200]
    for split, part in histogram.groupby("split"):
        girls, boys = (
            np.repeat(rows["months"], rows["count"]).to_numpy(float)
            for rows in (part[part["female"] == 1], part[part["female"] == 0])
        )
        row = table.loc[(split, "female")]
        student = stats.ttest_1samp(girls, 0).confidence_interval()
        np.testing.assert_allclose(row[["low_months", "high_months"]].astype(float), student)
        assert row["median_months"] == np.median(girls)
        row = table.loc[(split, "female - male")]
        welch = stats.ttest_ind(girls, boys, equal_var=False).confidence_interval()
        np.testing.assert_allclose(row[["low_months", "high_months"]].astype(float), welch)
        assert row["mean_months"] == pytest.approx(girls.mean() - boys.mean())


def test_ages_of_one_sex_and_of_one_child_have_no_difference_and_no_interval():
    histogram = pd.DataFrame({"split": ["train"], "female": [1], "months": [60], "count": [1]})
    table = age_by_sex(histogram)
    assert table["sex"].tolist() == ["female"]
    assert table[["low_months", "high_months"]].isna().all(axis=None)


def test_a_confidence_of_one_is_refused():
    with pytest.raises(InputError, match="confidence=1"):
        age_by_sex(load_histogram(), 1)


def test_drawn_labels_follow_the_histogram():
    labels = draw_labels(20_000, seed=1)
    assert labels["id"].tolist() == list(range(1, 20_001))
    assert labels["split"].value_counts().to_dict() == {
        "train": 12_000,
        "validation": 3_000,
        "test": 5_000,
    }
    train = labels[labels["split"] == "train"]
    assert train["boneage_months"].mean() == pytest.approx(127.3, abs=1.5)
    assert train["female"].mean() == pytest.approx(0.458, abs=0.02)


def test_drawn_labels_depend_on_the_seed_alone():
    pd.testing.assert_frame_equal(draw_labels(50, seed=3), draw_labels(50, seed=3))
    assert not draw_labels(50, seed=3).equals(draw_labels(50, seed=4))


@pytest.mark.parametrize("n", [3, 4, 5, 20])
@pytest.mark.parametrize("fractions", [(0.6, 0.15, 0.25), (0.02, 0.49, 0.49), (0.98, 0.01, 0.01)])
def test_no_split_is_empty(n, fractions):
    labels = draw_labels(n, fractions=fractions)
    assert len(labels) == n
    assert set(labels["split"]) == {"train", "validation", "test"}


@pytest.mark.parametrize(
    ("n", "fractions"), [(2, (0.6, 0.15, 0.25)), (30, (0.6, 0.4, 0.0)), (30, (0.6, 0.3, 0.3))]
)
def test_bad_requests_are_refused(n, fractions):
    with pytest.raises(InputError, match="expected"):
        draw_labels(n, fractions=fractions)
