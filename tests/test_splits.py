"""The stratified split, on any ages and sexes."""

from __future__ import annotations

import random as randomness

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boneage_lib.data.resampling import age_bins
from boneage_lib.data.splits import FRACTIONS, stratified_split
from boneage_lib.errors import InputError

Table = list[tuple[int, int]]
people = st.lists(st.tuples(st.integers(1, 228), st.integers(0, 1)), min_size=3, max_size=300)


def labels_of(table: Table) -> pd.DataFrame:
    ages, female = zip(*table, strict=True)
    return pd.DataFrame(
        {"id": np.arange(len(table)) * 3 + 7, "female": female, "boneage_months": ages}
    ).astype({"boneage_months": float})


@given(people, st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_the_split_ignores_the_order_of_rows(
    table: Table, seed: int, random: randomness.Random
) -> None:
    labels = labels_of(table)
    order = random.sample(range(len(table)), len(table))
    split = stratified_split(labels, seed)
    assert stratified_split(labels.iloc[order], seed).tolist() == split[order].tolist()
    assert set(split) == {"train", "validation", "test"}


@settings(max_examples=60)
@given(people.filter(lambda table: len(table) >= 60), st.integers(0, 1000))
def test_every_stratum_is_divided_in_proportion(table: Table, seed: int) -> None:
    labels = labels_of(table)
    split = stratified_split(labels, seed)
    stratum = 2 * age_bins(labels["boneage_months"].to_numpy()) + labels["female"]
    for members in labels.groupby(stratum.to_numpy()).groups.values():
        for name, share in zip(("train", "validation", "test"), FRACTIONS, strict=True):
            assert abs((split[members] == name).sum() - share * len(members)) < 1 + 1e-6
    for name, share in zip(("train", "validation", "test"), FRACTIONS, strict=True):
        assert abs((split == name).sum() - share * len(labels)) < 3


def test_the_seed_decides_the_split_and_a_share_of_zero_is_honored() -> None:
    labels = labels_of([(age, age % 2) for age in range(1, 200)])
    assert (stratified_split(labels, 0) != stratified_split(labels, 1)).any()
    halves = stratified_split(labels, 0, (0.5, 0.0, 0.5))
    assert set(halves) == {"train", "test"}


@pytest.mark.parametrize("fractions", [(0.7, 0.1, 0.1), (1.1, -0.1, 0.0)])
def test_shares_that_are_no_shares_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="add up to 1"):
        stratified_split(labels_of([(i, 0) for i in range(1, 20)]), 0, fractions)


def test_too_few_for_three_splits_are_refused() -> None:
    with pytest.raises(InputError, match="Found 2 labeled"):
        stratified_split(labels_of([(10, 0), (20, 1)]), 0)
