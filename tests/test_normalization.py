"""The floor under a perfect predictor's score when sets are normalized apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from boneage_lib.data import AgeNormalizer, load_histogram, normalization_floor
from boneage_lib.data.normalization import Ages, perfect_predictor_floor
from boneage_lib.errors import InputError

KEYS = ["split", "normalization", "train_resampled", "split_resampled"]


def test_every_way_to_normalize_is_scored_once() -> None:
    floor = normalization_floor(load_histogram())
    assert len(floor) == 16
    assert not floor.duplicated(KEYS).any()
    assert set(floor["split"]) == {"validation", "test"}


def test_one_ruler_for_all_has_no_floor() -> None:
    floor = normalization_floor(load_histogram())
    shared = floor["normalization"] == "train's"
    scores = ["rmse_z", "mae_z", "rmse_months", "mae_months"]
    assert (floor.loc[shared, scores] == 0).all(axis=None)
    assert (floor.loc[~shared, scores] > 0).all(axis=None)
    assert (floor["mae_z"] <= floor["rmse_z"]).all()


def test_floor_is_that_of_ages_counted_one_by_one() -> None:
    histogram = load_histogram()
    train, test = (
        np.repeat(part["months"], part["count"]).to_numpy(float)
        for part in (histogram[histogram["split"] == split] for split in ("train", "test"))
    )
    # Shares of a histogram have no n - 1 to divide by.
    network, labels = (AgeNormalizer(ages.mean(), ages.std()) for ages in (train, test))
    errors = network.to_z(test) - labels.to_z(test)
    in_months = labels.to_months(network.to_z(test)) - test  # read with the test set's own ruler
    row = normalization_floor(histogram).set_index(KEYS).loc[("test", "own", False, False)]
    assert float(row["rmse_z"]) == pytest.approx(np.sqrt((errors**2).mean()))
    assert float(row["mae_z"]) == pytest.approx(np.abs(errors).mean())
    assert float(row["rmse_months"]) == pytest.approx(np.sqrt((in_months**2).mean()))
    assert float(row["mae_months"]) == pytest.approx(np.abs(in_months).mean())


def test_floor_of_rsna_is_as_the_claims_have_it() -> None:
    histogram = load_histogram()
    train, test = Ages.of(histogram, "train"), Ages.of(histogram, "test")
    rows = normalization_floor(histogram).set_index(KEYS)["rmse_z"]
    assert perfect_predictor_floor(train, test, (True, True)) == rows["test", "own", True, True]
    assert rows["test", "own", True, True] == pytest.approx(0.098, abs=5e-4)
    assert rows["test", "own", True, False] == pytest.approx(0.43, abs=5e-3)


def test_expected_distinct_radiographs_are_those_of_rsna() -> None:
    histogram = load_histogram()
    assert Ages.of(histogram, "train").distinct(500) == pytest.approx(5_400, abs=10)
    assert Ages.of(histogram, "test").distinct(10) == pytest.approx(110, abs=0.5)


def test_a_missing_split_is_refused() -> None:
    histogram = pd.DataFrame({"split": ["test"], "female": 0, "months": 12, "count": 1})
    with pytest.raises(InputError, match="split='train'; expected one of test"):
        normalization_floor(histogram)
