"""Heaps of labels at whole and half years, and what rounding costs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from boneage_lib.data import heaping, implied_rounding, load_histogram, other_heaps, rounding_error
from boneage_lib.errors import InputError


def counted(months: np.ndarray, split: str = "train") -> pd.DataFrame:
    values, counts = np.unique(months, return_counts=True)
    return pd.DataFrame({"split": split, "female": 0, "months": values, "count": counts})


def test_heaps_are_those_of_rsna() -> None:
    heaps = heaping(load_histogram()).set_index(["split", "step_months"])["share"]
    assert 100 * heaps["train", 6] == pytest.approx(80.6, abs=0.05)
    assert 100 * heaps["train", 12] == pytest.approx(57.9, abs=0.05)
    assert heaps["test", 12] < 0.1  # an average of readers heaps no more


def test_months_as_likely_as_their_neighbors_do_not_heap() -> None:
    heaps = heaping(counted(np.arange(1, 241)), (2, 6, 12))
    np.testing.assert_allclose(heaps["share"], heaps["expected"])
    np.testing.assert_allclose(heaps["ratio"], 1)


@pytest.mark.parametrize("step", [1, 6, 12])
def test_rounding_error_is_that_of_rounded_ages(step: int) -> None:
    ages = np.linspace(0, 240, 480_001)
    errors = np.round(ages / step) * step - ages
    expected = rounding_error(step)
    assert np.abs(errors).max() == pytest.approx(expected["most_months"], rel=1e-3)
    assert np.abs(errors).mean() == pytest.approx(expected["mae_months"], rel=1e-3)
    assert np.sqrt((errors**2).mean()) == pytest.approx(expected["rmse_months"], rel=1e-3)


def test_a_known_mixture_is_found_again() -> None:
    months = np.arange(1, 241)
    kinds = {12: 5, 6: 3, 1: 2}  # tenths of the labels rounded to so many months
    labels = np.concatenate(
        [
            np.repeat(months[months % step == 0], step * count)  # the same number of each kind
            for step, count in kinds.items()
        ]
    )
    table = implied_rounding(counted(labels), "train")
    np.testing.assert_allclose(table["share"], [0.5, 0.3, 0.2, 1], atol=1e-12)
    rms = math.sqrt((0.5 * 144 + 0.3 * 36 + 0.2) / 12)
    assert table["rmse_months"].iloc[-1] == pytest.approx(rms)
    assert table["mae_months"].iloc[-1] == pytest.approx(0.5 * 3 + 0.3 * 1.5 + 0.2 * 0.25)


def test_labels_that_avoid_whole_years_are_no_mixture() -> None:
    months = np.arange(1, 241)
    with pytest.raises(InputError, match="no mixture of rounding"):
        implied_rounding(counted(months[months % 12 != 0]), "train")


def test_other_heaps_are_the_plates_of_girls() -> None:
    table = other_heaps(load_histogram(), "train", 3)
    assert table["months"].tolist() == [94, 106, 82]
    assert table["labels"].tolist() == [492, 478, 385]
    assert (table["female_share"] > 0.95).all()


def test_bad_requests_are_refused() -> None:
    histogram = load_histogram()
    with pytest.raises(InputError, match="steps=\\(1,\\)"):
        heaping(histogram, (1,))
    with pytest.raises(InputError, match="step_months=0"):
        rounding_error(0)
    for question in (implied_rounding, other_heaps):
        with pytest.raises(InputError, match="split='all'; expected one of train"):
            question(histogram, "all")
