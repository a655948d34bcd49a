"""Uniform resampling and the normalizer, on any ages and sexes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boneage_lib.data.histogram import load_histogram
from boneage_lib.data.resampling import (
    AgeNormalizer,
    age_bins,
    effective_sample_size,
    expected_draw,
    resample_uniformly,
)
from boneage_lib.errors import InputError

ages = st.floats(0, 240, allow_nan=False, width=32)
people = st.lists(st.tuples(ages, st.integers(0, 1)), min_size=1, max_size=60)


def columns(table: list[tuple[float, int]]) -> tuple[np.ndarray, np.ndarray]:
    boneage_months, female = zip(*table, strict=True)
    return np.array(boneage_months), np.array(female)


@given(people, st.integers(1, 30), st.integers(1, 12), st.integers(0, 2**32))
def test_every_occupied_cell_is_drawn_equally_often(
    table: list[tuple[float, int]], draws: int, bins: int, seed: int
) -> None:
    boneage_months, female = columns(table)
    drawn = resample_uniformly(boneage_months, female, draws, bins, seed)
    cell = 2 * age_bins(boneage_months, bins) + female
    occupied, counts = np.unique(cell[drawn], return_counts=True)
    assert drawn.dtype == np.int64
    assert drawn.min() >= 0 and drawn.max() < len(table)
    assert occupied.tolist() == np.unique(cell).tolist()
    assert (counts == draws).all()


def test_full_grid_gives_ten_thousand_draws() -> None:
    boneage_months = np.repeat(np.linspace(0, 228, 100), 2)
    female = np.tile([0, 1], 100)
    drawn = resample_uniformly(boneage_months, female)
    assert len(drawn) == 10_000
    assert female[drawn].mean() == 0.5


def test_the_seed_alone_decides_the_draw() -> None:
    boneage_months, female = np.arange(40.0), np.arange(40) % 2
    first = resample_uniformly(boneage_months, female, 5, seed=1)
    assert (first == resample_uniformly(boneage_months, female, 5, seed=1)).all()
    assert (first != resample_uniformly(boneage_months, female, 5, seed=2)).any()


def test_a_seed_draws_what_it_always_drew() -> None:
    """Published numbers hang on it; NumPy promises that its generators' draws stay."""
    boneage_months = np.arange(1, 229, 2.0)
    drawn = resample_uniformly(boneage_months, np.arange(114) % 2, 2, seed=0)
    assert drawn[:8].tolist() == [55, 100, 57, 24, 13, 81, 12, 14]


@given(st.lists(ages, min_size=1, max_size=50), st.integers(1, 12))
def test_age_bins_rise_with_age_and_stay_in_range(values: list[float], bins: int) -> None:
    numbers = age_bins(np.sort(values), bins)
    assert (np.diff(numbers) >= 0).all()
    assert numbers.min() >= 0 and numbers.max() < bins


def test_age_bins_have_equal_widths_and_hold_both_ends() -> None:
    assert age_bins(np.array([0.0, 9.9, 10.0, 50.0, 99.9, 100.0])).tolist() == [0, 0, 1, 5, 9, 9]


@pytest.mark.parametrize(("n", "draws"), [(0, 5), (3, 0)])
def test_nothing_to_draw_is_refused(n: int, draws: int) -> None:
    with pytest.raises(InputError, match=f"{n} labels and draws_per_cell={draws}"):
        resample_uniformly(np.arange(n), np.zeros(n, dtype=int), draws)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=200))
def test_effective_sample_size_lies_between_one_and_the_distinct_rows(drawn: list[int]) -> None:
    size = effective_sample_size(np.array(drawn))
    assert 1 - 1e-9 <= size <= len(set(drawn)) + 1e-9


@pytest.mark.parametrize(("cells", "draws"), [([1, 3, 40], 12), ([7], 1), ([500, 2], 30)])
def test_expected_draw_is_the_average_of_many(cells: list[int], draws: int) -> None:
    rng = np.random.default_rng(0)
    distinct, squares = [], []
    for _ in range(3000):
        repeats = [np.bincount(rng.integers(0, cell, draws), minlength=cell) for cell in cells]
        distinct.append(sum(np.count_nonzero(count) for count in repeats))
        squares.append(sum(int((count**2).sum()) for count in repeats))
    expected = expected_draw(np.array(cells), draws)
    assert expected["distinct"] == pytest.approx(np.mean(distinct), rel=0.01)
    effective = (draws * len(cells)) ** 2 / np.mean(squares)
    assert expected["effective"] == pytest.approx(effective, rel=0.02)


def test_draws_from_rsna_are_as_expected() -> None:
    histogram = load_histogram()
    for split, draws, distinct in (("train", 500, 5_400), ("test", 10, 110)):
        part = histogram[histogram["split"] == split]
        months, female = (part[name].repeat(part["count"]) for name in ("months", "female"))
        drawn = resample_uniformly(months.to_numpy(), female.to_numpy(), draws)
        assert len(np.unique(drawn)) == pytest.approx(distinct, rel=0.06)
        cell = 2 * age_bins(months.to_numpy()) + female.to_numpy()
        expected = expected_draw(np.unique(cell, return_counts=True)[1], draws)
        assert expected["distinct"] == pytest.approx(distinct, rel=0.002)
        assert effective_sample_size(drawn) == pytest.approx(expected["effective"], rel=0.06)


@pytest.mark.parametrize(("cells", "draws"), [([], 5), ([0, 3], 5), ([3], 0)])
def test_draws_from_nothing_are_refused(cells: list[int], draws: int) -> None:
    with pytest.raises(InputError, match="expected cells of one radiograph or more"):
        expected_draw(np.array(cells), draws)


@settings(max_examples=200)
@given(
    st.lists(st.floats(0, 240, allow_nan=False), min_size=2, max_size=50).filter(
        lambda values: max(values) - min(values) > 1e-3
    ),
    st.lists(st.floats(-100, 400, allow_nan=False), max_size=20),
)
def test_months_survive_the_way_to_z_and_back(fitted: list[float], months: list[float]) -> None:
    normalizer = AgeNormalizer.fit(np.array(fitted))
    back = normalizer.to_months(normalizer.to_z(np.array(months)))
    np.testing.assert_allclose(back, months, atol=1e-6)


@given(st.floats(0, 240), st.floats(0.5, 120), st.lists(st.floats(-50, 50), max_size=20))
def test_z_scores_survive_the_way_to_months_and_back(
    mean: float, std: float, z: list[float]
) -> None:
    normalizer = AgeNormalizer(mean, std)
    np.testing.assert_allclose(normalizer.to_z(normalizer.to_months(np.array(z))), z, atol=1e-9)


def test_fitted_ages_get_mean_zero_and_deviation_one() -> None:
    fitted = np.array([12.0, 60.0, 120.0, 228.0])
    normalizer = AgeNormalizer.fit(fitted)
    z = normalizer.to_z(fitted)
    assert z.mean() == pytest.approx(0)
    assert z.std(ddof=1) == pytest.approx(1)
    assert AgeNormalizer(**normalizer.as_dict()) == normalizer


@pytest.mark.parametrize("fitted", [[], [120.0], [120.0, 120.0]])
def test_ages_that_do_not_differ_cannot_be_normalized(fitted: list[float]) -> None:
    with pytest.raises(InputError, match="two different ages"):
        AgeNormalizer.fit(np.array(fitted))
